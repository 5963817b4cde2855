//! Where a gateway listens, and how its sockets come to be.

use std::net::SocketAddr;
use std::path::PathBuf;

use wsferry_proto::HostName;

use crate::auth::Reach;
use crate::client::ClientAddress;
use crate::error::StartError;
use crate::net::{self, Listener, Resolver, Stream};
use crate::sys;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// TCP. Sockets that are given are used instead.
    Tcp {
        /// A name or an address; empty: all addresses.
        host: String,
        /// The port; 0: a free one.
        port: u16,
    },
    /// A Unix socket. Sockets that are given are used instead.
    #[cfg(unix)]
    Unix {
        /// Its name.
        path: PathBuf,
        /// Who may connect, as in chmod(1).
        mode: u32,
    },
    /// On sockets that are given when the gateway is bound: listening ones, or one connection.
    #[cfg(unix)]
    Given,
}

impl Listen {
    /// The names under which a browser may know the listener.
    pub(super) fn names(&self) -> Vec<HostName> {
        let mut names = sys::machine_names();
        if let Self::Tcp { host, .. } = self {
            names.extend(host.parse::<HostName>().ok());
        }
        names
    }
}

/// The sockets of a listener.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    pub(super) listeners: Vec<Listener>,
    /// The only connection that there will be, where inetd has accepted it.
    pub(super) connection: Option<(Stream, ClientAddress)>,
}

impl Sockets {
    /// Binds them.
    pub(super) async fn open(listen: &Listen, resolver: &Resolver) -> Result<Self, StartError> {
        match listen {
            Listen::Tcp { host, port } => {
                let addresses = net::resolve_listen(host, *port, resolver).await?;
                Ok(Self { listeners: net::bind(&addresses)?, connection: None })
            }
            #[cfg(unix)]
            Listen::Unix { path, mode } => {
                let listeners = vec![net::listen_unix(path, *mode)?];
                Ok(Self { listeners, connection: None })
            }
            #[cfg(unix)]
            Listen::Given => {
                Err(StartError::Inherited(std::io::Error::other("no socket was given")))
            }
        }
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(Listener::address).collect()
    }

    /// From where they can be reached.
    pub(super) fn reach(&self) -> Reach {
        let is_loopback = |client: &ClientAddress| client.ip().is_some_and(|ip| ip.is_loopback());
        match (&*self.addresses(), &self.connection) {
            ([], Some((_, ClientAddress::Unix)) | None) => Reach::Unix,
            ([], Some((_, client))) if is_loopback(client) => Reach::Loopback,
            ([], Some(_)) => Reach::Network,
            (tcp, _) if tcp.iter().all(|address| address.ip().is_loopback()) => Reach::Loopback,
            _ => Reach::Network,
        }
    }
}

#[cfg(unix)]
impl FromIterator<net::Inherited> for Sockets {
    fn from_iter<I: IntoIterator<Item = net::Inherited>>(sockets: I) -> Self {
        let mut all = Self::default();
        for socket in sockets {
            match socket {
                net::Inherited::Listener(listener) => all.listeners.push(listener),
                net::Inherited::Connection(stream, client) => {
                    all.connection = Some((stream, client));
                }
            }
        }
        all
    }
}
