//! How things fail, and on whose side: what a start-up or a dial can run into.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

/// Why the gateway could not be started. Each sentence says what to do.
#[derive(Debug, Error)]
pub enum StartError {
    /// The address is in use.
    #[error(
        "cannot listen on {address}: the port is in use. Stop the program that uses it, or choose \
         another port"
    )]
    PortInUse {
        /// What was to be bound.
        address: SocketAddr,
    },
    /// The port needs rights that this process does not have.
    #[error(
        "cannot listen on {address}: permission denied. Ports below 1024 need extra rights: choose \
         a higher one, or grant CAP_NET_BIND_SERVICE"
    )]
    PortDenied {
        /// What was to be bound.
        address: SocketAddr,
    },
    /// Any other failure to bind.
    #[error(
        "cannot listen on {address}: {source}. Choose an address of this machine, or leave the \
         host out to listen on all of them"
    )]
    Bind {
        /// What was to be bound.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A name that leads to no address.
    #[error(
        "the {role} {host:?} does not resolve: {reason}. Check the spelling, or use an IP address"
    )]
    Unresolved {
        /// `listen host` or `target host`.
        role: &'static str,
        /// The name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// `--web` does not name a directory that can be read.
    #[error(
        "cannot serve the directory {path:?}: {source}. Create it, or give --web the directory \
         that holds index.html"
    )]
    WebRoot {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `--record` does not name a file that can be created.
    #[error(
        "cannot record to {path:?}: {source}. Give --record a file name in a directory that exists \
         and may be written to"
    )]
    Record {
        /// The file, without the number of a session.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why a target could not be reached.
#[derive(Debug, Error)]
pub enum DialError {
    /// The name leads to no address.
    #[error("{0} does not resolve")]
    Unresolved(String),
    /// Every address refused or was unreachable: what the last one said.
    #[error("{0}")]
    Unreachable(String),
    /// No address answered in time.
    #[error("timed out")]
    TimedOut,
}

/// A socket's error in words for people: without the system's number, which means nothing to them.
pub fn words(error: &io::Error) -> String {
    use io::ErrorKind;
    let words = match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused",
        ErrorKind::ConnectionReset => "connection reset",
        ErrorKind::BrokenPipe => "connection closed",
        ErrorKind::HostUnreachable => "host unreachable",
        ErrorKind::NetworkUnreachable => "network unreachable",
        ErrorKind::TimedOut => "timed out",
        _ => return error.to_string(),
    };
    words.to_owned()
}
