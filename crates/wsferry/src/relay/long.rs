//! The way of a long stream to the client: header by write, payload by splice, so that no byte of it
//! enters user space. A frame to the client is not masked, so there is nothing to be done to it.

use std::io;
use std::ops::Range;
use std::task::{Context, Poll, ready};

use wsferry_proto::{Header, MAX_HEADER};

use crate::net::{Pipe, Stream};

/// So many full chunks in a row make a stream a long one.
const FULL_IN_A_ROW: u8 = 4;
/// A frame of fewer bytes would have been cheaper to copy.
const SMALL: usize = 32 * 1024;
/// So many small frames in a row, and it is not a long one any more.
const SMALL_IN_A_ROW: u8 = 4;

/// Whether a stream is a long one, judged by what came of it lately.
#[derive(Clone, Copy, Debug)]
pub(super) enum Gait {
    /// It may become one: so many full chunks came in a row.
    Copied(u8),
    /// It is one: so many small frames came in a row.
    Spliced(u8),
    /// It is always copied.
    NeverSpliced,
}

impl Gait {
    /// A chunk was copied.
    pub(super) const fn copied(&mut self, is_full: bool) {
        if let Self::Copied(full) = self {
            *self = match (is_full, *full + 1) {
                (false, _) => Self::Copied(0),
                (true, FULL_IN_A_ROW) => Self::Spliced(0),
                (true, full) => Self::Copied(full),
            };
        }
    }

    /// A frame was spliced.
    pub(super) const fn spliced(&mut self, length: usize) {
        if let Self::Spliced(small) = self {
            *self = match (length < SMALL, *small + 1) {
                (false, _) => Self::Spliced(0),
                (true, SMALL_IN_A_ROW) => Self::Copied(0),
                (true, small) => Self::Spliced(small),
            };
        }
    }

    /// Whether the next chunk is spliced.
    pub(super) const fn is_spliced(self) -> bool {
        matches!(self, Self::Spliced(_))
    }
}

/// A frame whose payload is in a pipe.
#[derive(Debug)]
pub(super) struct LongFrame {
    pipe: Pipe,
    header: [u8; MAX_HEADER],
    /// What of the header is still to be written.
    header_left: Range<u8>,
}

impl LongFrame {
    /// A frame of what `pipe` holds.
    pub(super) fn new(pipe: Pipe, header: Header) -> Self {
        let mut room = [0; MAX_HEADER];
        let end = header.write_to(&mut room);
        Self { pipe, header: room, header_left: 0..end as u8 }
    }

    /// Whether it was sent.
    pub(super) fn is_sent(&self) -> bool {
        self.pipe.holds() == 0
    }

    /// Sends some of the frame: how many bytes of its payload.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut Stream,
    ) -> Poll<io::Result<usize>> {
        if !self.header_left.is_empty() {
            let left = usize::from(self.header_left.start)..usize::from(self.header_left.end);
            let written = ready!(client.poll_write_more(cx, &self.header[left]))?;
            self.header_left.start += written as u8;
            return Poll::Ready(Ok(0));
        }
        self.pipe.poll_drain(cx, client)
    }
}

/// Whether the system cannot splice these sockets at all, though it can copy.
pub(super) fn is_unsupported(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    matches!(error.kind(), InvalidInput | PermissionDenied | Unsupported)
}
