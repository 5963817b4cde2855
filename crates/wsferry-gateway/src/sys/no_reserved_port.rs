//! The stand-in where no program is moved: only Linux has the shim.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use socket2::Socket;
use tokio::process::Command;

/// No port.
#[derive(Debug)]
pub struct ReservedPort;

impl ReservedPort {
    /// No port.
    ///
    /// # Errors
    /// Always.
    pub fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Nowhere.
    pub const fn address(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)
    }

    /// Nothing.
    pub const fn hand_over(&self, _: &mut Command, _: &str) -> Vec<Socket> {
        Vec::new()
    }
}
