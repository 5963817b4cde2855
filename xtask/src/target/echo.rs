//! Gives back what it gets: one thread and epoll for all connections, so that thousands are cheap.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use mio::net::TcpListener;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::accepted;
use crate::wire::Wire;

const LISTENER: Token = Token(0);

/// Serves until the process ends.
pub(super) fn serve(listener: TcpListener, config: Option<&Arc<rustls::ServerConfig>>) {
    if let Err(error) = run(listener, config) {
        eprintln!("the echo target ended: {error}");
    }
}

fn run(
    mut listener: TcpListener,
    config: Option<&Arc<rustls::ServerConfig>>,
) -> std::io::Result<()> {
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut connections: HashMap<Token, Wire> = HashMap::new();
    let mut next = 1;
    let mut events = Events::with_capacity(1024);
    let mut room = vec![0; 64 * 1024];
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            other => other?,
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((stream, _)) = listener.accept() {
                    let token = Token(next);
                    next += 1;
                    let _ = stream.set_nodelay(true);
                    let Ok(wire) = accepted(TcpStream::from(stream), config) else { continue };
                    let fd = wire.as_raw_fd();
                    poll.registry().register(&mut SourceFd(&fd), token, Interest::READABLE)?;
                    connections.insert(token, wire);
                }
            } else if let Some(stream) = connections.get_mut(&event.token())
                && !give_back(stream, &mut room)
            {
                connections.remove(&event.token());
            }
        }
    }
}

/// Whether the connection goes on. A client has at most some kilobytes under way, so a write that
/// takes less than everything means that this client is not ours.
fn give_back(stream: &mut Wire, room: &mut [u8]) -> bool {
    loop {
        match stream.read(room) {
            Ok(0) => return false,
            Ok(length) => {
                if !stream.write(&room[..length]).is_ok_and(|written| written == length) {
                    return false;
                }
                // What was less than asked for has emptied the socket (epoll(7), edge-triggered).
                if length < room.len() && stream.tells_empty() {
                    return true;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
}
