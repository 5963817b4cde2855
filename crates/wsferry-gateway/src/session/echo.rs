//! The built-in target `echo:`: answers message for message with the same type. For tests, for the
//! conformance suite, and to see whether a page gets through at all.

use std::io;
use std::task::{Context, Poll};

use wsferry_proto::Kind;

use crate::relay::{Part, Piece, Read, TargetEnd, TargetSide};

/// A target that holds one piece of a message at most, until the client's side has taken it back: so
/// answers keep their place among control frames, and a broken rule comes behind them.
#[derive(Debug, Default)]
pub(super) struct Echo {
    bytes: Vec<u8>,
    /// How much of them was taken back.
    taken: usize,
    /// While there is a piece: the type of its message, and whether it ends that.
    message: Option<(Kind, bool)>,
    /// The client has ended.
    is_finished: bool,
}

impl TargetSide for Echo {
    const KEEPS_MESSAGES: bool = true;

    fn poll_write(&mut self, _: &mut Context<'_>, piece: Piece<'_>) -> Poll<io::Result<usize>> {
        self.bytes.extend_from_slice(piece.bytes);
        self.message = Some((piece.kind, piece.ends_message));
        Poll::Ready(Ok(piece.bytes.len()))
    }

    // The client's side takes the piece back, and then has this half called again.
    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.message.is_some() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_finished = true;
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, _: &mut Context<'_>, room: &mut [u8]) -> Poll<Result<Read, TargetEnd>> {
        let Some((kind, ends)) = self.message else {
            self.bytes = Vec::new(); // an idle session holds no buffer
            return if self.is_finished {
                Poll::Ready(Err(TargetEnd::Closed))
            } else {
                Poll::Pending
            };
        };
        let rest = &self.bytes[self.taken..];
        let length = rest.len().min(room.len());
        room[..length].copy_from_slice(&rest[..length]);
        self.taken += length;
        let is_whole = self.taken == self.bytes.len();
        if is_whole {
            self.bytes.clear();
            self.taken = 0;
            self.message = None;
        }
        Poll::Ready(Ok(Read { length, part: Part::Message { kind, ends: ends && is_whole } }))
    }
}
