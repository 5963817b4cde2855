//! Reads request heads from a connection and lets only complete, well-formed ones through.
//!
//! hyper and httparse are lenient where docs/protocol.md is not, so the [`Judge`] looks at every byte of
//! a head first. Bytes after a head that asks for WebSocket stay here: after the 101 they are frames,
//! and after a refusal they are never read as a request.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes, BytesMut};
use http::Version;
use http::request::Parts;
use tokio_util::io::poll_read_buf;
use wsferry_proto::head::{Fault, Head, Judge};

use super::parse;
use crate::net::Stream;

/// How many bytes are read at a time while a head is expected.
const READ: usize = 4096;

/// Which request heads are let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadRules {
    /// The maximum length of a head, in bytes.
    pub max_size: usize,
    /// Whether an HTTP/1.0 upgrade is treated like an HTTP/1.1 one: for replacing websockify, which
    /// often runs behind an nginx without `proxy_http_version 1.1`.
    pub upgrades_http_1_0: bool,
}

/// A complete request head.
#[derive(Debug)]
pub(super) enum RequestHead {
    /// It asks for WebSocket: nothing after it is a request.
    Upgrade(Box<Parts>),
    /// It asks for something else.
    Other(PlainHead),
}

/// A request head for hyper.
#[derive(Debug)]
pub(super) struct PlainHead {
    /// The bytes of the head.
    pub(super) bytes: Bytes,
    /// Nothing after it is a request.
    pub(super) is_last: bool,
}

/// Why there is no request head.
#[derive(Debug)]
pub(super) enum HeadError {
    /// What arrived is not one.
    Fault(Fault),
    /// The socket failed.
    Io(io::Error),
}

/// A connection from which request heads are read.
#[derive(Debug)]
pub(super) struct HeadReader {
    pub(super) stream: Stream,
    /// Bytes after the last head that was read.
    arrived: BytesMut,
    judge: Judge,
    rules: HeadRules,
}

impl HeadReader {
    pub(super) fn new(stream: Stream, rules: HeadRules) -> Self {
        Self { stream, arrived: BytesMut::new(), judge: Judge::new(rules.max_size), rules }
    }

    /// The connection, and the bytes after the last head.
    pub(super) fn into_parts(self) -> (Stream, Bytes) {
        (self.stream, self.arrived.freeze())
    }

    /// What has arrived of the next head.
    pub(super) fn arrived(&self) -> &[u8] {
        &self.arrived
    }

    /// Reads until a head is complete; `None` at the end of the stream.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<RequestHead>, HeadError>> {
        loop {
            match self.judge.look(&self.arrived) {
                Ok(Some(head)) => return Poll::Ready(Ok(Some(self.take(head)))),
                Ok(None) => {}
                Err(fault) => return Poll::Ready(Err(HeadError::Fault(fault))),
            }
            self.arrived.reserve(READ);
            let mut room = (&mut self.arrived).limit(READ);
            match ready!(poll_read_buf(Pin::new(&mut self.stream), cx, &mut room)) {
                Ok(0) => return Poll::Ready(Ok(None)),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(HeadError::Io(error))),
            }
        }
    }

    fn take(&mut self, head: Head) -> RequestHead {
        self.judge = Judge::new(self.rules.max_size);
        let bytes = self.arrived.split_to(head.length).freeze();
        if self.arrived.is_empty() {
            self.arrived = BytesMut::new(); // an idle connection has no buffer
        }
        if head.asks_upgrade
            && let Some(mut parts) = parse::get(&bytes)
        {
            if self.rules.upgrades_http_1_0 {
                parts.version = Version::HTTP_11;
            }
            return RequestHead::Upgrade(parts);
        }
        let is_last = head.asks_upgrade || head.announces_body;
        RequestHead::Other(PlainHead { bytes, is_last })
    }
}
