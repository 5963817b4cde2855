//! What stands between the socket and hyper: only whole, well-formed request heads get through.
//!
//! hyper and httparse are lenient where docs/protocol.md is not, so the [`Judge`] looks at every byte of
//! a head first. Bytes behind a head that asks for WebSocket stay here: after the 101 they are
//! frames, and after a refusal they are never read as a request.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::StatusCode;
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::AsyncWrite;
use tokio::time::Sleep;
use tokio_util::io::poll_read_buf;
use wsferry_proto::head::{Fault, Judge};

use super::Front;
use super::pace::Pace;
use super::permits::{FilePermits, Parked, Permits};
use crate::net::Stream;

/// Bytes read at once while a head is waited for.
const READ: usize = 4096;
/// How long a connection may wait for its next request.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Why a connection ends without another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rejection {
    /// What came is no request head.
    Fault(Fault),
    /// A head was begun and not finished in time.
    HeadTimeout,
    /// Nothing came in time: there is nobody to answer.
    Silence,
    /// The client takes too little of its answer, or nothing at all.
    Slow,
    /// Its place is needed while it is idle.
    Evicted,
}

impl Rejection {
    /// The status and the sentence of the answer, if there is one.
    pub(super) const fn answer(self) -> Option<(StatusCode, &'static str)> {
        match self {
            Self::Fault(fault) => Some((fault.status(), fault.as_str())),
            Self::HeadTimeout => {
                Some((StatusCode::REQUEST_TIMEOUT, "the request head took too long"))
            }
            Self::Silence | Self::Slow | Self::Evicted => None,
        }
    }
}

/// Whether an answer is being sent: from the head of its request until its body is done.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    answering: AtomicBool,
    /// What was written of the answer waits for the client.
    waiting: AtomicBool,
}

impl InFlight {
    /// Marks the begin of an answer; dropping the mark is its end.
    pub(super) fn begin(&self) -> InFlightMark {
        self.0.answering.store(true, Ordering::Relaxed);
        InFlightMark(self.clone())
    }

    fn is_set(&self) -> bool {
        self.0.answering.load(Ordering::Relaxed)
    }
}

/// See [`InFlight::begin`].
#[derive(Debug)]
pub(super) struct InFlightMark(InFlight);

impl InFlightMark {
    /// Whether the client is waited for: then nothing more is read into memory for it. Who asks is
    /// polled again when the client goes on.
    pub(super) fn is_waiting(&self) -> bool {
        self.0.0.waiting.load(Ordering::Relaxed)
    }
}

impl Drop for InFlightMark {
    fn drop(&mut self) {
        self.0.0.answering.store(false, Ordering::Relaxed);
    }
}

/// Which heads pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadRules {
    /// The most bytes of one.
    pub max_size: usize,
    /// Whether an upgrade of HTTP/1.0 is as good as one of HTTP/1.1: for websockify's place, which is
    /// often behind an nginx without `proxy_http_version 1.1`.
    pub upgrades_http_1_0: bool,
}

/// The timer of what is waited for.
#[derive(Debug)]
struct Until {
    is_idle: bool,
    timer: Pin<Box<Sleep>>,
}

/// A connection, as hyper sees it.
#[derive(Debug)]
pub(super) struct Guard {
    stream: Stream,
    /// What arrived and was not given to hyper.
    arrived: BytesMut,
    judge: Judge,
    rules: HeadRules,
    /// Bytes at the start of `arrived` that hyper may have.
    released: usize,
    /// The head that was released is the last one: nothing behind it is a request.
    is_last: bool,
    in_flight: InFlight,
    header_timeout: Duration,
    /// Until when a head must be whole, or begin.
    until: Option<Until>,
    pace: Pace,
    permits: Permits,
    files: Arc<FilePermits>,
    /// A head was released before: now the next request is waited for.
    has_answered: bool,
    /// The permit of the connection while it is idle.
    parked: Option<Parked>,
    rejection: Option<Rejection>,
}

impl Guard {
    pub(super) fn new(stream: Stream, front: &Front, permits: Permits) -> Self {
        Self {
            stream,
            arrived: BytesMut::new(),
            judge: Judge::new(front.heads.max_size),
            rules: front.heads,
            released: 0,
            is_last: false,
            in_flight: InFlight::default(),
            header_timeout: front.header_timeout,
            until: None,
            pace: Pace::new(front.write_timeout, front.file_min_rate),
            permits,
            files: Arc::clone(&front.files),
            has_answered: false,
            parked: None,
            rejection: None,
        }
    }

    pub(super) fn in_flight(&self) -> InFlight {
        self.in_flight.clone()
    }

