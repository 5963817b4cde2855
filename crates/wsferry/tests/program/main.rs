//! The program: the built binary, as a person runs it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // a test that cannot go on fails

#[cfg(target_os = "linux")]
mod activation;
#[cfg(target_os = "linux")]
mod behind_proxies;
mod browser;
mod cpp_servers;
#[cfg(unix)]
mod daemon;
mod demo;
#[cfg(target_os = "linux")]
mod descriptors;
mod did_you_mean;
mod documented;
mod environment;
mod foreign_clients;
#[cfg(unix)]
mod inetd;
mod listing;
#[cfg(unix)]
mod log_rotation;
mod logging;
#[cfg(unix)]
mod pid_file;
mod replay;
mod run_once;
#[cfg(unix)]
mod secrets;
mod signals;
mod start_up;
#[cfg(target_os = "linux")]
mod stuck_output;
mod support;
#[cfg(unix)]
mod syslog;
#[cfg(unix)]
mod terminal;
mod timeouts;
mod tls;
#[cfg(unix)]
mod unix_sockets;
mod usage;
#[cfg(target_os = "linux")]
mod wrapped;
