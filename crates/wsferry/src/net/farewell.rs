//! How a connection is left so that the last bytes arrive.
//!
//! `close()` on a socket with unread bytes sends RST, and an RST makes the other side lose what it
//! had not read yet. So the sending side is ended first, and what still arrives is read and thrown
//! away until the other side has ended too, for a bounded time.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Stream;

/// How to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// FIN, then wait for the other side to end.
    Polite,
    /// FIN was sent already: wait only until the other machine has acknowledged everything.
    Acknowledged,
    /// Close at once: the other side is gone, or has ended already.
    Drop,
    /// RST: the stream was cut, and must not look complete.
    Abort,
}

/// Leaves `stream`. A wait goes on for `patience` after the last sign that the other machine still
/// takes bytes.
pub async fn farewell(mut stream: Stream, how: Farewell, patience: Duration) {
    match how {
        Farewell::Drop => return,
        Farewell::Abort => return stream.abort(),
        Farewell::Polite | Farewell::Acknowledged => {}
    }
    let mut leaving = Leaving { is_finished: how == Farewell::Acknowledged, is_ended: false };
    let mut taken = 0;
    let step = patience / 8;
    let mut strikes = 0;
    let mut next_look = Instant::now() + step;
    while strikes < 8 {
        if how == Farewell::Acknowledged && stream.unacknowledged() == 0 {
            return;
        }
        match timeout_at(next_look, leaving.step(&mut stream)).await {
            Ok(Step::Over) => return,
            Ok(Step::Read) if Instant::now() < next_look => {}
            Ok(Step::Read) | Err(_) => {
                let now_taken = stream.taken();
                strikes = if now_taken > taken { 0 } else { strikes + 1 };
                taken = now_taken;
                next_look = Instant::now() + step;
            }
        }
    }
}

/// How far a connection is left.
struct Leaving {
    /// FIN was sent.
    is_finished: bool,
    /// The other side has ended.
    is_ended: bool,
}

/// What happened on a connection that is left.
enum Step {
    /// Something came, and was thrown away.
    Read,
    /// Both sides have ended.
    Over,
}

impl Leaving {
    /// Sends FIN and reads at once: behind TLS the FIN may have to wait for bytes before it, and the
    /// other side may want to be read before it takes them.
    async fn step(&mut self, stream: &mut Stream) -> Step {
        let mut room = [0; 2048];
        poll_fn(|cx| {
            if !self.is_finished {
                match stream.poll_shutdown(cx) {
                    Poll::Ready(Ok(())) => self.is_finished = true,
                    Poll::Ready(Err(_)) => return Poll::Ready(Step::Over),
                    Poll::Pending => {}
                }
            }
            if !self.is_ended {
                match stream.poll_read(cx, &mut room) {
                    Poll::Ready(Ok(0) | Err(_)) => self.is_ended = true,
                    Poll::Ready(Ok(_)) => return Poll::Ready(Step::Read),
                    Poll::Pending => {}
                }
            }
            if self.is_finished && self.is_ended {
                return Poll::Ready(Step::Over);
            }
            Poll::Pending
        })
        .await
    }
}
