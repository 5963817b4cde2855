//! How a connection to a target comes about: every address of its name is tried, the families in
//! turn, a new one every 250 ms while the others have not answered (happy eyeballs, RFC 8305).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::address::Address;
use crate::error::{DialError, words};
use crate::net::tls::Connector;
use crate::net::{Socket, Stream};

/// RFC 8305 §5, "Connection Attempt Delay".
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// How long the answer of a look-up is used again. A look-up costs more than the rest of a session's
/// start; a name that moves is noticed after this time, or as soon as nothing answers any more.
const KNOWN_FOR: Duration = Duration::from_secs(5);

/// As many names are remembered.
const MAX_KNOWN: usize = 1024;

/// Connects to targets, and remembers their names for a moment.
#[derive(Debug, Default)]
pub struct Dialer {
    known: Mutex<HashMap<Name, Known>>,
    tls: Option<Connector>,
}

/// A host name and a port.
type Name = (Box<str>, u16);

/// The answer of a look-up, the address that answered last in front.
#[derive(Clone, Debug)]
struct Known {
    addresses: Vec<SocketAddr>,
    until: Instant,
}

impl Dialer {
    /// One that speaks TLS with TCP targets, if it is given what for.
    pub fn new(tls: Option<Connector>) -> Self {
        Self { known: Mutex::default(), tls }
    }

    /// Connects to a target; `limit` is for the name and all its addresses together.
    ///
    /// # Errors
    /// Which of the two, name or connection, failed, or that the time was over.
    pub async fn dial(&self, target: &Address, limit: Duration) -> Result<Stream, DialError> {
        let dialed = timeout(limit, async {
            let stream = self.connect(target).await?;
            self.secure(stream, target).await
        });
        dialed.await.unwrap_or(Err(DialError::TimedOut))
    }

    async fn secure(&self, stream: Stream, target: &Address) -> Result<Stream, DialError> {
        let (Some(tls), Address::Tcp { host, .. }) = (&self.tls, target) else { return Ok(stream) };
        let no_tls = |error: String| DialError::Tls(error);
        let name = Connector::server_name(host).map_err(|error| no_tls(error.to_string()))?;
        let secured = stream.connect_tls(tls.config(), name).await;
        secured.map_err(|error| no_tls(words(&error)))
    }

    async fn connect(&self, target: &Address) -> Result<Stream, DialError> {
        match (target, target.ip(), target.name()) {
            (Address::Tcp { port, .. }, Some(ip), _) => {
                let (stream, _) = connect(SocketAddr::new(ip, *port)).await?;
                Ok(Stream::dialed(stream))
            }
            (Address::Unix(path) | Address::UnixByToken(path), ..) => connect_unix(path).await,
            (_, _, Some((name, port))) => self.connect_by_name(name, port).await,
            _ => Err(DialError::Unreachable("it is not a server".to_owned())),
        }
    }

    async fn connect_by_name(&self, name: &str, port: u16) -> Result<Stream, DialError> {
        let key = (Box::from(name), port);
        // A name is forgotten when nothing answers, also when the time is over meanwhile.
        let mut forget = Forget { dialer: self, key: Some(key) };
        let addresses = self.addresses(name, port).await?;
        let (stream, address) = connect_any(addresses).await?;
        if let Some(key) = forget.key.take() {
            self.prefer(&key, address);
        }
        Ok(Stream::dialed(stream))
    }

    async fn addresses(&self, name: &str, port: u16) -> Result<Vec<SocketAddr>, DialError> {
        let key = (Box::from(name), port);
        if let Some(known) = self.known().get(&key)
            && Instant::now() < known.until
        {
            return Ok(known.addresses.clone());
        }
        let unresolved = || DialError::Unresolved(name.to_owned());
        let found: Vec<_> = lookup_host((name, port)).await.map_err(|_| unresolved())?.collect();
        if found.is_empty() {
            return Err(unresolved());
        }
        let addresses = in_turn(found);
        let now = Instant::now();
        let mut known = self.known();
        if known.len() >= MAX_KNOWN {
            known.retain(|_, known| now < known.until);
        }
        if known.len() < MAX_KNOWN {
            known.insert(key, Known { addresses: addresses.clone(), until: now + KNOWN_FOR });
        }
        Ok(addresses)
    }

