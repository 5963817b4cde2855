//! Bytes → frames: what the target sends is taken, and becomes frames that are to be sent.

use std::task::{Context, Poll, ready};

use wsferry_proto::{Connection, Header, Kind, MAX_HEADER, whole_characters};

use super::enframe::Enframe;
use super::long::{LongFrames, SpliceMode, is_unsupported};
use crate::net::{Pipes, Stream};
use crate::outcome::Direction;
use crate::relay::{
    Buffer, HEAD_ROOM, LARGE_CHUNK, Part, Pending, Read, Size, TargetEnd, TargetSide,
};
use crate::tap::Tap;

impl Enframe {
    /// Takes what lies ready at the target: how its stream ended behind that, if it did.
    pub(super) fn poll_take<T: TargetSide>(
        &mut self,
        cx: &mut Context<'_>,
        target: &mut T,
        connection: &Connection,
        tap: &mut Option<Box<dyn Tap>>,
    ) -> Poll<Option<TargetEnd>> {
        if self.splice_mode.is_spliced()
            && let Some(target) = target.plain()
        {
            return self.poll_splice(cx, target);
        }
        if let Some(pending) = self.pending.take() {
            return self.poll_gather(cx, target, connection, tap, pending);
        }
        self.poll_copy(cx, target, connection, tap)
    }

    /// Takes what the target has sent into a pipe.
    fn poll_splice(
        &mut self,
        cx: &mut Context<'_>,
        target: &mut Stream,
    ) -> Poll<Option<TargetEnd>> {
        let Some(mut pipe) = self.pipes.as_ref().and_then(Pipes::take) else {
            self.splice_mode = SpliceMode::Copied(0); // all are in use: perhaps later
            return Poll::Ready(None);
        };
        Poll::Ready(match ready!(pipe.poll_fill(cx, target, self.max_message)) {
            Ok(0) => Some(TargetEnd::Closed),
            Ok(length) => {
                self.splice_mode.spliced(length);
                self.long = Some(LongFrames::new(pipe));
                None
            }
            Err(error) if is_unsupported(&error) => {
                self.splice_mode = SpliceMode::NeverSpliced;
                None
            }
            Err(error) => Some(TargetEnd::from(error)),
        })
    }

    /// Reads what lies ready at the target, up to a message, and puts its header before it.
    fn poll_copy<T: TargetSide>(
        &mut self,
        cx: &mut Context<'_>,
        target: &mut T,
        connection: &Connection,
        tap: &mut Option<Box<dyn Tap>>,
    ) -> Poll<Option<TargetEnd>> {
        let mut buffer = Buffer::take(self.size);
        let start = HEAD_ROOM + usize::from(self.carries);
        let limit = self.limit::<T>(&buffer);
        let read = match ready!(target.poll_read(cx, &mut buffer[start..limit])) {
            Ok(read) => read,
            Err(TargetEnd::Closed) if self.carries > 0 => {
                return Poll::Ready(Some(TargetEnd::NotText));
            }
            Err(end) => return Poll::Ready(Some(end)),
        };
        let (end, part, ended) = self.read_on(cx, target, &mut buffer, start, read);
        let (end, ended) = match (part, self.kind) {
            (Part::Stream { .. }, Kind::Text) => self.cut_text(&mut buffer, end, ended),
            _ => (end, ended),
        };
        let length = end - HEAD_ROOM;
        // No empty frame is ever sent, but for a message that is empty.
        let is_empty = length == 0 && !matches!(part, Part::Message { ends: true, .. });
        if !is_empty && let Some(header) = self.header(connection, part, length) {
            if let Some(tap) = tap {
                tap.payload(Direction::ToClient, &buffer[HEAD_ROOM..end]);
            }
            let start = header.write_before(&mut buffer[..HEAD_ROOM]);
            self.payload = length;
            self.pending = Some(Pending { buffer, range: start..end });
        }
        Poll::Ready(ended)
    }

