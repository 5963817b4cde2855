//! What stands between the socket and hyper: only whole, well-formed request heads get through, and
//! none that asks for WebSocket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::request::Parts;
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::AsyncWrite;
use tokio::time::Sleep;

use super::Door;
use super::connection_end::ConnectionEnd;
use super::head_reader::{HeadError, HeadReader, PlainHead, RequestHead};
use super::in_flight::InFlight;
use super::pace::Pace;
use super::permits::{FilePermits, Parked, Permits};

use crate::timeouts;

/// The timer for the next head.
#[derive(Debug)]
struct Until {
    is_idle: bool,
    timer: Pin<Box<Sleep>>,
}

/// A connection as hyper sees it.
#[derive(Debug)]
pub(super) struct Guard {
    reader: HeadReader,
    /// The part of a head that hyper has not read yet.
    released: Bytes,
    /// The released head is the last one: nothing after it is a request.
    is_last: bool,
    /// A head that asks for WebSocket, which hyper never sees.
    upgrade: Option<Box<Parts>>,
    in_flight: InFlight,
    header_timeout: Duration,
    /// When the next head must have started, or be complete.
    until: Option<Until>,
    pace: Pace,
    permits: Permits,
    files: Arc<FilePermits>,
    /// The connection's permit while it is idle.
    parked: Option<Parked>,
    /// How the connection ends, if that was decided here.
    end: Option<ConnectionEnd>,
}

impl Guard {
    /// Starts with a head that was read already.
    pub(super) fn new(reader: HeadReader, head: PlainHead, door: &Door, permits: Permits) -> Self {
        Self {
            reader,
            released: head.bytes,
            is_last: head.is_last,
            upgrade: None,
            in_flight: InFlight::default(),
            header_timeout: door.rules.header_timeout,
            until: None,
            pace: Pace::new(door.rules.write_timeout, door.rules.file_min_rate),
            permits,
            files: Arc::clone(&door.state.files),
            parked: None,
            end: None,
        }
    }

    pub(super) fn in_flight(&self) -> InFlight {
        self.in_flight.clone()
    }

    /// The connection, the head that asks for WebSocket if one came, and how it ends if that was
    /// decided here.
    pub(super) fn into_parts(self) -> (HeadReader, Option<Box<Parts>>, Option<ConnectionEnd>) {
        (self.reader, self.upgrade, self.end)
    }

    fn close<T>(&mut self, end: ConnectionEnd) -> Poll<io::Result<T>> {
        self.end = Some(end);
        Poll::Ready(Err(io::ErrorKind::InvalidData.into()))
    }

    /// Waits for the rest of a head, or for its start, with a time limit. An idle connection gives way
    /// to others. While an answer is being sent, no head is expected.
    fn poll_more<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if self.in_flight.is_set() || self.pace.waits() {
            self.until = None;
            return Poll::Pending;
        }
        let is_idle = self.reader.arrived().is_empty();
        if is_idle && self.parked.is_none() {
            self.parked = self.permits.park(&self.files);
        }
        if let Some(parked) = &mut self.parked
            && parked.poll_evicted(cx).is_ready()
        {
            return self.close(ConnectionEnd::Evicted);
        }
        if self.until.as_ref().is_none_or(|until| until.is_idle != is_idle) {
            let limit = if is_idle { timeouts::NEXT_REQUEST } else { self.header_timeout };
            self.until = Some(Until { is_idle, timer: Box::pin(tokio::time::sleep(limit)) });
        }
        let Some(until) = &mut self.until else { return Poll::Pending };
        ready!(until.timer.as_mut().poll(cx));
        self.close(ConnectionEnd::timed_out(&self.reader))
    }

    /// Reads the next head, if there is one.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let head = match self.reader.poll_next(cx) {
            Poll::Ready(Ok(Some(head))) => head,
            Poll::Ready(Ok(None)) => return Poll::Ready(Ok(())),
            Poll::Ready(Err(HeadError::Fault(fault))) => {
                return self.close(ConnectionEnd::Fault(fault));
            }
            Poll::Ready(Err(HeadError::Io(error))) => return Poll::Ready(Err(error)),
            Poll::Pending => return self.poll_more(cx),
        };
        self.until = None;
        if let Some(parked) = self.parked.take() {
            self.permits.unpark(&parked);
        }
        match head {
            RequestHead::Upgrade(head) => self.upgrade = Some(head),
            RequestHead::Other(PlainHead { bytes, is_last }) => {
                (self.released, self.is_last) = (bytes, is_last);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Bounds how long a write may be blocked.
    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let waited = self.pace.waits();
        if written.is_pending() {
            self.in_flight.set_waiting(true);
            let taken = self.reader.stream.peer_progress();
            return match self.pace.poll_wait(cx, taken) {
                Poll::Ready(()) => self.close(ConnectionEnd::Slow),
                Poll::Pending => Poll::Pending,
            };
        }
        if waited {
            self.pace.go_on();
            self.in_flight.set_waiting(false);
            cx.waker().wake_by_ref(); // the body and the next head were not polled meanwhile
        }
        written
    }

    /// To be called before a write: afterwards there is no telling how much the client took.
    fn look(&mut self) {
        if self.pace.waits() {
            let taken = self.reader.stream.peer_progress();
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
        if this.released.is_empty() && this.upgrade.is_none() {
            if this.is_last {
                return Poll::Pending; // its answer ends the connection
            }
            ready!(this.poll_head(cx))?;
        }
        // If there is nothing for hyper now, it sees the end of the stream: because it has ended, or
        // because an upgrade comes next. hyper reads no head before it has written the answers to
        // earlier ones.
        let length = this.released.len().min(room.remaining());
        room.put_slice(&this.released[..length]);
        this.released.advance(length);
        if this.released.is_empty() {
            this.released = Bytes::new(); // an idle connection has no buffer
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
        let written = this.reader.stream.poll_write(cx, bytes);
        this.written(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.look();
        let written = Pin::new(&mut this.reader.stream).poll_write_vectored(cx, slices);
        this.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.reader.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.look();
        let flushed = this.reader.stream.poll_flush(cx);
        this.written(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().reader.stream.poll_shutdown(cx)
    }
}
