//! A client machine and a server machine joined in memory. Time stands still unless it is moved.

use std::time::{Duration, Instant};

use wsferry_proto::{
    CloseReason, Connection, Event, KeepAlive, Kind, MAX_CONTROL_FRAME, MAX_HEADER, Role, Settings,
};

use super::seen::{Reader, Seen, record};
use super::wire::{FIN, PING, frame_from, key_of, masked};

/// One of the two, with the wire on which it writes.
#[derive(Debug)]
pub struct End {
    pub machine: Connection,
    role: Role,
    /// Written and not delivered yet.
    wire: Vec<u8>,
    /// Reads all that is written, so that a test can look at the frames themselves.
    tap: Reader,
    /// Delivered, and left by the machine because it is paused.
    left: Vec<u8>,
    events: Vec<Seen>,
    /// The message that was begun and not ended.
    sending: Option<Kind>,
}

impl End {
    fn new(role: Role, keep_alive: Option<KeepAlive>, now: Instant) -> Self {
        Self {
            machine: Connection::new(Settings { role, accept_text: true, keep_alive }, now),
            role,
            wire: Vec::new(),
            tap: Reader::of(role, true),
            left: Vec::new(),
            events: Vec::new(),
            sending: None,
        }
    }

    /// What arrived here: payload, a Close, a fault.
    pub fn events(&self) -> &[Seen] {
        &self.events
    }

    /// The frames that were written here.
    pub fn written(&self) -> &[Seen] {
        self.tap.seen()
    }

    /// Takes what was written and not delivered, to deliver it elsewhere.
    pub fn take_wire(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.wire)
    }

    /// Whether nothing waits for the machine.
    pub fn took_all(&self) -> bool {
        self.left.is_empty()
    }

    fn write(&mut self, frame: &[u8]) {
        assert!(!self.tap.is_over(), "{:?} writes after its Close: {frame:x?}", self.role);
        self.tap.feed(frame);
        self.wire.extend(frame);
    }

    fn arrive(&mut self, now: Instant, bytes: &[u8]) {
        self.left.extend(bytes);
        while !self.left.is_empty() {
            let (taken, event) = self.machine.handle_bytes(now, &mut self.left);
            let event_was_given = event.is_some();
            match event {
                Some(Event::Payload(payload)) => {
                    let bytes = self.left[payload.range].to_vec();
                    let (kind, ends_message) = (payload.kind, payload.ends_message);
                    record(&mut self.events, Seen::Payload { kind, bytes, ends_message });
                }
                Some(Event::Close(reason)) => record(&mut self.events, Seen::Close(reason)),
                Some(Event::Failed(fault)) => record(&mut self.events, Seen::Broken(fault)),
                Some(Event::Ping) => assert!(self.machine.owes_control(), "a Pong is queued"),
                None => {}
            }
            self.left.drain(..taken);
            if !event_was_given {
                assert!(self.left.is_empty() || self.machine.is_paused());
                return;
            }
        }
    }
}

/// The two.
#[derive(Debug)]
pub struct Pair {
    pub client: End,
    pub server: End,
    now: Instant,
}

impl Pair {
    pub fn new(keep_alive: Option<KeepAlive>) -> Self {
        let now = Instant::now();
        Self {
            client: End::new(Role::Client, keep_alive, now),
            server: End::new(Role::Server, keep_alive, now),
            now,
        }
    }

    pub fn end(&mut self, role: Role) -> &mut End {
        self.ends(role).0
    }

    /// An end and the one that it writes to.
    fn ends(&mut self, role: Role) -> (&mut End, &mut End) {
        match role {
            Role::Client => (&mut self.client, &mut self.server),
            Role::Server => (&mut self.server, &mut self.client),
        }
    }

    /// Sends the next fragment of the message that was begun, or the first one of a message of this
    /// kind: whether the machine let it.
    pub fn send(&mut self, from: Role, kind: Kind, fin: bool, payload: &[u8]) -> bool {
        let end = self.end(from);
        let (first, kind) = (end.sending.is_none(), end.sending.unwrap_or(kind));
        let key = key_of(from);
        let header = end.machine.send(kind, first, fin, payload.len() as u64, key);
        let Some(header) = header else { return false };
        let mut room = [0; MAX_HEADER];
        let length = header.write_to(&mut room);
        assert_eq!(length, header.size());
        let payload = masked(key, payload);
        end.write(&[&room[..length], &payload].concat());
        end.sending = (!fin).then_some(kind);
        true
    }

    /// Writes a Ping with a payload past the machine, as another implementation would. Nothing after
    /// a Close.
    pub fn ping(&mut self, from: Role, payload: &[u8]) {
        let end = self.end(from);
        if !end.tap.is_over() {
            end.write(&frame_from(from, PING | FIN, payload));
        }
    }

    pub fn close(&mut self, from: Role, reason: &CloseReason) {
        self.end(from).machine.close(reason);
    }

    /// Writes the next control frame that this end owes: whether there was one. What it makes room
    /// for is decoded.
    pub fn control(&mut self, from: Role) -> bool {
        let now = self.now;
        let end = self.end(from);
        let mut room = [0; MAX_CONTROL_FRAME];
        let owed = end.machine.owes_control();
        let length = end.machine.poll_control(now, &mut room, key_of(from));
        assert_eq!(owed, length > 0);
        if length > 0 {
            end.write(&room[..length]);
            end.arrive(now, &[]);
        }
        length > 0
    }

    /// Delivers up to `most` bytes of what this end wrote: how many.
    pub fn deliver(&mut self, from: Role, most: usize) -> usize {
        let now = self.now;
        let (end, other) = self.ends(from);
        let length = most.min(end.wire.len());
        let bytes: Vec<u8> = end.wire.drain(..length).collect();
        other.arrive(now, &bytes);
        length
    }

    /// Lets everything arrive and be answered, but for a Close: that is the user's to answer.
    pub fn settle(&mut self) {
        loop {
            let mut moved = false;
            for role in [Role::Client, Role::Server] {
                moved |= self.control(role);
                moved |= self.deliver(role, usize::MAX) > 0;
            }
            if !moved {
                return;
            }
        }
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// Tells an end the time if it asked for that: whether it says that the other one is gone.
    pub fn time_out(&mut self, role: Role, held_back: bool) -> bool {
        let now = self.now;
        let machine = &mut self.end(role).machine;
        let is_due = machine.poll_timeout().is_some_and(|due| due <= now);
        let is_gone = machine.handle_timeout(now, held_back);
        assert!(is_due || !is_gone, "gone before its time");
        is_gone
    }
}