    /// Puts a frame behind those that are to be written.
    fn poll_gather<T: TargetSide>(
        &mut self,
        cx: &mut Context<'_>,
        target: &mut T,
        connection: &Connection,
        tap: &mut Option<Box<dyn Tap>>,
        mut pending: Pending,
    ) -> Poll<Option<TargetEnd>> {
        let end = pending.range.end;
        let start = end + MAX_HEADER;
        let room = &mut pending.buffer[start..];
        let most = room.len().min(self.longest::<T>());
        let taken = target.poll_read(cx, &mut room[..most]).map(|read| match read {
            Ok(Read { length, part }) => {
                if let Some(header) = self.header(connection, part, length) {
                    if let Some(tap) = tap {
                        tap.payload(Direction::ToClient, &pending.buffer[start..start + length]);
                    }
                    let begin = end + header.write_to(&mut pending.buffer[end..]);
                    pending.buffer.copy_within(start..start + length, begin);
                    pending.range.end = begin + length;
                    self.payload += length;
                }
                None
            }
            Err(end) => Some(end),
        });
        self.pending = Some(pending);
        taken
    }

    /// The header of a frame; `None` once a Close is queued, because no data follows one.
    fn header(&mut self, connection: &Connection, part: Part, length: usize) -> Option<Header> {
        let (kind, fin) = match part {
            Part::Stream { .. } => (self.kind, true),
            Part::Message { kind, ends } => (kind, ends),
        };
        let header = connection.send(kind, !self.is_in_message, fin, length as u64, None)?;
        self.is_in_message = !fin;
        Some(header)
    }

    /// The most bytes of a message, where its borders are made here.
    const fn longest<T: TargetSide>(&self) -> usize {
        if T::KEEPS_MESSAGES { usize::MAX } else { self.max_message }
    }

    /// Where the payload ends in a buffer that is full, or as full as a message may be.
    fn limit<T: TargetSide>(&self, buffer: &Buffer) -> usize {
        buffer.len().min(HEAD_ROOM.saturating_add(self.longest::<T>()))
    }

    /// Reads what lies ready behind the bytes at `start` that were read, for it belongs to the same
    /// message: where that ends, and how the stream ended behind it, if it did.
    fn read_on<T: TargetSide>(
        &mut self,
        cx: &mut Context<'_>,
        target: &mut T,
        buffer: &mut Buffer,
        start: usize,
        mut read: Read,
    ) -> (usize, Part, Option<TargetEnd>) {
        let (mut end, mut ended) = (start + read.length, None);
        while read.part.goes_on() {
            if end == self.limit::<T>(buffer) {
                let is_full = end == buffer.len();
                if !is_full || end >= HEAD_ROOM + LARGE_CHUNK.min(self.longest::<T>()) {
                    break;
                }
                buffer.grow(end);
            }
            let limit = self.limit::<T>(buffer);
            match target.read_now(cx, &mut buffer[end..limit]) {
                Some(Ok(next)) => {
                    end += next.length;
                    read = next;
                }
                next => {
                    ended = next.and_then(Result::err);
                    break;
                }
            }
        }
        self.splice_mode.copied(end - start);
        self.size = Size::after(end - start);
        (end, read.part, ended)
    }

    /// Puts the carried bytes in front, and carries what is not a whole character: where the text
    /// that can be sent ends, and how the stream ended.
    fn cut_text(
        &mut self,
        buffer: &mut Buffer,
        end: usize,
        ended: Option<TargetEnd>,
    ) -> (usize, Option<TargetEnd>) {
        let carries = usize::from(self.carries);
        buffer[HEAD_ROOM..HEAD_ROOM + carries].copy_from_slice(&self.carried[..carries]);
        let valid = match whole_characters(&buffer[HEAD_ROOM..end]) {
            Ok(valid) => valid,
            Err(valid) => {
                self.carries = 0;
                return (HEAD_ROOM + valid, Some(TargetEnd::NotText));
            }
        };
        let rest = &buffer[HEAD_ROOM + valid..end];
        self.carried[..rest.len()].copy_from_slice(rest);
        self.carries = rest.len() as u8;
        let ended = match ended {
            Some(TargetEnd::Closed) if self.carries > 0 => Some(TargetEnd::NotText),
            ended => ended,
        };
        (HEAD_ROOM + valid, ended)
    }
}
