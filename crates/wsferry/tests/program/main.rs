//! The program: the built binary, as a person runs it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // a test that cannot go on fails

mod browser;
mod cpp_servers;
mod demo;
mod documented;
mod foreign_clients;
mod logging;
mod replay;
mod run_once;
#[cfg(unix)]
mod secrets;
mod signals;
mod start_up;
mod support;
mod usage;
#[cfg(target_os = "linux")]
mod wrapped;
