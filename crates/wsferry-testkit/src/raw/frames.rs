//! Frames of the server, as they come.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

use wsferry_frames::{Form, close_payload};

use super::{CLOSE, FIN, HANDSHAKE};
use crate::patience::soon;
use crate::targets::End;

/// A frame of the server.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its first byte: [`FIN`], reserved bits, opcode.
    pub first: u8,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A frame that is expected.
    pub fn new(first: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self { first, payload: payload.into() }
    }

    /// A Close that is expected.
    pub fn close(code: u16, reason: &str) -> Self {
        Self::new(FIN | CLOSE, close_payload(code, reason.as_bytes()))
    }

    /// The code of a Close: 0 for another frame, 1005 for a Close without one.
    pub fn code(&self) -> u16 {
        match (self.first, &self.payload[..]) {
            (0x88, []) => 1005,
            (0x88, [high, low, ..]) => u16::from_be_bytes([*high, *low]),
            _ => 0,
        }
    }

    /// The reason of a Close.
    pub fn reason(&self) -> String {
        String::from_utf8_lossy(self.payload.get(2..).unwrap_or_default()).into_owned()
    }
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { first, payload } = self;
        let shown = payload[..payload.len().min(200)].escape_ascii();
        write!(f, "Frame({first:#04x}, {} bytes, \"{shown}\")", payload.len())
    }
}

/// Reads frames.
#[derive(Debug)]
pub struct Frames<S> {
    pub(super) stream: S,
    pub(super) arrived: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Frames<S> {
    /// Makes a handshake on a connection of any kind.
    ///
    /// # Panics
    /// When the gateway does not answer 101.
    pub async fn open(mut stream: S) -> Self {
        soon(stream.write_all(HANDSHAKE.as_bytes())).await.expect("the gateway reads");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = soon(stream.read_u8()).await.expect("an answer comes before the end");
            head.push(byte);
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", head.escape_ascii());
        Self { stream, arrived: Vec::new() }
    }

    /// Both directions for themselves.
    pub fn split(self) -> (Frames<ReadHalf<S>>, WriteHalf<S>) {
        let (read, write) = tokio::io::split(self.stream);
        (Frames { stream: read, arrived: self.arrived }, write)
    }
}

impl<S: AsyncRead + Unpin> Frames<S> {
    /// Reads from a stream of which some has arrived already.
    pub const fn new(stream: S, arrived: Vec<u8>) -> Self {
        Self { stream, arrived }
    }

    /// The stream itself.
    pub const fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The next frame, or how the stream ended between two frames.
    ///
    /// # Errors
    /// The end.
    ///
    /// # Panics
    /// When the stream ends inside a frame, and when a server's frame has a mask or a length that is
    /// not in its shortest form.
    pub async fn next(&mut self) -> Result<Frame, End> {
        loop {
            if let Some((start, end)) = self.whole_frame() {
                let frame = Frame::new(self.arrived[0], &self.arrived[start..end]);
                self.arrived.drain(..end);
                return Ok(frame);
            }
            let read = self.stream.read_buf(&mut self.arrived).await;
            if !matches!(read, Ok(length) if length > 0) {
                let end = End::of(read.err().as_ref());
                assert!(self.arrived.is_empty() || end == End::Rst, "the stream ends in a frame");
                return Err(end);
            }
        }
    }

    /// Where the payload of the first frame begins and ends, when it is whole.
    fn whole_frame(&self) -> Option<(usize, usize)> {
        let header = wsferry_frames::parse_start(&self.arrived)?;
        assert!(header.key.is_none(), "a server's frame has a mask");
        let shortest = Form::shortest(header.length);
        assert_eq!(header.form, shortest, "the length is not in its shortest form");
        let (start, length) = (header.size(), header.length);
        let end = start + usize::try_from(length).expect("a length of a test");
        (self.arrived.len() >= end).then_some((start, end))
    }
}
