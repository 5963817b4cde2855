//! Bytes → frames: what the target sends goes to the client, with control frames between.

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use wsferry_proto::{Connection, Kind, MAX_CONTROL_FRAME, whole_characters};

use super::buffer::{Buffer, HEAD_ROOM, LARGE_CHUNK, Pending, Size};
use super::long::{LongFrames, SMALL, SpliceMode, is_unsupported};
use super::stall::Stall;
use super::{CHUNKS_PER_TURN, Settings, Turn};
use crate::net::{Pipe, Stream};
use crate::outcome::Direction;
use crate::tap::Tap;

/// How the target's stream ended.
#[derive(Debug)]
pub(super) enum TargetEnd {
    /// With FIN: it is complete.
    Complete,
    /// Cut.
    Failed(io::Error),
    /// With bytes that are not UTF-8, where text is to be sent.
    NotText,
}

/// The half of the relay that goes to the client.
#[derive(Debug)]
pub(super) struct Enframe {
    /// Whole frames that are to be written, or the rest of one.
    pending: Option<Pending>,
    /// Long frames that are to be written, or the rest of them.
    long: Option<LongFrames>,
    splice_mode: SpliceMode,
    /// No message has more bytes.
    max_message: usize,
    /// How much is read at once.
    size: Size,
    /// Payload bytes of the frame in `pending`.
    payload: usize,
    kind: Kind,
    /// Text only: the bytes of a character whose end has not come yet.
    carried: [u8; 3],
    carries: u8,
    /// Why nothing more comes from the target.
    pub end: Option<TargetEnd>,
    /// The target is not read any more.
    pub is_closing: bool,
    /// The other half is finished: the session is over when our Close was sent.
    pub is_alone: bool,
    /// Why nothing more goes to the client.
    pub broken: Option<io::Error>,
    /// Our Close was written, or nothing more can be.
    pub is_finished: bool,
    /// Payload bytes written.
    pub bytes: u64,
    /// Watches the writes.
    pub stall: Stall,
}

impl Enframe {
    /// A half at the start of its stream; `may_splice`: whether the system can move the bytes, and
    /// nobody else wants to see them.
    pub(super) fn new(settings: &Settings, may_splice: bool, stall: Stall) -> Self {
        let max_message = settings.longest_message();
        let may_splice =
            may_splice && settings.splice && settings.send == Kind::Binary && max_message >= SMALL;
        Self {
            pending: None,
            long: None,
            splice_mode: if may_splice { SpliceMode::Copied(0) } else { SpliceMode::NeverSpliced },
            max_message,
            size: Size::Small,
            payload: 0,
            kind: settings.send,
            carried: [0; 3],
            carries: 0,
            end: None,
            is_closing: false,
            is_alone: false,
            broken: None,
            is_finished: false,
            bytes: 0,
            stall,
        }
    }

    /// Whether the client keeps frames from being sent.
    pub(super) fn holds_back(&self) -> bool {
        self.pending.is_some() || self.long.as_ref().is_some_and(|long| !long.is_between())
    }

    /// Payload bytes that were written or are about to be: what the client gets before a Close.
    pub(super) const fn promised(&self) -> u64 {
        self.bytes + self.payload as u64
    }

    /// Throws away what is left for the client.
    pub(super) fn give_up(&mut self) {
        (self.pending, self.long) = (None, None);
        self.stall.progress();
        self.is_finished = true;
    }

