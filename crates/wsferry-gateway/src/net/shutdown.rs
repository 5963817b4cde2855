//! How a connection is left so that the last bytes arrive.
//!
//! `close()` on a socket with unread bytes sends RST, and an RST makes the other side lose what it
//! had not read yet. So the sending side is ended first, and what still arrives is read and thrown
//! away until the other side has ended too. There is one deadline for all of it, whatever trickles.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
pub use wsferry_proto::ending::Shutdown;

use super::Stream;

/// Leaves `stream` within `patience`. What the other machine has not taken then is left to the
/// system.
pub async fn shut_down(stream: Stream, how: Shutdown, patience: Duration) {
    let mut leaving = Leaving::new(stream, how, Instant::now() + patience);
    leaving.deliver().await;
    leaving.end().await;
}

/// The wait between the first two questions whether everything has arrived; each later one is twice
/// as long, up to [`LONGEST_STEP`].
const FIRST_STEP: Duration = Duration::from_millis(1);
/// See [`FIRST_STEP`].
const LONGEST_STEP: Duration = Duration::from_millis(128);

/// A connection that is being left.
#[derive(Debug)]
pub struct Leaving {
    /// Taken when it is left.
    stream: Option<Stream>,
    how: Shutdown,
    until: Instant,
    /// FIN was sent.
    is_finished: bool,
    /// The other side has ended.
    is_ended: bool,
}

impl Leaving {
    /// Begins to leave; after `until` nothing is waited for.
    pub fn new(stream: Stream, how: Shutdown, until: Instant) -> Self {
        let is_finished = how == Shutdown::Acknowledged;
        Self { stream: Some(stream), how, until, is_finished, is_ended: false }
    }

    /// Waits until the other machine has taken everything: whether it has, or has ended by itself.
    pub async fn deliver(&mut self) -> bool {
        match self.how {
            Shutdown::Graceful | Shutdown::Acknowledged => {}
            Shutdown::Immediate | Shutdown::Reset => return true,
        }
        let mut step = FIRST_STEP;
        loop {
            let next = self.until.min(Instant::now() + step);
            match timeout_at(next, poll_fn(|cx| self.poll(cx))).await {
                Ok(()) => return true,
                Err(_) if self.is_taken() => return true,
                Err(_) if Instant::now() >= self.until => return false,
                Err(_) => step = LONGEST_STEP.min(step * 2),
            }
        }
    }

    /// Waits until the other side ends too, where that matters, and closes.
    pub async fn end(mut self) {
        match self.how {
            Shutdown::Graceful => {
                let until = self.until;
                let _ = timeout_at(until, poll_fn(|cx| self.poll_end(cx))).await;
            }
            Shutdown::Acknowledged | Shutdown::Immediate => {}
            Shutdown::Reset => self.abort(),
        }
    }

    /// Closes with RST.
    pub fn abort(&mut self) {
        if let Some(stream) = self.stream.take() {
            stream.abort();
        }
    }

    fn is_taken(&self) -> bool {
        self.is_finished && self.stream.as_ref().is_none_or(|stream| stream.unacknowledged() == 0)
    }

    /// Ready when everything was taken, or never will be.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.poll_end(cx) {
            Poll::Pending if self.is_taken() => Poll::Ready(()),
            other => other,
        }
    }

    /// Sends FIN and reads at once: behind TLS the FIN may have to wait for bytes before it, and the
    /// other side may want to be read before it takes them. Ready when both sides have ended.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(()) };
        if !self.is_finished {
            match stream.poll_shutdown(cx) {
                Poll::Ready(Ok(())) => self.is_finished = true,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => {}
            }
        }
        let mut room = [0; 2048];
        while !self.is_ended {
            match stream.poll_read(cx, &mut room) {
                Poll::Ready(Ok(0) | Err(_)) => self.is_ended = true,
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
        if self.is_finished { Poll::Ready(()) } else { Poll::Pending }
    }
}
