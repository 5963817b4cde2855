//! How a connection to a target comes about: every address of its name is tried, the families in
//! turn, a new one every 250 ms while the others have not answered (happy eyeballs, RFC 8305).

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::Address;
use crate::error::{DialError, words};
use crate::net::Stream;

/// RFC 8305 §5, "Connection Attempt Delay".
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// How long the answer of a look-up is used again. A look-up costs more than the rest of a session's
/// start; a name that moves is noticed after this time, or as soon as nothing answers any more.
const KNOWN_FOR: Duration = Duration::from_secs(5);

/// A target, with what is known of its name.
#[derive(Debug)]
pub struct Target {
    address: Address,
    known: Mutex<Option<Known>>,
}

/// The answer of a look-up, the address that answered last in front.
#[derive(Clone, Debug)]
struct Known {
    addresses: Vec<SocketAddr>,
    until: Instant,
}

impl Target {
    /// A target of which nothing is known yet.
    pub const fn new(address: Address) -> Self {
        Self { address, known: Mutex::new(None) }
    }

    /// Where it is.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Connects to it; `limit` is for the name and all its addresses together.
    ///
    /// # Errors
    /// Which of the two, name or connection, failed, or that the time was over.
    pub async fn dial(&self, limit: Duration) -> Result<Stream, DialError> {
        let dialed = timeout(limit, async {
            let addresses = self.addresses().await?;
            connect_any(addresses).await
        })
        .await
        .unwrap_or(Err(DialError::TimedOut));
        match dialed {
            Ok((stream, address)) => {
                self.prefer(address);
                Ok(Stream::dialed(stream))
            }
            Err(error) => {
                *self.known() = None;
                Err(error)
            }
        }
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, DialError> {
        if let (Some(ip), Address::Tcp { port, .. }) = (self.address.ip(), &self.address) {
            return Ok(vec![SocketAddr::new(ip, *port)]);
        }
        if let Some(known) = &*self.known()
            && Instant::now() < known.until
        {
            return Ok(known.addresses.clone());
        }
        let Some((name, port)) = self.address.name() else { return Ok(Vec::new()) };
        let unresolved = || DialError::Unresolved(name.to_owned());
        let found: Vec<_> = lookup_host((name, port)).await.map_err(|_| unresolved())?.collect();
        if found.is_empty() {
            return Err(unresolved());
        }
        let addresses = in_turn(found);
        let until = Instant::now() + KNOWN_FOR;
        *self.known() = Some(Known { addresses: addresses.clone(), until });
        Ok(addresses)
    }

    /// The next dial begins with the address that answered.
    fn prefer(&self, address: SocketAddr) {
        if let Some(known) = &mut *self.known()
            && known.addresses.first() != Some(&address)
            && let Some(index) = known.addresses.iter().position(|&other| other == address)
        {
            known.addresses[..=index].rotate_right(1);
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        let target = Target::new("localhost:1".parse().unwrap());
        let addresses = ["[::1]:1", "127.0.0.1:1", "127.0.0.2:1"].map(parse).to_vec();
        *target.known() = Some(Known { addresses, until: Instant::now() });
        target.prefer(parse("127.0.0.1:1"));
        let expected = ["127.0.0.1:1", "[::1]:1", "127.0.0.2:1"].map(parse).to_vec();
        assert_eq!(target.known().as_ref().unwrap().addresses, expected);
    }
}
