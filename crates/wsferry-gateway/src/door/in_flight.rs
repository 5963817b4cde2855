//! Whether an answer is being sent, and a body that says when it is done.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use crate::web::response::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;

/// Whether an answer is being sent: from the head of its request until its body is done.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    answering: AtomicBool,
    /// What was written of the answer is waiting for the client.
    waiting: AtomicBool,
}

impl InFlight {
    /// Marks the start of an answer; dropping the mark is its end.
    pub(super) fn begin(&self) -> InFlightMark {
        self.0.answering.store(true, Ordering::Relaxed);
        InFlightMark(self.clone())
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.answering.load(Ordering::Relaxed)
    }

    /// Says whether what was written is waiting for the client.
    pub(super) fn set_waiting(&self, is_waiting: bool) {
        self.0.waiting.store(is_waiting, Ordering::Relaxed);
    }
}

/// See [`InFlight::begin`].
#[derive(Debug)]
pub(super) struct InFlightMark(InFlight);

impl InFlightMark {
    /// Whether the answer is waiting for the client: then nothing more is read into memory for it. The
    /// caller is polled again when the client goes on.
    fn is_waiting(&self) -> bool {
        self.0.0.waiting.load(Ordering::Relaxed)
    }
}

impl Drop for InFlightMark {
    fn drop(&mut self) {
        self.0.0.answering.store(false, Ordering::Relaxed);
    }
}

/// The maximum number of bytes of a body that hyper gets before it has to write.
const AHEAD: usize = 32 * 1024;

pin_project! {
    /// A body that says when it is done, and never gets far ahead of what was written.
    pub(super) struct Tracked {
        #[pin]
        body: Body,
        mark: InFlightMark,
        // Bytes that hyper got without a pause.
        ahead: usize,
    }
}

impl Tracked {
    pub(super) fn new(body: Body, mark: InFlightMark) -> Self {
        Self { body, mark, ahead: 0 }
    }
}

impl HttpBody for Tracked {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        if this.mark.is_waiting() {
            return Poll::Pending; // what is in memory for the client is enough
        }
        if *this.ahead >= AHEAD {
            *this.ahead = 0;
            cx.waker().wake_by_ref(); // meanwhile hyper writes, or finds that it cannot
            return Poll::Pending;
        }
        let frame = std::task::ready!(this.body.poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            *this.ahead += frame.data_ref().map_or(0, Bytes::len);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
