//! How a connection is left so that the last bytes arrive.
//!
//! `close()` on a socket with unread bytes sends RST, and an RST makes the other side lose what it
//! had not read yet. So the sending side is ended first, and what still arrives is read and thrown
//! away until the other side has ended too, for a bounded time.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
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
    if how == Farewell::Polite && stream.shutdown().await.is_err() {
        return;
    }
    let mut room = [0; 2048];
    let mut unacknowledged = usize::MAX;
    let step = patience / 8;
    let mut strikes = 0;
    let mut next_look = Instant::now() + step;
    while strikes < 8 {
        if how == Farewell::Acknowledged && stream.unacknowledged() == 0 {
            return;
        }
        match timeout_at(next_look, stream.read(&mut room)).await {
            Ok(Ok(0) | Err(_)) => return,
            Ok(Ok(_)) if Instant::now() < next_look => {}
            Ok(Ok(_)) | Err(_) => {
                let now_unacknowledged = stream.unacknowledged();
                strikes = if now_unacknowledged < unacknowledged { 0 } else { strikes + 1 };
                unacknowledged = now_unacknowledged;
                next_look = Instant::now() + step;
            }
        }
    }
}
