//! How a connection to a target is made: its name is resolved, its addresses are tried, and TLS is
//! spoken where it is wanted.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

use super::Startup;
use super::attempts::{connect, connect_any, in_turn};
use super::preferred::Preferred;
use super::startup::RETRY_DELAY;
use crate::address::Address;
use crate::error::{DialError, words};
use crate::net::{ResolveError, Resolver, SocketFile, Stream};
use crate::tls::{Connector, Reload, target_words};

/// Connects to targets.
#[derive(Debug)]
pub struct Dialer {
    resolver: Resolver,
    /// Permits for attempts beside the first of a dial.
    extra: Arc<Semaphore>,
    preferred: Preferred,
    tls: Option<Connector>,
    startup: Arc<Startup>,
}

impl Dialer {
    /// One that speaks TLS with TCP targets, if there is a connector. Each attempt of a dial except the
    /// first takes a permit of `extra`. While the `startup` of the wrapped program is under way, a
    /// target that cannot be reached is tried again.
    pub fn new(
        tls: Option<Connector>,
        resolver: Resolver,
        extra: Arc<Semaphore>,
        startup: Arc<Startup>,
    ) -> Self {
        Self { resolver, extra, preferred: Preferred::default(), tls, startup }
    }

    /// Whether there is a file of the targets' authorities.
    pub fn has_files(&self) -> bool {
        self.tls.as_ref().is_some_and(Connector::has_files)
    }

    /// Reloads the file of the targets' authorities where it has changed. It blocks.
    pub fn reload(&self) -> Option<Reload> {
        self.tls.as_ref().and_then(Connector::reload)
    }

    /// Connects to a target. `limit` covers the name, all its addresses, and TLS together.
    ///
    /// # Errors
    /// Which of the three failed, or that the time was up.
    pub async fn dial(&self, target: &Address, limit: Duration) -> Result<Stream, DialError> {
        let until = Instant::now() + limit;
        let dialed = timeout_at(until, async {
            let stream = self.connect_started(target, limit, until).await?;
            self.secure(stream, target).await
        });
        dialed.await.unwrap_or(Err(DialError::TimedOut))
    }

    async fn secure(&self, stream: Stream, target: &Address) -> Result<Stream, DialError> {
        let (Some(tls), Address::Tcp { host, .. }) = (&self.tls, target) else { return Ok(stream) };
        let name =
            Connector::server_name(host).map_err(|error| DialError::Tls(error.to_string()))?;
        let secured = stream.connect_tls(tls.config(), name).await;
        secured.map_err(|error| DialError::Tls(target_words(&error)))
    }

    async fn connect_started(
        &self,
        target: &Address,
        limit: Duration,
        until: Instant,
    ) -> Result<Stream, DialError> {
        loop {
            let connected = self.connect(target, until).await;
            let is_last = Instant::now() + RETRY_DELAY >= until;
            match connected {
                Err(DialError::Unreachable(_)) if !is_last && self.startup.is_under_way(limit) => {
                    sleep(RETRY_DELAY).await;
                }
                Ok(stream) => {
                    self.startup.finish();
                    return Ok(stream);
                }
                failed => return failed,
            }
        }
    }

    async fn connect(&self, target: &Address, until: Instant) -> Result<Stream, DialError> {
        match (target, target.ip(), target.name()) {
            (Address::Tcp { port, .. }, Some(ip), _) => {
                let (stream, _) = connect(SocketAddr::new(ip, *port)).await?;
                Ok(Stream::dialed(stream))
            }
            (Address::Unix(path), ..) => connect_unix(&path.clone().into()).await,
            (Address::UnixByToken(socket), ..) => connect_unix(socket).await,
            (_, _, Some((name, port))) => self.connect_by_name(name, port, until).await,
            _ => Err(DialError::Unreachable("it is not a server".to_owned())),
        }
    }

    async fn connect_by_name(
        &self,
        name: &str,
        port: u16,
        until: Instant,
    ) -> Result<Stream, DialError> {
        let addresses = self.resolver.addresses(name, port).await.map_err(|error| match error {
            ResolveError::Busy => DialError::Unreachable(error.to_string()),
            _ => DialError::Unresolved(name.to_owned()),
        })?;
        // A name is forgotten when nothing answers, also when the time is up meanwhile.
        let mut forget = Forget { resolver: &self.resolver, name: Some(name) };
        let name = (name.into(), port);
        let addresses = self.preferred.first(&name, in_turn(addresses));
        let first = addresses.first().copied();
        let (stream, address) = connect_any(addresses, until, &self.extra).await?;
        forget.name = None;
        if first != Some(address) {
            self.preferred.remember(name, address);
        }
        Ok(Stream::dialed(stream))
    }
}

/// Forgets a name, unless it was taken out.
struct Forget<'a> {
    resolver: &'a Resolver,
    name: Option<&'a str>,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        if let Some(name) = self.name {
            self.resolver.forget(name);
        }
    }
}

async fn connect_unix(socket: &SocketFile) -> Result<Stream, DialError> {
    socket.connect().await.map_err(|error| {
        DialError::Unreachable(match error.kind() {
            io::ErrorKind::Unsupported => "this system has no Unix sockets for programs".to_owned(),
            _ => words(&error),
        })
    })
}
