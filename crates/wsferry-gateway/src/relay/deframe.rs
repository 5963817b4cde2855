//! Frames → bytes: what the client sends goes to the target.

use std::io;
use std::ops::Range;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use wsferry_proto::{Connection, Event, Violation};

use super::buffer::{Buffer, CHUNK, Pending, Size};
use super::stall::Stall;
use super::{CHUNKS_PER_TURN, Turn};
use crate::error::words;
use crate::net::Stream;
use crate::outcome::Direction;
use crate::tap::Tap;

/// How the client's stream ended.
#[derive(Debug)]
pub(super) enum ClientEnd {
    /// With a Close.
    Closed,
    /// With a broken rule.
    Failed(Violation),
    /// Without a Close.
    Lost(String),
}

/// The half of the relay that goes to the target.
#[derive(Debug)]
pub(super) struct Deframe {
    /// Payload that is to be written; its buffer also holds what is not decoded yet.
    pending: Option<Pending>,
    /// In the buffer of `pending`: bytes that are not decoded yet.
    raw: Range<usize>,
    /// How much is read at once.
    size: Size,
    /// Why nothing more comes from the client.
    pub end: Option<ClientEnd>,
    /// Why nothing more goes to the target; what the client still sends is thrown away.
    pub broken: Option<io::Error>,
    /// Bytes of the client were thrown away: the target must not take what it got for everything.
    pub was_cut: bool,
    /// FIN was sent, or could not be.
    pub is_finished: bool,
    /// Payload bytes written.
    pub bytes: u64,
    /// Watches the writes.
    pub stall: Stall,
}

impl Deframe {
    /// `early`: what came behind the handshake, at most one chunk, because less is read at once then.
    pub(super) fn new(early: &[u8], stall: Stall) -> Self {
        let mut pending = None;
        let length = early.len();
        assert!(length <= CHUNK, "{length} bytes came behind a handshake");
        if length > 0 {
            let mut buffer = Buffer::take(Size::Small);
            buffer[..length].copy_from_slice(&early[..length]);
            pending = Some(Pending { buffer, range: 0..0 });
        }
        Self {
            pending,
            raw: 0..length,
            size: Size::Small,
            end: None,
            broken: None,
            was_cut: false,
            is_finished: false,
            bytes: 0,
            stall,
        }
    }

    /// Gives the client up: what it sent and was not decoded is thrown away.
    pub(super) fn abandon(&mut self, why: &str) {
        self.was_cut |= !self.raw.is_empty();
        self.end = Some(ClientEnd::Lost(why.to_owned()));
    }

    /// Whether the target keeps the client from being read.
    pub(super) fn holds_back(&self) -> bool {
        self.pending.is_some()
    }

    /// Moves what can be moved in one turn; ready when FIN was sent behind everything. A side may be
    /// gone already when nothing more is wanted of it.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        client: &mut Option<Stream>,
        target: &mut Option<Stream>,
        machine: &mut Connection,
        tap: &mut Option<Box<dyn Tap>>,
    ) -> Poll<Turn> {
        let mut chunks = 0;
        loop {
            if self.is_finished {
                return Poll::Ready(Turn::Over);
            }
            if let Some(pending) = &mut self.pending {
                if !pending.range.is_empty()
                    && self.broken.is_none()
                    && let Some(target) = target
                {
                    let Poll::Ready(written) = target.poll_write(cx, pending.bytes()) else {
                        self.stall.blocked(now);
                        return Poll::Pending;
                    };
                    self.stall.progress();
                    match written {
                        Ok(length) => {
                            pending.range.start += length;
                            self.bytes += length as u64;
                        }
                        Err(error) => self.broken = Some(error),
                    }
                    continue;
                }
                if self.broken.is_none()
                    && let Some(target) = target
                {
                    let Poll::Ready(flushed) = target.poll_flush(cx) else {
                        self.stall.blocked(now);
                        return Poll::Pending;
                    };
                    self.stall.progress();
                    self.broken = flushed.err();
                }
                if self.end.is_none() && !self.raw.is_empty() {
                    if machine.is_paused() {
                        return Poll::Pending; // the other half sends the Pongs and calls again
                    }
                    self.decode(now, machine);
                    if let (Some(tap), Some(pending)) = (tap.as_mut(), &self.pending)
                        && !pending.range.is_empty()
                    {
                        tap.payload(Direction::ToTarget, pending.bytes());
                    }
                    continue;
                }
                self.pending = None;
            }
            if self.end.is_some() {
                if self.broken.is_none()
                    && !self.was_cut
                    && let Some(target) = target
                {
                    // An error means that the target has ended already: there is nobody to tell.
                    if target.poll_shutdown(cx).is_pending() {
                        self.stall.blocked(now); // the end of TLS has to wait as other bytes do
                        return Poll::Pending;
                    }
                    self.stall.progress();
                }
                self.is_finished = true;
                return Poll::Ready(Turn::Over);
            }
            if chunks == CHUNKS_PER_TURN {
                return Poll::Ready(Turn::More);
            }
            chunks += 1;
            let Some(client) = client else { return Poll::Pending };
            let mut buffer = Buffer::take(self.size);
            match ready!(client.poll_read(cx, &mut buffer[..self.size.chunk()])) {
                Ok(0) => self.end = Some(ClientEnd::Lost("connection ended".to_owned())),
                Err(error) => self.end = Some(ClientEnd::Lost(words(&error))),
                Ok(length) => {
                    self.size = Size::after(length);
                    self.raw = 0..length;
                    self.pending = Some(Pending { buffer, range: 0..0 });
                }
            }
        }
    }

    /// Decodes all that was read, and moves the payload together so that many small frames are
    /// written at once.
    fn decode(&mut self, now: Instant, machine: &mut Connection) {
        let Some(Pending { buffer, range: ready }) = &mut self.pending else { return };
        *ready = self.raw.start..self.raw.start;
        while !self.raw.is_empty() {
            let (taken, gathered) = machine.gather(now, buffer, self.raw.clone(), ready.end);
            self.raw.start += taken;
            ready.end += gathered;
            if self.raw.is_empty() {
                return;
            }
            let (taken, event) = machine.handle_bytes(now, &mut buffer[self.raw.clone()]);
            let start = self.raw.start;
            self.raw.start += taken;
            match event {
                Some(Event::Payload(payload)) => {
                    let payload = start + payload.range.start..start + payload.range.end;
                    if ready.start == ready.end {
                        *ready = payload;
                    } else {
                        let length = payload.len();
                        buffer.copy_within(payload, ready.end);
                        ready.end += length;
                    }
                }
                Some(Event::Ping) => {} // the other half sends the Pong
                Some(Event::Close(_)) => self.end = Some(ClientEnd::Closed),
                Some(Event::Failed(violation)) => self.end = Some(ClientEnd::Failed(violation)),
                None => return,
            }
            if self.end.is_some() {
                return;
            }
        }
    }
}
