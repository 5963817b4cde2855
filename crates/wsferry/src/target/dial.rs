//! How a connection to a target comes about: every address of its name is tried, the families in
//! turn, a new one every 250 ms while the others have not answered (happy eyeballs, RFC 8305).

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Address;
use crate::error::DialError;
use crate::net::Stream;

/// RFC 8305 §5, "Connection Attempt Delay".
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Connects to a TCP target; `limit` is for the name and all its addresses together.
///
/// # Errors
/// Which of the two, name or connection, failed, or that the time was over.
pub async fn dial(host: &Address, limit: Duration) -> Result<Stream, DialError> {
    timeout(limit, async {
        let addresses = resolve(host).await?;
        connect_any(in_turn(addresses)).await.map(Stream::tcp)
    })
    .await
    .unwrap_or(Err(DialError::TimedOut))
}

async fn resolve(target: &Address) -> Result<Vec<SocketAddr>, DialError> {
    if let (Some(ip), Address::Tcp { port, .. }) = (target.ip(), target) {
        return Ok(vec![SocketAddr::new(ip, *port)]);
    }
    let Some((name, port)) = target.name() else { return Ok(Vec::new()) };
    let unresolved = || DialError::Unresolved(name.to_owned());
    let addresses: Vec<_> = lookup_host((name, port)).await.map_err(|_| unresolved())?.collect();
    if addresses.is_empty() { Err(unresolved()) } else { Ok(addresses) }
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

async fn connect_any(addresses: Vec<SocketAddr>) -> Result<TcpStream, DialError> {
    let mut waiting = addresses.into_iter();
    let mut last = DialError::Unreachable("it has no address".to_owned());
    let mut attempts = JoinSet::new();
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

async fn connect(address: SocketAddr) -> Result<TcpStream, DialError> {
    TcpStream::connect(address).await.map_err(|error| {
        let reason = match error.kind() {
            std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
            std::io::ErrorKind::HostUnreachable => "host unreachable".to_owned(),
            std::io::ErrorKind::NetworkUnreachable => "network unreachable".to_owned(),
            _ => error.to_string(),
        };
        DialError::Unreachable(reason)
    })
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
        let stream = connect_any(vec![closed, good]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
    }
}