    /// The next dial begins with the address that answered.
    fn prefer(&self, name: &Name, address: SocketAddr) {
        if let Some(known) = self.known().get_mut(name)
            && known.addresses.first() != Some(&address)
            && let Some(index) = known.addresses.iter().position(|&other| other == address)
        {
            known.addresses[..=index].rotate_right(1);
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Name, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets a name, unless the key was taken.
struct Forget<'a> {
    dialer: &'a Dialer,
    key: Option<Name>,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.dialer.known().remove(key);
        }
    }
}

#[cfg(unix)]
async fn connect_unix(path: &Path) -> Result<Stream, DialError> {
    match tokio::net::UnixStream::connect(path).await {
        Ok(stream) => Ok(Stream::Plain(Socket::Unix(stream))),
        Err(error) => Err(DialError::Unreachable(words(&error))),
    }
}

#[cfg(not(unix))]
async fn connect_unix(_path: &Path) -> Result<Stream, DialError> {
    let why = "this system has no Unix sockets for programs";
    std::future::ready(Err(DialError::Unreachable(why.to_owned()))).await
}

/// The addresses with the families in turn, beginning with the one that the system prefers
/// (RFC 8305 §4).
fn in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().copied() else { return addresses };
    let (preferred, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv4() == first.is_ipv4());
    let mut turns = Vec::with_capacity(preferred.len() + other.len());
    let (mut preferred, mut other) = (preferred.into_iter(), other.into_iter());
    loop {
        let before = turns.len();
        turns.extend(preferred.next());
        turns.extend(other.next());
        if turns.len() == before {
            return turns;
        }
    }
}

/// The first connection that comes about, and to which address.
async fn connect_any(addresses: Vec<SocketAddr>) -> Result<(TcpStream, SocketAddr), DialError> {
    let mut waiting = addresses.into_iter();
    let Some(first) = waiting.next() else {
        return Err(DialError::Unreachable("it has no address".to_owned()));
    };
    // Nearly always the first one answers, and then no task is spawned.
    let mut connecting = Box::pin(connect(first));
    let mut attempts = JoinSet::new();
    let mut last = DialError::TimedOut;
    if waiting.len() == 0 {
        return connecting.await;
    }
    match timeout(ATTEMPT_DELAY, &mut connecting).await {
        Ok(Ok(stream)) => return Ok(stream),
        Ok(Err(error)) => last = error,
        Err(_) => drop(attempts.spawn(connecting)),
    }
    loop {
        let Some(address) = waiting.next() else {
            // Nothing more to begin: what is under way decides.
            match attempts.join_next().await {
                Some(Ok(Ok(stream))) => return Ok(stream),
                Some(Ok(Err(error))) => last = error,
                Some(Err(_)) => {}
                None => return Err(last),
            }
            continue;
        };
        attempts.spawn(connect(address));
        tokio::select! {
            Some(ended) = attempts.join_next() => match ended {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(_) => {}
            },
            () = sleep(ATTEMPT_DELAY), if waiting.len() > 0 => {}
        }
    }
}

async fn connect(address: SocketAddr) -> Result<(TcpStream, SocketAddr), DialError> {
    match TcpStream::connect(address).await {
        Ok(stream) => Ok((stream, address)),
        Err(error) => Err(DialError::Unreachable(words(&error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_families_take_turns_beginning_with_the_preferred_one() {
        let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
        let given = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"].map(parse).to_vec();
        let expected = ["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"].map(parse).to_vec();
        assert_eq!(in_turn(given), expected);
    }

    #[tokio::test]
    async fn an_address_that_refuses_does_not_keep_the_next_one_waiting() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        let closed =
            tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let (stream, _) = connect_any(vec![closed, good]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
    }

    #[test]
    fn the_address_that_answered_is_tried_first_the_next_time() {
        let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
        let dialer = Dialer::default();
        let name: Name = ("localhost".into(), 1);
        let addresses = ["[::1]:1", "127.0.0.1:1", "127.0.0.2:1"].map(parse).to_vec();
        dialer.known().insert(name.clone(), Known { addresses, until: Instant::now() });
        dialer.prefer(&name, parse("127.0.0.1:1"));
        let expected = ["127.0.0.1:1", "[::1]:1", "127.0.0.2:1"].map(parse).to_vec();
        assert_eq!(dialer.known()[&name].addresses, expected);
    }
}
