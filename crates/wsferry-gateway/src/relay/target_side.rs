//! The target's side of a session: a connection to a server, or a target that is built in.

use std::io;
use std::task::{Context, Poll};

use wsferry_proto::Kind;

use crate::net::Stream;
use crate::outcome::Cause;

/// A slice of what a client sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    /// Its bytes; none where an empty message came.
    pub bytes: &'a [u8],
    /// The type of its message.
    pub kind: Kind,
    /// Whether its message ends with it.
    pub ends_message: bool,
}

/// What was read from a target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    /// So many bytes.
    pub length: usize,
    /// Where they belong.
    pub part: Part,
}

/// Where bytes from a target belong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    /// To a stream that knows no messages: what lies ready behind them may go in the same one.
    Stream {
        /// Whether more may lie ready.
        more: bool,
    },
    /// To a message, which may be empty.
    Message {
        /// Its type.
        kind: Kind,
        /// Whether it ends with them.
        ends: bool,
    },
}

/// How a target's stream ended.
#[derive(Debug)]
pub(crate) enum TargetEnd {
    /// It is complete.
    Closed,
    /// In the middle of TLS, whose own end did not come. The words say so.
    Truncated(String),
    /// It was cut, or there never was one; the cause says which.
    Failed(Cause),
    /// With bytes that are not UTF-8, where text is to be sent.
    NotText,
}

/// The target's side of a session.
pub(crate) trait TargetSide: Send {
    /// Whether the client's messages come back one by one, so that their borders and their order with
    /// control frames matter. A target that is a stream gets their payload joined.
    const KEEPS_MESSAGES: bool;

    /// Takes some of what the client sent: how many bytes.
    fn poll_write(&mut self, cx: &mut Context<'_>, piece: Piece<'_>) -> Poll<io::Result<usize>>;

    /// Ready when all that was written is on its way, and more may be received.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ends what goes to the target, which may still send.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Reads into `room` what lies ready.
    fn poll_read(&mut self, cx: &mut Context<'_>, room: &mut [u8])
    -> Poll<Result<Read, TargetEnd>>;

    /// The same, whatever the task has done in its turn already; `None`: nothing lies ready.
    fn read_now(
        &mut self,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Option<Result<Read, TargetEnd>> {
        match self.poll_read(cx, room) {
            Poll::Ready(read) => Some(read),
            Poll::Pending => None,
        }
    }

    /// The transport; one that is built in has none, and never stalls.
    fn stream(&self) -> Option<&Stream> {
        None
    }

    /// The same where the system can move its bytes by itself.
    fn plain(&mut self) -> Option<&mut Stream> {
        None
    }

    /// The transport, to be left.
    fn into_stream(self) -> Option<Stream>
    where
        Self: Sized,
    {
        None
    }
}

impl Part {
    /// Whether what is read next may go into the same frame.
    pub(crate) const fn goes_on(self) -> bool {
        match self {
            Self::Stream { more } => more,
            Self::Message { ends, .. } => !ends,
        }
    }
}

impl TargetSide for Stream {
    const KEEPS_MESSAGES: bool = false;

    fn poll_write(&mut self, cx: &mut Context<'_>, piece: Piece<'_>) -> Poll<io::Result<usize>> {
        self.poll_write(cx, piece.bytes)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_shutdown(cx)
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<Result<Read, TargetEnd>> {
        self.poll_read(cx, room).map(|read| judge(read, self.is_plain(), room.len()))
    }

    fn read_now(
        &mut self,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Option<Result<Read, TargetEnd>> {
        self.read_now(cx, room).map(|read| judge(read, self.is_plain(), room.len()))
    }

    fn stream(&self) -> Option<&Stream> {
        Some(self)
    }

    fn plain(&mut self) -> Option<&mut Stream> {
        self.is_plain().then_some(self)
    }

    fn into_stream(self) -> Option<Stream> {
        Some(self)
    }
}

/// What a read says. A plain one that left room has taken everything. TLS gives a record at a time,
/// and asks the system again only where it would have been asked next anyway.
fn judge(read: io::Result<usize>, is_plain: bool, room: usize) -> Result<Read, TargetEnd> {
    match read {
        Ok(0) => Err(TargetEnd::Closed),
        Ok(length) => {
            let more = !is_plain || length == room;
            Ok(Read { length, part: Part::Stream { more } })
        }
        Err(error) => Err(TargetEnd::from(error)),
    }
}

impl From<io::Error> for TargetEnd {
    fn from(error: io::Error) -> Self {
        let words = crate::error::words(&error);
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated(words),
            _ => Self::Failed(Cause::TargetFailed(words)),
        }
    }
}
