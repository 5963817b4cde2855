//! What wsferry's tests are made of: real targets, clients written by others, a real browser.
//!
//! Everything waits for events with a deadline, nothing sleeps; ports are `:0`; a component that is
//! missing fails the test with the sentence that says how to install it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test that cannot go on fails
pub mod browser;
pub mod clients;
pub mod cpp;
pub mod emscripten;
pub mod patience;
pub mod pki;
pub mod program;
pub mod raw;
pub mod redis;
pub mod shim;
pub mod stream;
pub mod targets;
