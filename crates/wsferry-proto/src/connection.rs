//! The machine of one WebSocket connection: frames, pings, closing handshake, keep-alive.

use std::ops::Range;
use std::time::Instant;

use crate::close::CloseReason;
use crate::decoder::{Decoder, Item, Payload};
use crate::frame::{Header, Kind, MAX_HEADER, Opcode};
use crate::keepalive::{KeepAlive, Watch};
use crate::mask::Mask;
use crate::violation::Violation;

/// The most bytes of one control frame: [`MAX_HEADER`] is for data, a control frame's header has 6.
pub const MAX_CONTROL_FRAME: usize = 131;

/// The owed Pongs may have this many bytes; above it decoding pauses until some were taken.
const OWED_LIMIT: usize = 1024;

/// Which side of the connection this is (RFC 6455 §1.3): a client masks what it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sends masked frames, reads unmasked ones.
    Client,
    /// Sends unmasked frames, reads masked ones.
    Server,
}

/// What may differ between connections.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Which side this is.
    pub role: Role,
    /// Whether text messages are accepted; otherwise they are refused with 1003.
    pub accept_text: bool,
    /// `None`: no Pings of our own.
    pub keep_alive: Option<KeepAlive>,
}

/// What arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A slice of a message.
    Payload(Payload),
    /// A Ping came, and its Pong is queued.
    Ping,
    /// The other side began the closing handshake, or answered ours. Nothing arrives after it.
    Close(CloseReason),
    /// The other side broke a rule. A Close that says so is queued; nothing arrives after it.
    Failed(Violation),
}

/// A WebSocket connection without its transport and its clock.
///
/// There are four kinds of methods. The usual order in a loop is: hand over what arrived and act on
/// its events, say what is wanted, send all that is to be done, wait for bytes or for the time-out.
///
/// - **what arrived**: [`handle_bytes`](Self::handle_bytes), [`gather`](Self::gather),
///   [`handle_timeout`](Self::handle_timeout)
/// - **what is wanted**: [`send`](Self::send), [`close`](Self::close), [`reply`](Self::reply),
///   [`abandon_sending`](Self::abandon_sending)
/// - **what is to be done**: [`poll_control`](Self::poll_control), [`poll_timeout`](Self::poll_timeout)
/// - **how it is**: [`is_paused`](Self::is_paused), [`close_is_sent`](Self::close_is_sent),
///   [`received_close`](Self::received_close), [`is_closed`](Self::is_closed)
///
/// The closing handshake (RFC 6455 §7), where `failed` skips the wait for an answer:
///
/// ```text
///             close()                    Close arrives
///    open ───────────────► we closed ─────────────────────┐
///     │                                                   ▼
///     ├─ Close arrives ──► they closed ──── reply() ───► closed
///     │                                                   ▲
///     └─ a rule is broken: Close 1002, 1003, 1007 ────────┘
/// ```
#[derive(Debug)]
pub struct Connection {
    role: Role,
    decoder: Decoder,
    keep_alive: Option<Watch>,
    /// Pongs and the Close, each as opcode, length, payload; empty and unallocated most of the time.
    owed: Vec<u8>,
    outgoing: Outgoing,
    received_close: Option<Box<CloseReason>>,
    failed: bool,
}

/// How far this side is with closing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outgoing {
    Open,
    CloseQueued,
    CloseSent,
    Abandoned,
}

