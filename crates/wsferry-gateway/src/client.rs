//! Where a client comes from.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The other end of an accepted connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientAddress {
    /// A machine.
    Tcp(SocketAddr),
    /// Some process of this machine, by a Unix socket.
    Unix,
}

impl ClientAddress {
    /// The IP address; none on a Unix socket.
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip()),
            Self::Unix => None,
        }
    }
}

/// A client of an IPv6 socket that came by IPv4 is known by its IPv4 address.
impl From<SocketAddr> for ClientAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}
