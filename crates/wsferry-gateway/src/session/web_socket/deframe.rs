//! Frames → bytes: what the client sends.

use std::ops::Range;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use wsferry_proto::{Connection, Event, Kind};

use crate::error::words;
use crate::net::Stream;
use crate::relay::{Buffer, CHUNK, ClientEnd, Piece, Size};

/// The half of a WebSocket that receives.
#[derive(Debug)]
pub(super) struct Deframe {
    /// Holds both ranges, while there is something in them.
    buffer: Option<Buffer>,
    /// Payload that is not consumed yet.
    payload: Range<usize>,
    /// Bytes that are not decoded yet.
    raw: Range<usize>,
    /// How much is read at once.
    size: Size,
    /// While there is a piece: the type of its message, and whether it ends that.
    message: Option<(Kind, bool)>,
    /// Decoding goes on when the owed Pongs were taken.
    pub waits_for_pongs: bool,
}

impl Deframe {
    /// `early`: what came behind the handshake, at most one chunk, because less is read at once then.
    pub(super) fn new(early: &[u8]) -> Self {
        let length = early.len();
        assert!(length <= CHUNK, "{length} bytes came behind a handshake");
        let buffer = (length > 0).then(|| {
            let mut buffer = Buffer::take(Size::Small);
            buffer[..length].copy_from_slice(early);
            buffer
        });
        Self {
            buffer,
            payload: 0..0,
            raw: 0..length,
            size: Size::Small,
            message: None,
            waits_for_pongs: false,
        }
    }

    pub(super) fn piece(&self) -> Option<Piece<'_>> {
        let (kind, ends_message) = self.message?;
        let bytes = &self.buffer.as_ref()?[self.payload.clone()];
        Some(Piece { bytes, kind, ends_message })
    }

    pub(super) const fn consume(&mut self, length: usize) {
        self.payload.start += length;
        if self.payload.start == self.payload.end {
            self.message = None;
        }
    }

    /// Throws away what was read and not decoded: whether there was any.
    pub(super) fn discard(&mut self) -> bool {
        let had_any = self.is_decoding();
        self.raw = 0..0;
        self.buffer = None;
        had_any
    }

    /// Whether more was read than was decoded.
    pub(super) const fn is_decoding(&self) -> bool {
        self.raw.start < self.raw.end
    }

    /// Reads, where everything is decoded, and decodes: how the client's stream ended, if it did.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        client: Option<&mut Stream>,
        connection: &mut Connection,
        keeps_messages: bool,
    ) -> Poll<Option<ClientEnd>> {
        if !self.is_decoding() {
            self.buffer = None;
            let Some(client) = client else { return Poll::Pending };
            let mut buffer = Buffer::take(self.size);
            match ready!(client.poll_read(cx, &mut buffer[..self.size.chunk()])) {
                Ok(0) => {
                    return Poll::Ready(Some(ClientEnd::Lost("connection ended".to_owned())));
                }
                Err(error) => return Poll::Ready(Some(ClientEnd::Lost(words(&error)))),
                Ok(length) => {
                    self.size = Size::after(length);
                    self.raw = 0..length;
                    self.buffer = Some(buffer);
                }
            }
        }
        // Pongs keep their place among messages that come back one by one.
        if connection.is_paused() || keeps_messages && connection.owes_control() {
            self.waits_for_pongs = true;
            return Poll::Pending;
        }
        let end = match keeps_messages {
            false => self.decode(now, connection),
            true => self.decode_piece(now, connection),
        };
        if end.is_some() {
            self.raw = 0..0; // nothing arrives behind it
        }
        Poll::Ready(end)
    }

    /// Decodes all that was read, and moves the payload together so that many small frames are
    /// written at once.
    fn decode(&mut self, now: Instant, connection: &mut Connection) -> Option<ClientEnd> {
        let buffer = self.buffer.as_mut()?;
        let mut payload = self.raw.start..self.raw.start;
        let mut end = None;
        while self.raw.start < self.raw.end && end.is_none() {
            let (taken, gathered) = connection.gather(now, buffer, self.raw.clone(), payload.end);
            self.raw.start += taken;
            payload.end += gathered;
            if self.raw.is_empty() {
                break;
            }
            let (taken, event) = connection.handle_bytes(now, &mut buffer[self.raw.clone()]);
            let start = self.raw.start;
            self.raw.start += taken;
            match event {
                Some(Event::Payload(slice)) => {
                    let slice = start + slice.range.start..start + slice.range.end;
                    if payload.is_empty() {
                        payload = slice;
                    } else {
                        let length = slice.len();
                        buffer.copy_within(slice, payload.end);
                        payload.end += length;
                    }
                }
                Some(Event::Ping) => {} // the other half sends the Pong
                Some(Event::Close(_)) => end = Some(ClientEnd::Closed),
                Some(Event::Failed(violation)) => end = Some(ClientEnd::Failed(violation)),
                None => break,
            }
        }
        self.message = (!payload.is_empty()).then_some((Kind::Binary, false));
        self.payload = payload;
        end
    }

    /// Decodes up to the next slice of a message, or control frame.
    fn decode_piece(&mut self, now: Instant, connection: &mut Connection) -> Option<ClientEnd> {
        let buffer = self.buffer.as_mut()?;
        let (taken, event) = connection.handle_bytes(now, &mut buffer[self.raw.clone()]);
        let start = self.raw.start;
        self.raw.start += taken;
        match event? {
            Event::Payload(slice) => {
                self.payload = start + slice.range.start..start + slice.range.end;
                self.message = Some((slice.kind, slice.ends_message));
                None
            }
            Event::Ping => None,
            Event::Close(_) => Some(ClientEnd::Closed),
            Event::Failed(violation) => Some(ClientEnd::Failed(violation)),
        }
    }
}
