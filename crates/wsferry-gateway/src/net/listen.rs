//! Listening sockets.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::time::timeout;

#[cfg(unix)]
use super::Socket as Connected;
use super::socket::set_options;
use super::{Resolver, Stream};
use crate::client::ClientAddress;
use crate::error::StartError;
use crate::timeouts;

/// The maximum number of connections that wait to be accepted; the system caps it by its own limit.
const BACKLOG: i32 = 4096;
/// A socket that accepts connections.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket.
    #[cfg(unix)]
    Unix {
        /// What removes its name, before it closes: a name without a listener could be taken by
        /// another process in between. `None` when somebody else opened it.
        name: Option<super::SocketName>,
        /// The socket.
        listener: UnixListener,
    },
}

impl Listener {
    /// Waits for a connection.
    ///
    /// # Errors
    /// Those of accept(2).
    pub async fn accept(&self) -> io::Result<(Stream, ClientAddress)> {
        match self {
            Self::Tcp(listener) => {
                let (socket, client) = listener.accept().await?;
                Ok((Stream::accepted(socket), client.into()))
            }
            #[cfg(unix)]
            Self::Unix { listener, .. } => {
                let (socket, _) = listener.accept().await?;
                Ok((Stream::Plain(Connected::Unix(socket)), ClientAddress::Unix))
            }
        }
    }

    /// Where it listens; `None` on a Unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(unix)]
            Self::Unix { .. } => None,
        }
    }
}

/// The addresses of a host to listen on; an empty host means all addresses, IPv4 and IPv6.
///
/// # Errors
/// [`StartError::Unresolved`].
pub async fn resolve_listen(
    host: &str,
    port: u16,
    resolver: &Resolver,
) -> Result<Vec<SocketAddr>, StartError> {
    if host.is_empty() {
        return Ok(vec![SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)]);
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let unresolved =
        |reason| StartError::Unresolved { role: "listen host", host: host.to_owned(), reason };
    let found = timeout(timeouts::LISTENER_NAME, resolver.addresses(host, port)).await;
    let found = found.map_err(|_| unresolved("the resolver does not answer".to_owned()))?;
    let mut addresses = found.map_err(|error| unresolved(error.to_string()))?;
    addresses.sort();
    addresses.dedup();
    Ok(addresses)
}

/// How often a free port of the first address is tried that is taken on another one.
const TRIES: usize = 16;

/// Binds all `addresses` of one host. With port 0, all get the port that the first one got.
///
/// # Errors
/// A sentence about the address that cannot be bound.
pub fn bind(addresses: &[SocketAddr]) -> Result<Vec<Listener>, StartError> {
    let any_port = addresses.iter().all(|address| address.port() == 0);
    for _ in 1..TRIES {
        match bind_all(addresses) {
            Err(StartError::PortInUse { .. }) if any_port => {}
            result => return Ok(result?.into_iter().map(Listener::Tcp).collect()),
        }
    }
    Ok(bind_all(addresses)?.into_iter().map(Listener::Tcp).collect())
}

fn bind_all(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, StartError> {
    let mut listeners: Vec<TcpListener> = Vec::new();
    let mut skipped = None;
    for &(mut address) in addresses {
        if let Some(first) = listeners.first().and_then(|first| first.local_addr().ok())
            && address.port() == 0
        {
            address.set_port(first.port());
        }
        let listener = match listen(address) {
            // A machine without IPv6: all addresses are those of IPv4, and a name that leads to both
            // leads to the other one.
            Err(error)
                if address.is_ipv6() && lacks_ipv6(&error) && address.ip().is_unspecified() =>
            {
                address.set_ip(Ipv4Addr::UNSPECIFIED.into());
                listen(address)
            }
            Err(error) if address.is_ipv6() && lacks_ipv6(&error) => {
                skipped = Some(start_error(address, error));
                continue;
            }
            result => result,
        };
        listeners.push(listener.map_err(|source| start_error(address, source))?);
    }
    match skipped {
        Some(error) if listeners.is_empty() => Err(error),
        _ => Ok(listeners),
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if let IpAddr::V6(ip) = address.ip() {
        // `[::]` alone takes IPv4 too, whatever the system's default is.
        socket.set_only_v6(!ip.is_unspecified())?;
    }
    // Elsewhere it lets a restart bind at once; on Windows it would let two programs share a port.
    if cfg!(not(windows)) {
        socket.set_reuse_address(true)?;
    }
    set_options(&SockRef::from(&socket))?; // for those that are accepted
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn lacks_ipv6(error: &io::Error) -> bool {
    // EAFNOSUPPORT has no kind of its own.
    let no_family = match std::env::consts::OS {
        "linux" => 97,
        "windows" => 10047,
        _ => 47,
    };
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(no_family)
}

fn start_error(address: SocketAddr, source: io::Error) -> StartError {
    match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortInUse { address },
        io::ErrorKind::PermissionDenied => StartError::PortDenied { address },
        _ => StartError::Bind { address, source },
    }
}