impl Connection {
    /// A connection whose opening handshake is done.
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self {
            role: settings.role,
            decoder: Decoder::new(settings.role == Role::Server, settings.accept_text),
            keep_alive: settings.keep_alive.map(|keep_alive| Watch::new(keep_alive, now)),
            owed: Vec::new(),
            outgoing: Outgoing::Open,
            received_close: None,
            failed: false,
        }
    }

    /// Hands over bytes that arrived, unmasking them in place: how many were taken, and an event if
    /// there was one. To be called with the rest until there is no event. Bytes that are left
    /// without one wait for [`poll_control`](Self::poll_control) ([`is_paused`](Self::is_paused));
    /// after the last event everything is taken and nothing is said.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &mut [u8]) -> (usize, Option<Event>) {
        if let Some(watch) = &mut self.keep_alive
            && !bytes.is_empty()
        {
            watch.heard(now);
        }
        let mut at = 0;
        while at < bytes.len() {
            if self.nothing_more_arrives() {
                return (bytes.len(), None);
            }
            if self.is_paused() {
                break;
            }
            let item = match self.decoder.decode(&mut bytes[at..]) {
                Ok((taken, item)) => {
                    let start = at;
                    at += taken;
                    match item {
                        Some(Item::Payload(mut payload)) => {
                            payload.range.start += start;
                            payload.range.end += start;
                            return (at, Some(Event::Payload(payload)));
                        }
                        other => other,
                    }
                }
                Err(violation) => return (bytes.len(), Some(self.fail(violation))),
            };
            match item {
                Some(Item::Ping(ping)) if self.outgoing == Outgoing::Open => {
                    self.queue(Opcode::Pong, ping.payload());
                    return (at, Some(Event::Ping));
                }
                Some(Item::Close(reason)) => {
                    self.received_close = Some(Box::new(reason.clone()));
                    self.keep_alive = None;
                    return (at, Some(Event::Close(reason)));
                }
                _ => {}
            }
        }
        (at, None)
    }

    /// Hands over the bytes `buffer[raw]`, as [`handle_bytes`](Self::handle_bytes) does, but takes
    /// only whole binary messages of one frame from their start, without an event for each, and
    /// moves their payload together to `buffer[to..]`, where `to` is not behind `raw`: how many bytes
    /// were taken, and how many bytes of payload there are. What it leaves is for `handle_bytes`.
    pub fn gather(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        raw: Range<usize>,
        to: usize,
    ) -> (usize, usize) {
        if self.nothing_more_arrives() || self.is_paused() {
            return (0, 0);
        }
        let gathered = self.decoder.gather(buffer, raw, to);
        if let Some(watch) = &mut self.keep_alive
            && gathered.0 > 0
        {
            watch.heard(now);
        }
        gathered
    }

    /// The time of [`poll_timeout`](Self::poll_timeout) has come: whether the other side is gone,
    /// having been silent for too long. `held_back` says that it cannot be heard or cannot hear
    /// because of this side, so that its silence proves nothing.
    pub fn handle_timeout(&mut self, now: Instant, held_back: bool) -> bool {
        self.keep_alive.as_mut().is_some_and(|watch| watch.elapsed(now, held_back))
    }

    /// The header of a data frame to be sent, whose `length` bytes of payload follow it. A client
    /// gives the key with which it masks them. `None` once a Close was queued: no data follows one.
    ///
    /// `first` and `fin` say where in its message the frame stands (RFC 6455 §5.4).
    pub fn send(
        &self,
        kind: Kind,
        first: bool,
        fin: bool,
        length: u64,
        masking_key: Option<[u8; 4]>,
    ) -> Option<Header> {
        debug_assert_eq!(masking_key.is_some(), self.role == Role::Client);
        let opcode = if first { kind.opcode() } else { Opcode::Continuation };
        (self.outgoing == Outgoing::Open).then_some(Header { fin, opcode, length, masking_key })
    }

    /// Queues a Close, behind the owed Pongs. Without effect if one is queued already.
    pub fn close(&mut self, reason: &CloseReason) {
        if self.outgoing != Outgoing::Open {
            return;
        }
        let mut payload = [0; 125];
        let length = reason.write_to(&mut payload);
        self.queue(Opcode::Close, &payload[..length]);
        self.outgoing = Outgoing::CloseQueued;
        self.keep_alive = None;
    }

    /// Queues the answer to the Close that arrived: its own code and reason (RFC 6455 §5.5.1).
    pub fn reply(&mut self) {
        if let Some(reason) = self.received_close.take() {
            self.close(&reason);
            self.received_close = Some(reason);
        }
    }

    /// Nothing can be sent any more: what is owed is dropped, and nothing waits for it to be sent.
    pub fn abandon_sending(&mut self) {
        self.owed = Vec::new();
        self.outgoing = Outgoing::Abandoned;
        self.keep_alive = None;
    }

    /// Writes the next control frame to the start of `room`, which has at least
    /// [`MAX_CONTROL_FRAME`] bytes: how many it has, 0 when none is owed. It may be sent between
    /// any two frames. A client gives the key to mask it with.
    pub fn poll_control(
        &mut self,
        now: Instant,
        room: &mut [u8],
        masking_key: Option<[u8; 4]>,
    ) -> usize {
        if let [opcode, length, ..] = self.owed[..] {
            let end = 2 + usize::from(length);
            let frame = control_frame(opcode, &self.owed[2..end], masking_key, room);
            self.owed.drain(..end);
            if self.owed.is_empty() {
                self.owed = Vec::new(); // an idle connection holds no buffer
            }
            if opcode == Opcode::Close.bits() {
                self.outgoing = Outgoing::CloseSent;
            }
            return frame;
        }
        match &mut self.keep_alive {
            Some(watch) if watch.owes_ping() => {
                watch.ping_sent(now);
                control_frame(Opcode::Ping.bits(), &[], masking_key, room)
            }
            _ => 0,
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.keep_alive.as_ref().and_then(Watch::deadline)
    }

    /// Whether a control frame is to be sent.
    pub fn owes_control(&self) -> bool {
        !self.owed.is_empty() || self.keep_alive.as_ref().is_some_and(Watch::owes_ping)
    }

    /// Whether so many Pongs are owed that nothing more is decoded until some were sent.
    pub fn is_paused(&self) -> bool {
        self.outgoing == Outgoing::Open && self.owed.len() > OWED_LIMIT
    }

    /// Whether our Close was taken by [`poll_control`](Self::poll_control).
    pub fn close_is_sent(&self) -> bool {
        self.outgoing == Outgoing::CloseSent
    }

    /// The Close that arrived.
    pub fn received_close(&self) -> Option<&CloseReason> {
        self.received_close.as_deref()
    }

    /// Whether the closing handshake is over, or was skipped because the other side broke a rule.
    pub fn is_closed(&self) -> bool {
        self.close_is_sent() && self.nothing_more_arrives()
    }

    /// Whether what arrived so far ends with a whole message.
    pub fn is_between_messages(&self) -> bool {
        self.decoder.is_between_messages()
    }

    fn nothing_more_arrives(&self) -> bool {
        self.failed || self.received_close.is_some()
    }

    fn fail(&mut self, violation: Violation) -> Event {
        self.failed = true;
        self.close(&CloseReason::new(violation.close_code(), violation.as_str()));
        Event::Failed(violation)
    }

    fn queue(&mut self, opcode: Opcode, payload: &[u8]) {
        self.owed.extend_from_slice(&[opcode.bits(), payload.len() as u8]);
        self.owed.extend_from_slice(payload);
    }
}

fn control_frame(
    opcode: u8,
    payload: &[u8],
    masking_key: Option<[u8; 4]>,
    room: &mut [u8],
) -> usize {
    const { assert!(MAX_CONTROL_FRAME <= MAX_HEADER + 125) };
    let opcode = Opcode::from_bits(opcode).unwrap_or(Opcode::Pong);
    let header = Header { fin: true, opcode, length: payload.len() as u64, masking_key };
    let start = header.write_to(room);
    let end = start + payload.len();
    room[start..end].copy_from_slice(payload);
    if let Some(key) = masking_key {
        Mask::new(key).apply(&mut room[start..end]);
    }
    end
}
