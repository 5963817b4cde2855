//! Which addresses of a name are tried, and when: the families in turn, a new one every 250 ms while
//! the others have not answered (happy eyeballs, RFC 8305), at most three at the same time.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::error::{DialError, words};

/// RFC 8305 §5, "Connection Attempt Delay".
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// The maximum number of attempts of one dial at the same time.
const AT_ONCE: usize = 3;

/// A connection, and to which address.
pub(super) type Connected = (TcpStream, SocketAddr);
type Connecting = Pin<Box<dyn Future<Output = Result<Connected, DialError>> + Send>>;

/// One attempt. The first of a dial needs no permit: its descriptor is the session's own.
struct Attempt {
    connecting: Connecting,
    began: Instant,
    permit: Option<OwnedSemaphorePermit>,
}

/// The addresses with the families in turn, beginning with the one that the system prefers
/// (RFC 8305 §4).
pub(super) fn in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
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

/// Connects to one address.
pub(super) async fn connect(address: SocketAddr) -> Result<Connected, DialError> {
    match TcpStream::connect(address).await {
        Ok(stream) => Ok((stream, address)),
        Err(error) => Err(DialError::Unreachable(words(&error))),
    }
}

/// The first connection that comes about before `until`. `extra` has a permit for each attempt beside
/// the first; without one, addresses are tried one after the other. An attempt that does not answer
/// makes way for the next address, so that all of them get their turn in time.
pub(super) async fn connect_any(
    addresses: Vec<SocketAddr>,
    until: Instant,
    extra: &Arc<Semaphore>,
) -> Result<Connected, DialError> {
    let mut due = Instant::now();
    let mut attempts = Attempts {
        under_way: Vec::new(),
        extra,
        limit: until.saturating_duration_since(due),
        addresses: u32::try_from(addresses.len()).unwrap_or(u32::MAX),
    };
    let mut waiting = addresses.into_iter();
    let mut last = DialError::Unreachable("it has no address".to_owned());
    loop {
        if waiting.len() > 0 && due <= Instant::now() {
            due = match attempts.room() {
                Ok(permit) => {
                    attempts.under_way.extend(waiting.next().map(|to| Attempt::begin(to, permit)));
                    Instant::now() + ATTEMPT_DELAY
                }
                Err(later) => later,
            };
        }
        if attempts.under_way.is_empty() {
            return Err(last);
        }
        let ended = match waiting.len() {
            0 => Some(attempts.next_end().await),
            _ => timeout_at(due, attempts.next_end()).await.ok(),
        };
        match ended {
            Some(Ok(connected)) => return Ok(connected),
            Some(Err(error)) => {
                last = error;
                due = Instant::now();
            }
            None => {}
        }
    }
}

/// The attempts of one dial.
struct Attempts<'a> {
    under_way: Vec<Attempt>,
    extra: &'a Arc<Semaphore>,
    /// How long the dial may take.
    limit: Duration,
    /// The number of addresses.
    addresses: u32,
}

impl Attempts<'_> {
    /// Makes room for another attempt, which gets this permit, or says when there will be room.
    fn room(&mut self) -> Result<Option<OwnedSemaphorePermit>, Instant> {
        if self.under_way.iter().all(|attempt| attempt.permit.is_some()) {
            return Ok(None);
        }
        if self.under_way.len() < AT_ONCE
            && let Ok(permit) = Arc::clone(self.extra).try_acquire_owned()
        {
            return Ok(Some(permit));
        }
        let at_once = u32::try_from(self.under_way.len()).unwrap_or(u32::MAX);
        // One share more than there are addresses: the last one needs time, too.
        let share = self.limit.saturating_mul(at_once) / self.addresses.saturating_add(1);
        match self.under_way.first().map(|oldest| oldest.began + share) {
            Some(later) if later > Instant::now() => Err(later),
            _ => Ok(self.under_way.remove(0).permit),
        }
    }

    /// Waits until one of them has ended.
    async fn next_end(&mut self) -> Result<Connected, DialError> {
        poll_fn(|cx| {
            for index in 0..self.under_way.len() {
                if let Poll::Ready(ended) = self.under_way[index].connecting.as_mut().poll(cx) {
                    self.under_way.remove(index);
                    return Poll::Ready(ended);
                }
            }
            Poll::Pending
        })
        .await
    }
}

impl Attempt {
    fn begin(address: SocketAddr, permit: Option<OwnedSemaphorePermit>) -> Self {
        Self { connecting: Box::pin(connect(address)), began: Instant::now(), permit }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use wsferry_testkit::targets::Unanswering;

    use super::*;

    fn parse(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn permits(count: usize) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(count))
    }

    fn soon() -> Instant {
        Instant::now() + wsferry_testkit::patience::PATIENCE
    }

    #[test]
    fn the_families_take_turns_beginning_with_the_preferred_one() {
        let given = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"].map(parse).to_vec();
        let expected = ["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"].map(parse).to_vec();
        assert_eq!(in_turn(given), expected);
    }

    #[tokio::test]
    async fn an_address_that_refuses_does_not_keep_the_next_one_waiting() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let (stream, _) = connect_any(vec![closed, good], soon(), &permits(0)).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        let error = connect_any(vec![closed; 5], soon(), &permits(0)).await.unwrap_err();
        assert!(matches!(error, DialError::Unreachable(_)), "{error}");
    }

    #[tokio::test]
    async fn a_name_of_many_silent_addresses_has_three_attempts_at_once_and_tries_them_all() {
        let silent = Unanswering::start().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        let addresses = [vec![silent.address(); 15], vec![good]].concat();
        for (extra, most) in [(100, 2), (1, 1), (0, 0)] {
            let permits = permits(extra);
            let until = Instant::now() + Duration::from_secs(2);
            let connected = connect_any(addresses.clone(), until, &permits);
            tokio::pin!(connected);
            let mut used = 0;
            let (stream, _) = poll_fn(|cx| {
                let polled = connected.as_mut().poll(cx);
                used = used.max(extra - permits.available_permits());
                polled
            })
            .await
            .unwrap();
            assert_eq!(stream.peer_addr().unwrap(), good);
            assert_eq!(used, most);
            assert_eq!(permits.available_permits(), extra, "permits were not given back");
        }
    }
}
