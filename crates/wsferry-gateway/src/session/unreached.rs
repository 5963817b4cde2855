//! The place of a target that was not reached: its client is told by a Close, because a page can read
//! that, and could not read an HTTP status.

use std::io;
use std::task::{Context, Poll};

use crate::error::DialError;
use crate::outcome::Cause;
use crate::relay::{Piece, Read, TargetEnd, TargetSide};

/// Takes nothing, and has failed already.
#[derive(Debug)]
pub(super) struct Unreached(pub Cause);

impl From<DialError> for Unreached {
    fn from(error: DialError) -> Self {
        Self(match error {
            DialError::TimedOut => Cause::ConnectTimeout(error.to_string()),
            other => Cause::TargetUnreachable(other.to_string()),
        })
    }
}

impl TargetSide for Unreached {
    const KEEPS_MESSAGES: bool = false;

    fn poll_write(&mut self, _: &mut Context<'_>, _: Piece<'_>) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<Result<Read, TargetEnd>> {
        Poll::Ready(Err(TargetEnd::Failed(self.0.clone())))
    }
}
