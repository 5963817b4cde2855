//! A client that is nothing but a socket: it writes what a test wants, byte by byte if need be,
//! and reads what comes without a library that could forgive.

mod client;
mod frames;

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::yield_now;
use wsferry_frames::Form;

use crate::patience::soon;
use crate::targets::End;

pub use client::{Client, send_frames};
pub use frames::{Frame, Frames};
pub use wsferry_frames::{BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT};

/// The key that [`frame`] masks with.
pub const MASKING_KEY: [u8; 4] = wsferry_frames::KEY;

/// A handshake that gets 101, with the key of RFC 6455 §1.3.
pub const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
     Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
     Sec-WebSocket-Version: 13\r\n\r\n";

/// A client's frame: its first byte as it is given, the shortest length, a mask.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    wsferry_frames::frame(first, Some(MASKING_KEY), payload)
}

/// The header of a client's frame.
pub fn header(first: u8, length: u64) -> Vec<u8> {
    wsferry_frames::header(first, Form::shortest(length), length, Some(MASKING_KEY))
}

/// A client's Close frame.
pub fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(FIN | CLOSE, &wsferry_frames::close_payload(code, reason))
}

/// An answer of HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its fields, names in lower case.
    pub fields: Vec<(String, String)>,
    /// Its body, by Content-Length.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a field, `""` if there is none.
    pub fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }

    /// Whether there is such a field.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(other, _)| other == name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A socket on which HTTP is written by hand.
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
    arrived: Vec<u8>,
}

impl Raw {
    /// Connects.
    ///
    /// # Panics
    /// When nobody listens.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = soon(TcpStream::connect(address)).await.expect("the gateway accepts");
        stream.set_nodelay(true).expect("a socket takes TCP_NODELAY");
        Self { stream, arrived: Vec::new() }
    }

    /// Writes bytes at once.
    ///
    /// # Errors
    /// What the socket says.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        soon(self.stream.write_all(bytes.as_ref())).await
    }

    /// Writes bytes at once.
    ///
    /// # Panics
    /// When the other side does not take them.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.expect("the gateway takes what is sent");
    }

    /// Writes byte by byte, and gives the other side the chance to read each alone. Ends early when
    /// the other side has ended.
    pub async fn send_bytewise(&mut self, bytes: impl AsRef<[u8]>) {
        for byte in bytes.as_ref() {
            if self.try_send([*byte]).await.is_err() {
                return;
            }
            yield_now().await;
        }
    }

    /// Ends what this side sends.
    ///
    /// # Panics
    /// When the socket is broken.
    pub async fn finish(&mut self) {
        self.stream.shutdown().await.expect("a socket can be shut down");
    }

    /// The next answer; `None` if the connection ends instead.
    pub async fn try_answer(&mut self, has_body: bool) -> Option<Answer> {
        let end = loop {
            if let Some(end) = self.arrived.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end;
            }
            if !soon(self.read_some()).await {
                assert!(self.arrived.is_empty(), "half an answer: {:?}", self.arrived_text());
                return None;
            }
        };
        let head = String::from_utf8(self.arrived[..end].to_vec()).expect("a head is text");
        self.arrived.drain(..end + 4);
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
        let fields = lines.map(|line| {
            let (name, value) = line.split_once(':').expect("a field has a colon");
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        let status = status.parse().expect("a status is a number");
        let mut answer = Answer { status, fields: fields.collect(), body: Vec::new() };
        let length: usize = answer.field("content-length").parse().unwrap_or(0);
        if has_body && status != 304 {
            while self.arrived.len() < length {
                assert!(soon(self.read_some()).await, "the body of {answer:?} is cut");
            }
            answer.body = self.arrived.drain(..length).collect();
        }
        Some(answer)
    }

    /// The next answer.
    ///
    /// # Panics
    /// When there is none.
    pub async fn answer(&mut self) -> Answer {
        self.try_answer(true).await.expect("an answer comes before the end")
    }

    /// Waits until something has arrived.
    ///
    /// # Panics
    /// When the other side ends.
    pub async fn arrived(&mut self) {
        assert!(soon(self.read_some()).await, "something comes before the end");
    }

    /// What comes until the other side ends, and how it ends.
    pub async fn end(mut self) -> (Vec<u8>, End) {
        let read = soon(self.stream.read_to_end(&mut self.arrived)).await;
        (self.arrived, End::of(read.err().as_ref()))
    }

    /// The socket, when HTTP is done with.
    pub fn into_client(self) -> Client {
        Client { reader: Frames { stream: self.stream, arrived: self.arrived } }
    }

    /// The socket itself; what has arrived and was not read is lost.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    async fn read_some(&mut self) -> bool {
        matches!(self.stream.read_buf(&mut self.arrived).await, Ok(length) if length > 0)
    }

    fn arrived_text(&self) -> String {
        String::from_utf8_lossy(&self.arrived).into_owned()
    }
}