    /// Moves what can be moved in one turn. It is over when there is an end to be settled, and when
    /// this half is finished.
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
            let (false, Some(client)) = (self.is_finished, &mut *client) else {
                return Poll::Ready(Turn::Over);
            };
            if self.is_closing {
                self.give_up_pipe();
                if self.is_finished {
                    continue;
                }
            }
            if self.holds_back() {
                let is_last = self.is_alone && machine.is_closed();
                let Poll::Ready(sent) = self.poll_send(cx, client, is_last) else {
                    self.stall.blocked(now);
                    return Poll::Pending;
                };
                self.stall.progress();
                if let Err(error) = sent {
                    self.give_up();
                    self.broken = Some(error);
                    return Poll::Ready(Turn::Over);
                }
                continue;
            }
            // Between two frames: what the protocol wants goes first.
            if machine.owes_control() {
                self.pending = Some(control_frames(now, machine));
                continue;
            }
            if machine.close_is_sent() {
                self.is_finished = true;
                return Poll::Ready(Turn::Over);
            }
            if self.begins_long_frame(machine) {
                continue;
            }
            if self.end.is_some() {
                return Poll::Ready(Turn::Over); // to be settled: a Close follows
            }
            let (false, Some(target)) = (self.is_closing, &mut *target) else {
                return Poll::Pending;
            };
            if chunks == CHUNKS_PER_TURN {
                return Poll::Ready(Turn::More);
            }
            chunks += 1;
            let ended = if self.splice_mode.is_spliced() {
                self.poll_target_long(cx, target)
            } else {
                self.poll_target(cx, target, machine, tap)
            };
            if ready!(ended) {
                return Poll::Ready(Turn::Over);
            }
        }
    }

    /// Sends some of what is to be written. The last of it waits in the system for the FIN, which
    /// follows at once: one segment in place of two, and the client is woken once.
    fn poll_send(
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
    fn begins_long_frame(&mut self, machine: &Connection) -> bool {
        let Some(long) = &mut self.long else { return false };
        let length = long.holds().min(self.max_message) as u64;
        match machine.send(self.kind, true, true, length, None) {
            Some(header) => long.begin(header),
            None => self.long = None,
        }
        self.long.is_some()
    }

    /// Lets the pipe go: what is left of the frame that is being sent is copied out of it.
    fn give_up_pipe(&mut self) {
        let Some(long) = self.long.take() else { return };
        if long.is_between() {
            return;
        }
        match long.into_rest() {
            Ok((rest, payload)) => {
                let range = 0..rest.len();
                self.payload = payload;
                self.pending = Some(Pending { buffer: Buffer::of(rest), range });
            }
            Err(error) => {
                self.give_up();
                self.broken = Some(error);
            }
        }
    }

    /// Takes what the target has sent into a pipe: whether the target ended.
    fn poll_target_long(&mut self, cx: &mut Context<'_>, target: &mut Stream) -> Poll<bool> {
        let Some(mut pipe) = Pipe::take() else {
            self.splice_mode = SpliceMode::Copied(0); // all are in use: perhaps later
            return Poll::Ready(false);
        };
        match ready!(pipe.poll_fill(cx, target, self.max_message)) {
            Ok(0) => return self.ended(TargetEnd::Complete),
            Ok(length) => self.splice_mode.spliced(length),
            Err(error) if is_unsupported(&error) => {
                self.splice_mode = SpliceMode::NeverSpliced;
                return Poll::Ready(false);
            }
            Err(error) => return self.ended(TargetEnd::Failed(error)),
        }
        self.long = Some(LongFrames::new(pipe));
        Poll::Ready(false)
    }

    /// Reads what lies ready at the target, up to a message, and puts its header before it: whether
    /// the target ended.
    fn poll_target(
        &mut self,
        cx: &mut Context<'_>,
        target: &mut Stream,
        machine: &Connection,
        tap: &mut Option<Box<dyn Tap>>,
    ) -> Poll<bool> {
        let mut buffer = Buffer::take(self.size);
        let start = HEAD_ROOM + usize::from(self.carries);
        let limit = self.limit(&buffer);
        let end = match ready!(target.poll_read(cx, &mut buffer[start..limit])) {
            Ok(0) if self.carries > 0 => return self.ended(TargetEnd::NotText),
            Ok(0) => return self.ended(TargetEnd::Complete),
            Err(error) => return self.ended(TargetEnd::Failed(error)),
            Ok(length) => self.read_on(cx, target, &mut buffer, start + length),
        };
        self.splice_mode.copied(end - start);
        self.size = Size::after(end - start);
        let end = match self.kind {
            Kind::Binary => end,
            Kind::Text => self.cut_text(&mut buffer, end),
        };
        let length = end - HEAD_ROOM;
        if length == 0 {
            return Poll::Ready(self.end.is_some()); // no empty frame is ever sent
        }
        let Some(header) = machine.send(self.kind, true, true, length as u64, None) else {
            return Poll::Ready(true);
        };
        if let Some(tap) = tap {
            tap.payload(Direction::ToClient, &buffer[HEAD_ROOM..end]);
        }
        let start = header.write_before(&mut buffer[..HEAD_ROOM]);
        self.payload = length;
        self.pending = Some(Pending { buffer, range: start..end });
        Poll::Ready(false)
    }

    /// Where the payload ends in a buffer that is full, or as full as a message may be.
    fn limit(&self, buffer: &Buffer) -> usize {
        buffer.len().min(HEAD_ROOM.saturating_add(self.max_message))
    }

    /// Reads what lies ready behind the bytes that end at `end`, for they are one message: where
    /// they end then. A plain read that left room has taken everything. TLS gives a record at a time,
    /// and asks the system again only where it would have been asked next anyway.
    fn read_on(
        &mut self,
        cx: &mut Context<'_>,
        target: &mut Stream,
        buffer: &mut Buffer,
        mut end: usize,
    ) -> usize {
        loop {
            if end < self.limit(buffer) {
                if target.is_plain() {
                    return end;
                }
            } else if end == buffer.len() && end < HEAD_ROOM + LARGE_CHUNK.min(self.max_message) {
                buffer.grow(end);
            } else {
                return end;
            }
            let limit = self.limit(buffer);
            match target.read_now(cx, &mut buffer[end..limit]) {
                None => return end,
                Some(Ok(0)) => self.end = Some(TargetEnd::Complete),
                Some(Err(error)) => self.end = Some(TargetEnd::Failed(error)),
                Some(Ok(length)) => {
                    end += length;
                    continue;
                }
            }
            return end;
        }
    }

    fn ended(&mut self, end: TargetEnd) -> Poll<bool> {
        self.end = Some(end);
        Poll::Ready(true)
    }

    /// Puts the carried bytes in front, and carries what is not a whole character: where the text
    /// that can be sent ends.
    fn cut_text(&mut self, buffer: &mut Buffer, end: usize) -> usize {
        let carries = usize::from(self.carries);
        buffer[HEAD_ROOM..HEAD_ROOM + carries].copy_from_slice(&self.carried[..carries]);
        let valid = match whole_characters(&buffer[HEAD_ROOM..end]) {
            Ok(valid) => valid,
            Err(valid) => {
                self.end = Some(TargetEnd::NotText);
                self.carries = 0;
                return HEAD_ROOM + valid;
            }
        };
        let rest = &buffer[HEAD_ROOM + valid..end];
        self.carried[..rest.len()].copy_from_slice(rest);
        self.carries = rest.len() as u8;
        if self.carries > 0 && matches!(self.end, Some(TargetEnd::Complete)) {
            self.end = Some(TargetEnd::NotText);
        }
        HEAD_ROOM + valid
    }
}

/// As many of the owed control frames as fit into a buffer.
fn control_frames(now: Instant, machine: &mut Connection) -> Pending {
    let mut buffer = Buffer::take(Size::Small);
    let mut end = 0;
    while buffer.len() - end >= MAX_CONTROL_FRAME {
        match machine.poll_control(now, &mut buffer[end..], None) {
            0 => break,
            length => end += length,
        }
    }
    Pending { buffer, range: 0..end }
}
