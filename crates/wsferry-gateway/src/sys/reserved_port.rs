//! A port that is kept for a program while it does not run.
//!
//! A socket that is bound and does not listen keeps a port from all but the sockets that share it
//! (`SO_REUSEPORT`, socket(7)), and the kernel lets only those of the same user do that. The shim has
//! the program's socket share it. So nobody else can listen there before the program does, or between
//! its end and its next start, and be taken for it.
//!
//! A program that changes its user before it binds could not share the port. It inherits sockets that
//! are bound already, and the shim puts them in the place of its own.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use rustix::fs::fstat;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::sockopt::set_socket_reuseport;
use socket2::{Domain, Socket, Type};
use tokio::process::Command;

/// How many ports are tried: one that is free for IPv4 may be taken for IPv6.
const TRIES: usize = 16;

/// A port of 127.0.0.1, and of `::1` where there is one; kept until this is dropped.
#[derive(Debug)]
pub struct ReservedPort {
    number: u16,
    _sockets: [Option<Socket>; 2],
}

impl ReservedPort {
    /// A port that was free.
    ///
    /// # Errors
    /// What the system says.
    pub fn new() -> io::Result<Self> {
        let mut taken = io::ErrorKind::AddrInUse.into();
        for _ in 0..TRIES {
            let v4 = bound((Ipv4Addr::LOCALHOST, 0).into())?;
            let number = v4.local_addr()?.as_socket().map_or(0, |place| place.port());
            let v6 = match bound((Ipv6Addr::LOCALHOST, number).into()) {
                Ok(v6) => Some(v6),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    taken = error;
                    continue;
                }
                Err(_) => None, // there is no IPv6
            };
            return Ok(Self { number, _sockets: [Some(v4), v6] });
        }
        Err(taken)
    }

    /// Where the program is dialled.
    pub const fn address(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.number)
    }

    /// Lets a program inherit sockets that are bound there, and tells it their numbers and inodes
    /// (`9:1234,10:1235`) in a variable. Keep them until it was started. None where it cannot change
    /// its user.
    pub fn hand_over(&self, command: &mut Command, variable: &str) -> Vec<Socket> {
        command.env_remove(variable); // of a gateway that this one is wrapped by
        if !rustix::process::geteuid().is_root() {
            return Vec::new();
        }
        let (v4, v6) = (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
        let hosts = [IpAddr::V4(v4), v4.to_ipv6_mapped().into(), v6.into()];
        let mut sockets = Vec::new();
        let mut told = Vec::new();
        for host in hosts {
            // Without it, only a program that has changed its user cannot be moved there.
            let Ok(socket) = bound((host, self.number).into()) else { continue };
            let Ok(facts) = fstat(&socket) else { continue };
            if fcntl_setfd(&socket, FdFlags::empty()).is_ok() {
                told.push(format!("{}:{}", socket.as_raw_fd(), facts.st_ino));
                sockets.push(socket);
            }
        }
        command.env(variable, told.join(","));
        sockets
    }
}

/// A socket that shares its address with others of the same user.
fn bound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if let SocketAddr::V6(v6) = address {
        socket.set_only_v6(v6.ip().to_ipv4_mapped().is_none())?;
    }
    set_socket_reuseport(&socket, true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}
