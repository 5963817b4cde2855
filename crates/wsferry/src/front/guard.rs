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
use tokio::time::{Instant, Sleep};
use tokio_util::io::poll_read_buf;
use wsferry_proto::head::{Fault, Judge};

use crate::net::Stream;

/// Bytes read at once while a head is waited for.
const READ: usize = 4096;

/// Why a connection ends without another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rejection {
    /// What came is no request head.
    Fault(Fault),
    /// A head was begun and not finished in time.
    HeadTimeout,
    /// Nothing came in time: there is nobody to answer.
    Silence,
    /// The client takes no byte of its answer.
    WriteTimeout,
}

impl Rejection {
    /// The status and the sentence of the answer, if there is one.
    pub(super) const fn answer(self) -> Option<(StatusCode, &'static str)> {
        match self {
            Self::Fault(fault) => Some((fault.status(), fault.as_str())),
            Self::HeadTimeout => {
                Some((StatusCode::REQUEST_TIMEOUT, "the request head took too long"))
            }
            Self::Silence | Self::WriteTimeout => None,
        }
    }
}

/// Whether an answer is being sent: from the head of its request until its body is done.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight(Arc<AtomicBool>);

impl InFlight {
    /// Marks the begin of an answer; dropping the mark is its end.
    pub(super) fn begin(&self) -> InFlightMark {
        self.0.store(true, Ordering::Relaxed);
        InFlightMark(self.clone())
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// See [`InFlight::begin`].
#[derive(Debug)]
pub(super) struct InFlightMark(InFlight);

impl Drop for InFlightMark {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Relaxed);
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
    write_timeout: Duration,
    /// Until when a head must be whole.
    head_until: Option<Pin<Box<Sleep>>>,
    /// Until when a blocked write must go on.
    write_until: Option<Pin<Box<Sleep>>>,
    /// How far the client had come when that was set.
    taken: u64,
    rejection: Option<Rejection>,
}

impl Guard {
    pub(super) fn new(
        stream: Stream,
        rules: HeadRules,
        header_timeout: Duration,
        write_timeout: Duration,
    ) -> Self {
        Self {
            stream,
            arrived: BytesMut::new(),
            judge: Judge::new(rules.max_size),
            rules,
            released: 0,
            is_last: false,
            in_flight: InFlight::default(),
            header_timeout,
            write_timeout,
            head_until: None,
            write_until: None,
            taken: 0,
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

    /// Whether the time for a head is over. While an answer is being sent no head is waited for.
    fn head_is_late(&mut self, cx: &mut Context<'_>) -> bool {
        if self.in_flight.is_set() {
            self.head_until = None;
            return false;
        }
        let until = Instant::now() + self.header_timeout;
        let timer =
            self.head_until.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        timer.as_mut().poll(cx).is_ready()
    }

    /// Reads until a head is whole: how many bytes it has, 0 at the end of the stream.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            match self.judge.look(&self.arrived) {
                Ok(Some(head)) => {
                    self.judge = Judge::new(self.rules.max_size);
                    self.head_until = None;
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
                Poll::Pending if self.head_is_late(cx) => {
                    let silent = self.arrived.is_empty();
                    return self.reject(if silent {
                        Rejection::Silence
                    } else {
                        Rejection::HeadTimeout
                    });
                }
                Poll::Pending => return Poll::Pending,
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
        if written.is_ready() {
            self.write_until = None;
            return written;
        }
        if self.write_timeout.is_zero() {
            return Poll::Pending;
        }
        let until = Instant::now() + self.write_timeout;
        if self.write_until.is_none() {
            self.taken = self.stream.taken();
        }
        let timer =
            self.write_until.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        while timer.as_mut().poll(cx).is_ready() {
            let taken = self.stream.taken();
            if taken <= self.taken {
                return self.reject(Rejection::WriteTimeout);
            }
            self.taken = taken; // it is slow, but takes what the system holds
            timer.as_mut().reset(until);
        }
        Poll::Pending
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
        let written = this.stream.poll_write(cx, bytes);
        this.written(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = this.stream.poll_flush(cx);
        this.written(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream.poll_shutdown(cx)
    }
}
