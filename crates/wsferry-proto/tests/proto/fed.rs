//! A server machine that is fed by hand, to look at each step.

use std::time::Instant;

use wsferry_proto::{Connection, Event, KeepAlive, MAX_CONTROL_FRAME, Role, Settings};

use crate::fuzz::seen::{Seen, record};
use crate::fuzz::wire::frame_from;

pub(crate) fn server(now: Instant) -> Connection {
    watching(None, now)
}

fn watching(keep_alive: Option<KeepAlive>, now: Instant) -> Connection {
    Connection::new(Settings { role: Role::Server, accept_text: true, keep_alive }, now)
}

pub(crate) struct Fed {
    pub(crate) machine: Connection,
    pub(crate) now: Instant,
}

impl Fed {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self { machine: server(now), now }
    }

    /// One that watches its client.
    pub(crate) fn watching(keep_alive: KeepAlive) -> Self {
        let now = Instant::now();
        Self { machine: watching(Some(keep_alive), now), now }
    }

    /// Feeds bytes: how many were taken, and what was seen.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> (usize, Vec<Seen>) {
        let mut buffer = bytes.to_vec();
        let (mut at, mut seen) = (0, Vec::new());
        loop {
            let (taken, event) = self.machine.handle_bytes(self.now, &mut buffer[at..]);
            let Some(event) = event else { return (at + taken, seen) };
            at += taken;
            let next = match event {
                Event::Ping => continue, // seen by its Pong
                Event::Payload(payload) => Seen::Payload {
                    kind: payload.kind,
                    bytes: buffer[at - taken..][payload.range].to_vec(),
                    ends_message: payload.ends_message,
                },
                Event::Close(reason) => Seen::Close(reason),
                Event::Failed(violation) => Seen::Broken(violation),
            };
            record(&mut seen, next);
        }
    }

    /// The next control frame, `None` when none is owed.
    pub(crate) fn control(&mut self) -> Option<Vec<u8>> {
        let mut room = [0; MAX_CONTROL_FRAME];
        let length = self.machine.poll_control(self.now, &mut room, None);
        (length > 0).then(|| room[..length].to_vec())
    }
}

pub(crate) fn from_client(first: u8, payload: &[u8]) -> Vec<u8> {
    frame_from(Role::Client, first, payload)
}

pub(crate) fn from_server(first: u8, payload: &[u8]) -> Vec<u8> {
    frame_from(Role::Server, first, payload)
}
