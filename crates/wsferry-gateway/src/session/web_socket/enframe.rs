//! Frames to the client, with control frames between. What they are made of is in `take.rs`.

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use wsferry_proto::{Connection, Kind, MAX_CONTROL_FRAME, MAX_HEADER};

use super::long::{LongFrames, SMALL, SpliceMode};
use crate::net::{Pipes, Stream};
use crate::relay::{Buffer, Pending, Sent, Settings, Size};

/// A gathered answer has room for so many bytes of payload at least.
const WORTH_GATHERING: usize = 1024;

/// The half of a WebSocket that sends.
#[derive(Debug)]
pub(super) struct Enframe {
    /// Whole frames that are to be written, or the rest of one.
    pub(super) pending: Option<Pending>,
    /// Long frames that are to be written, or the rest of them.
    pub(super) long: Option<LongFrames>,
    pub(super) splice_mode: SpliceMode,
    /// What long frames are moved through.
    pub(super) pipes: Option<Pipes>,
    /// No message has more bytes.
    pub(super) max_message: usize,
    /// How much is read at once.
    pub(super) size: Size,
    /// Payload bytes of the frames in `pending`.
    pub(super) payload: usize,
    pub(super) kind: Kind,
    /// The last frame did not end its message.
    pub(super) is_in_message: bool,
    /// Text only: the bytes of a character whose end has not come yet.
    pub(super) carried: [u8; 3],
    pub(super) carries: u8,
    /// Payload bytes written.
    pub bytes: u64,
}

impl Enframe {
    /// A half at the start of its stream. There are pipes where the system can move the bytes, and
    /// nobody else wants to see them.
    pub(super) fn new(settings: &Settings, pipes: Option<Pipes>) -> Self {
        let max_message = settings.longest_message();
        let may_splice = settings.splice && settings.send == Kind::Binary && max_message >= SMALL;
        let pipes = pipes.filter(|_| may_splice);
        let splice_mode =
            if pipes.is_some() { SpliceMode::Copied(0) } else { SpliceMode::NeverSpliced };
        Self {
            pending: None,
            long: None,
            splice_mode,
            pipes,
            max_message,
            size: Size::Small,
            payload: 0,
            kind: settings.send,
            is_in_message: false,
            carried: [0; 3],
            carries: 0,
            bytes: 0,
        }
    }

    /// Whether a frame, or the rest of one, is to be written.
    pub(super) fn holds_back(&self) -> bool {
        self.pending.is_some() || self.long.as_ref().is_some_and(|long| !long.is_between())
    }

    /// Whether another small frame fits behind those that are to be written.
    pub(super) fn has_room(&self) -> bool {
        self.pending.as_ref().is_none_or(|pending| {
            pending.range.end + MAX_HEADER + WORTH_GATHERING <= pending.buffer.len()
        })
    }

    /// Payload bytes that were written or are about to be: what the client gets before a Close.
    pub(super) const fn promised(&self) -> u64 {
        self.bytes + self.payload as u64
    }

    /// Throws away what is left for the client.
    pub(super) fn give_up(&mut self) {
        (self.pending, self.long) = (None, None);
    }

    /// Sends some of what is to be written: a frame that is begun, then what the protocol wants, then
    /// what is in the pipe.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        client: &mut Stream,
        connection: &mut Connection,
        is_last: bool,
    ) -> Poll<io::Result<Sent>> {
        if self.holds_back() {
            let is_last = is_last && connection.is_closed();
            return self.poll_frame(cx, client, is_last).map_ok(|()| Sent::Some);
        }
        Poll::Ready(Ok(if connection.owes_control() {
            self.pending = Some(control_frames(now, connection));
            Sent::Some
        } else if connection.close_is_sent() {
            Sent::Everything
        } else if self.begins_long_frame(connection) {
            Sent::Some
        } else {
            Sent::Nothing
        }))
    }

    /// Writes some of a frame. The last of it waits in the system for the FIN, which follows at once:
    /// one segment in place of two, and the client is woken once.
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut Stream,
        is_last: bool,
    ) -> Poll<io::Result<()>> {
        if let Some(long) = &mut self.long
            && !long.is_between()
        {
            self.bytes += ready!(long.poll_send(cx, client))? as u64;
            if long.holds() == 0 {
                self.long = None;
            }
            return Poll::Ready(Ok(()));
        }
        if let Some(pending) = &mut self.pending {
            if !pending.range.is_empty() {
                let written = if is_last {
                    client.poll_write_more(cx, pending.bytes())
                } else {
                    client.poll_write(cx, pending.bytes())
                };
                pending.range.start += ready!(written)?;
            }
            if pending.range.is_empty() {
                ready!(client.poll_flush(cx))?;
                self.pending = None;
                self.bytes += std::mem::take(&mut self.payload) as u64;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Begins the next frame of what is in the pipe, if anything is.
    fn begins_long_frame(&mut self, connection: &Connection) -> bool {
        let Some(long) = &mut self.long else { return false };
        let length = long.holds().min(self.max_message) as u64;
        match connection.send(self.kind, true, true, length, None) {
            Some(header) => long.begin(header),
            None => self.long = None,
        }
        self.long.is_some()
    }

    /// Lets the pipe go: what is left of the frame that is being sent is copied out of it.
    pub(super) fn finish_frame(&mut self) -> io::Result<()> {
        let Some(long) = self.long.take() else { return Ok(()) };
        if !long.is_between() {
            let (rest, payload) = long.into_rest()?;
            let range = 0..rest.len();
            self.payload = payload;
            self.pending = Some(Pending { buffer: Buffer::of(rest), range });
        }
        Ok(())
    }
}

/// The owed control frames that fit into a buffer.
fn control_frames(now: Instant, connection: &mut Connection) -> Pending {
    let mut buffer = Buffer::take(Size::Small);
    let mut end = 0;
    while buffer.len() - end >= MAX_CONTROL_FRAME {
        match connection.poll_control(now, &mut buffer[end..], None) {
            0 => break,
            length => end += length,
        }
    }
    Pending { buffer, range: 0..end }
}
