//! One suite, two programs: the behaviours of websockify that its users rely on, asked of the real
//! websockify and of `wsferry websockify`, with the same words.
//!
//! A behaviour is written once, as an `async fn behaviour(program: Subject)`. `same!` makes two tests
//! of it, `behaviour::websockify` and `behaviour::wsferry`. Where wsferry differs on purpose, the
//! behaviour is a row of the table in `differences.rs`, which makes the two tests, and says why;
//! what each of the two does is asserted.

#![cfg(target_os = "linux")]
// where websockify is at home: wrapped programs, /proc
// Helpers may panic as well as the tests that call them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[macro_use]
mod subject;

mod auth;
mod client;
mod daemon;
mod differences;
mod documents;
mod ends;
mod logs;
mod pki;
mod record;
mod relay;
mod subprotocols;
mod tls;
mod tls_clients;
mod tokens;
mod unix;
mod usage;
mod web;
mod wrap;
