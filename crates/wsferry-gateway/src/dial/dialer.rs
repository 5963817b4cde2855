//! How a connection to a target comes about: its name is looked up, its addresses are tried, and TLS
//! is spoken where it is wanted.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

use super::Startup;
use super::attempts::{connect, connect_any, in_turn};
use super::startup::RETRY_DELAY;
use crate::address::Address;
use crate::error::{DialError, words};
use crate::net::{ResolveError, Resolver, SocketFile, Stream};
use crate::tls::{Connector, Reload, target_words};

/// How long the address that answered is tried first.
const PREFERRED_FOR: Duration = Duration::from_secs(5);

/// The maximum number of names whose address is remembered.
const MAX_PREFERRED: usize = 1024;

/// Connects to targets.
#[derive(Debug)]
pub struct Dialer {
    resolver: Resolver,
    /// Permits for attempts beside the first of a dial.
    extra: Arc<Semaphore>,
    preferred: Mutex<HashMap<Name, (SocketAddr, Instant)>>,
    tls: Option<Connector>,
    startup: Arc<Startup>,
}

/// A host name and a port.
type Name = (Box<str>, u16);

impl Dialer {
    /// One that speaks TLS with TCP targets, if it is given what for. Each attempt beside the first of
    /// a dial takes a permit of `extra`. While the `startup` of the wrapped
    /// program is under way, a target that cannot be reached is tried again.
    pub fn new(
        tls: Option<Connector>,
        resolver: Resolver,
        extra: Arc<Semaphore>,
        startup: Arc<Startup>,
    ) -> Self {
        Self { resolver, extra, preferred: Mutex::default(), tls, startup }
    }

    /// Whether TLS is spoken with targets.
    pub const fn speaks_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Looks at the file of those that vouch for targets. It blocks.
    pub fn reload(&self) -> Option<Reload> {
        self.tls.as_ref().and_then(Connector::reload)
    }

    /// Connects to a target; `limit` is for the name and all its addresses together.
    ///
    /// # Errors
    /// Which of the two, name or connection, failed, or that the time was over.
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
        let no_tls = |error: String| DialError::Tls(error);
        let name = Connector::server_name(host).map_err(|error| no_tls(error.to_string()))?;
        let secured = stream.connect_tls(tls.config(), name).await;
        secured.map_err(|error| no_tls(target_words(&error)))
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
        // A name is forgotten when nothing answers, also when the time is over meanwhile.
        let mut forget = Forget { resolver: &self.resolver, name: Some(name) };
        let name = (name.into(), port);
        let addresses = self.preferred_first(&name, in_turn(addresses));
        let first = addresses.first().copied();
        let (stream, address) = connect_any(addresses, until, &self.extra).await?;
        forget.name = None;
        if first != Some(address) {
            self.prefer(name, address);
        }
        Ok(Stream::dialed(stream))
    }

    /// The addresses with the one in front that answered last.
    fn preferred_first(&self, name: &Name, mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
        if let Some(&(address, until)) = self.preferred().get(name)
            && Instant::now() < until
            && let Some(index) = addresses.iter().position(|&other| other == address)
        {
            addresses[..=index].rotate_right(1);
        }
        addresses
    }

    /// The next dials begin with the address that answered.
    fn prefer(&self, name: Name, address: SocketAddr) {
        let now = Instant::now();
        let mut preferred = self.preferred();
        if preferred.len() >= MAX_PREFERRED {
            preferred.retain(|_, &mut (_, until)| now < until);
        }
        if preferred.len() < MAX_PREFERRED {
            preferred.insert(name, (address, now + PREFERRED_FOR));
        }
    }

    fn preferred(&self) -> MutexGuard<'_, HashMap<Name, (SocketAddr, Instant)>> {
        self.preferred.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_that_answered_is_tried_first_the_next_time() {
        let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
        let dialer =
            Dialer::new(None, Resolver::default(), Arc::new(Semaphore::new(0)), Arc::default());
        let name: Name = ("localhost".into(), 1);
        let addresses = ["[::1]:1", "127.0.0.1:1", "127.0.0.2:1"].map(parse).to_vec();
        dialer.prefer(name.clone(), parse("127.0.0.1:1"));
        let expected = ["127.0.0.1:1", "[::1]:1", "127.0.0.2:1"].map(parse).to_vec();
        assert_eq!(dialer.preferred_first(&name, addresses.clone()), expected);
        assert_eq!(dialer.preferred_first(&("localhost".into(), 2), addresses.clone()), addresses);
    }
}
