//! The way of a long stream to the client: header by write, payload by splice, so that no byte of it
//! enters user space. A frame to the client is not masked, so there is nothing to be done to it. What a
//! pipe takes at once leaves it as several messages, none larger than clients may be sent.

use std::io;
use std::ops::Range;
use std::task::{Context, Poll, ready};

use wsferry_proto::{Header, MAX_HEADER};

use crate::net::{Pipe, Stream};

/// So many chunks of [`SMALL`] or more in a row make a stream a long one.
const FULL_IN_A_ROW: u8 = 4;
/// A frame of fewer bytes is cheaper to copy.
pub(super) const SMALL: usize = 32 * 1024;
/// So many small frames in a row, and it is not a long one any more.
const SMALL_IN_A_ROW: u8 = 4;

/// Whether a stream is a long one, judged by what came of it lately.
#[derive(Clone, Copy, Debug)]
pub(super) enum SpliceMode {
    /// It may become one: so many long chunks came in a row.
    Copied(u8),
    /// It is one: so many small frames came in a row.
    Spliced(u8),
    /// It is always copied.
    NeverSpliced,
}

impl SpliceMode {
    /// A chunk was copied.
    pub(super) const fn copied(&mut self, length: usize) {
        if let Self::Copied(full) = self {
            *self = match (length >= SMALL, *full + 1) {
                (false, _) => Self::Copied(0),
                (true, FULL_IN_A_ROW) => Self::Spliced(0),
                (true, full) => Self::Copied(full),
            };
        }
    }

    /// So much was spliced at once.
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

/// Frames whose payload is in a pipe, sent one behind the other until it is empty.
#[derive(Debug)]
pub(super) struct LongFrames {
    pipe: Pipe,
    header: [u8; MAX_HEADER],
    /// What of the frame's header is still to be written.
    header_left: Range<u8>,
    /// How much of the frame's payload is still to be written.
    payload_left: usize,
}

impl LongFrames {
    /// Frames of what `pipe` holds; none has begun.
    pub(super) const fn new(pipe: Pipe) -> Self {
        Self { pipe, header: [0; MAX_HEADER], header_left: 0..0, payload_left: 0 }
    }

    /// Whether no frame is being sent.
    pub(super) const fn is_between(&self) -> bool {
        self.payload_left == 0
    }

    /// Bytes of payload that are still to be sent, of this frame and all that follow.
    pub(super) fn holds(&self) -> usize {
        self.pipe.holds()
    }

    /// Begins the next frame.
    pub(super) fn begin(&mut self, header: Header) {
        self.header_left = 0..header.write_to(&mut self.header) as u8;
        self.payload_left = usize::try_from(header.length).unwrap_or(0).min(self.holds());
    }

    /// Sends some of the frame: how many bytes of its payload.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut Stream,
    ) -> Poll<io::Result<usize>> {
        if !self.header_left.is_empty() {
            let written = ready!(client.poll_write_more(cx, self.header_rest()))?;
            self.header_left.start += written as u8;
            return Poll::Ready(Ok(0));
        }
        let sent = ready!(self.pipe.poll_drain(cx, client, self.payload_left))?;
        self.payload_left -= sent;
        Poll::Ready(Ok(sent))
    }

    /// Gives the pipe up: what is left of the frame that is being sent, and how much of it is
    /// payload. What is behind the frame is thrown away.
    pub(super) fn into_rest(mut self) -> io::Result<(Vec<u8>, usize)> {
        let mut rest = self.header_rest().to_vec();
        let start = rest.len();
        rest.resize(start + self.payload_left, 0);
        self.pipe.read(&mut rest[start..])?;
        Ok((rest, self.payload_left))
    }

    fn header_rest(&self) -> &[u8] {
        &self.header[usize::from(self.header_left.start)..usize::from(self.header_left.end)]
    }
}

/// Whether the system cannot splice these sockets at all, though it can copy.
pub(super) fn is_unsupported(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    matches!(error.kind(), InvalidInput | PermissionDenied | Unsupported)
}