    /// The connection, what arrived behind the last head, and why it ends if it was rejected.
    pub(super) fn into_parts(self) -> (Stream, Bytes, Option<Rejection>) {
        (self.stream, self.arrived.freeze(), self.rejection)
    }

    fn reject<T>(&mut self, rejection: Rejection) -> Poll<io::Result<T>> {
        self.rejection = Some(rejection);
        Poll::Ready(Err(io::ErrorKind::InvalidData.into()))
    }

    /// Waits for the rest of a head, or for its begin, within the time for that. An idle connection
    /// makes way for others. While an answer is being sent no head is waited for.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.in_flight.is_set() || self.pace.waits() {
            self.until = None;
            return Poll::Pending;
        }
        let is_idle = self.has_answered && self.arrived.is_empty();
        if is_idle && self.parked.is_none() {
            self.parked = self.permits.park(&self.files);
        }
        if let Some(parked) = &mut self.parked
            && parked.poll_evicted(cx).is_ready()
        {
            return self.reject(Rejection::Evicted);
        }
        if self.until.as_ref().is_none_or(|until| until.is_idle != is_idle) {
            let limit = if is_idle { KEEP_ALIVE } else { self.header_timeout };
            self.until = Some(Until { is_idle, timer: Box::pin(tokio::time::sleep(limit)) });
        }
        let Some(until) = &mut self.until else { return Poll::Pending };
        std::task::ready!(until.timer.as_mut().poll(cx));
        let silent = self.arrived.is_empty();
        self.reject(if silent { Rejection::Silence } else { Rejection::HeadTimeout })
    }

    /// Reads until a head is whole: how many bytes it has, 0 at the end of the stream.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            match self.judge.look(&self.arrived) {
                Ok(Some(head)) => {
                    self.judge = Judge::new(self.rules.max_size);
                    self.until = None;
                    self.has_answered = true;
                    if let Some(parked) = self.parked.take() {
                        self.permits.unpark(&parked);
                    }
                    if head.is_http_1_0 && head.asks_upgrade && self.rules.upgrades_http_1_0 {
                        self.take_for_http_1_1();
                    }
                    self.is_last = head.asks_upgrade || head.announces_body;
                    return Poll::Ready(Ok(head.length));
                }
                Ok(None) => {}
                Err(fault) => return self.reject(Rejection::Fault(fault)),
            }
            self.arrived.reserve(READ);
            let mut room = (&mut self.arrived).limit(READ);
            match poll_read_buf(Pin::new(&mut self.stream), cx, &mut room) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(0)),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.poll_more(cx),
            }
        }
    }

    /// Makes a request of HTTP/1.0 one of HTTP/1.1, which hyper wants for an upgrade: the version is
    /// the end of the first line that is not empty.
    fn take_for_http_1_1(&mut self) {
        const VERSION: &[u8] = b" HTTP/1.0\r\n";
        let at = self.arrived.windows(VERSION.len()).position(|bytes| bytes == VERSION);
        if let Some(at) = at {
            self.arrived[at + VERSION.len() - 3] = b'1';
        }
    }

    /// Bounds how long a write may be blocked.
    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let waited = self.pace.waits();
        if written.is_pending() {
            self.in_flight.0.waiting.store(true, Ordering::Relaxed);
            let taken = self.stream.taken();
            return match self.pace.poll_wait(cx, taken) {
                Poll::Ready(()) => self.reject(Rejection::Slow),
                Poll::Pending => Poll::Pending,
            };
        }
        if waited {
            self.pace.go_on();
            self.in_flight.0.waiting.store(false, Ordering::Relaxed);
            cx.waker().wake_by_ref(); // the body and the next head were not looked at meanwhile
        }
        written
    }

    /// To be called before a write: afterwards it cannot be told what the client took.
    fn look(&mut self) {
        if self.pace.waits() {
            let taken = self.stream.taken();
            self.pace.look(taken);
        }
    }
}

impl Read for Guard {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut room: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.released == 0 {
            if this.is_last {
                return Poll::Pending; // its answer ends the connection, or its 101 ends HTTP
            }
            match this.poll_head(cx) {
                Poll::Ready(Ok(length)) => this.released = length,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        let length = this.released.min(room.remaining());
        room.put_slice(&this.arrived[..length]);
        this.arrived.advance(length);
        this.released -= length;
        if this.arrived.is_empty() {
            this.arrived = BytesMut::new(); // an idle connection has no buffer
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Guard {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.look();
        let written = this.stream.poll_write(cx, bytes);
        this.written(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.look();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.look();
        let flushed = this.stream.poll_flush(cx);
        this.written(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream.poll_shutdown(cx)
    }
}
