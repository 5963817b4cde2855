//! A client that is nothing but a socket: it writes what a test wants, byte by byte if need be,
//! and reads what comes without a library that could forgive.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::yield_now;
use tokio::time::timeout;
use wsferry_proto::{Header, Mask, Opcode};

use crate::patience::soon;
use crate::targets::End;

/// The bit that ends a message, in the first byte of a frame.
pub const FIN: u8 = 0x80;
/// Opcodes, as the low bits of the first byte of a frame.
pub const CONTINUATION: u8 = 0x0;
/// See [`CONTINUATION`].
pub const TEXT: u8 = 0x1;
/// See [`CONTINUATION`].
pub const BINARY: u8 = 0x2;
/// See [`CONTINUATION`].
pub const CLOSE: u8 = 0x8;
/// See [`CONTINUATION`].
pub const PING: u8 = 0x9;
/// See [`CONTINUATION`].
pub const PONG: u8 = 0xa;

/// The key that [`frame`] masks with.
pub const MASKING_KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A handshake that gets 101, with the key of RFC 6455 §1.3.
pub const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
     Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
     Sec-WebSocket-Version: 13\r\n\r\n";

/// A client's frame: its first byte as it is given, the shortest length, a mask.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, payload.len() as u64);
    let start = frame.len();
    frame.extend_from_slice(payload);
    Mask::new(MASKING_KEY).apply(&mut frame[start..]);
    frame
}

/// The header of a client's frame.
pub fn header(first: u8, length: u64) -> Vec<u8> {
    let header =
        Header { fin: true, opcode: Opcode::Binary, length, masking_key: Some(MASKING_KEY) };
    let mut bytes = vec![0; header.len()];
    header.write_to(&mut bytes);
    bytes[0] = first;
    bytes
}

/// A client's Close frame.
pub fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(FIN | CLOSE, &[&code.to_be_bytes(), reason].concat())
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
        Self::new(FIN | CLOSE, [&code.to_be_bytes()[..], reason.as_bytes()].concat())
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
    stream: S,
    arrived: Vec<u8>,
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
        let &[_, second, ref rest @ ..] = &self.arrived[..] else { return None };
        assert!(second & 0x80 == 0, "a server's frame has a mask");
        let (start, length) = match second {
            126 => (4, u64::from(u16::from_be_bytes(*rest.first_chunk()?))),
            127 => (10, u64::from_be_bytes(*rest.first_chunk()?)),
            length => (2, u64::from(length)),
        };
        let shortest = match length {
            0..=125 => 2,
            126..=0xffff => 4,
            _ => 10,
        };
        assert_eq!(start, shortest, "the length is not in its shortest form");
        let end = start + usize::try_from(length).expect("a length of a test");
        (self.arrived.len() >= end).then_some((start, end))
    }
}

/// A WebSocket client on a socket.
#[derive(Debug)]
pub struct Client {
    reader: Frames<TcpStream>,
}

impl Client {
    /// Opens a connection.
    ///
    /// # Panics
    /// When the gateway does not answer 101.
    pub async fn open(address: SocketAddr) -> Self {
        let mut raw = Raw::connect(address).await;
        raw.send(HANDSHAKE).await;
        assert_eq!(raw.answer().await.status, 101);
        raw.into_client()
    }

    /// The socket.
    pub const fn stream(&mut self) -> &mut TcpStream {
        &mut self.reader.stream
    }

    /// Writes bytes as they are.
    ///
    /// # Panics
    /// When the gateway does not take them.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = soon(self.stream().write_all(bytes.as_ref())).await;
        sent.expect("the gateway takes what is sent");
    }

    /// Writes byte by byte, and gives the gateway the chance to read each alone; ends early when it
    /// has ended.
    pub async fn send_bytewise(&mut self, bytes: impl AsRef<[u8]>) {
        for byte in bytes.as_ref() {
            if soon(self.stream().write_all(&[*byte])).await.is_err() {
                return;
            }
            yield_now().await;
        }
    }

    /// Sends one frame.
    pub async fn send_frame(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        self.send(frame(first, payload.as_ref())).await;
    }

    /// The next frame.
    ///
    /// # Panics
    /// When the connection ends instead.
    pub async fn frame(&mut self) -> Frame {
        soon(self.reader.next()).await.expect("a frame comes before the end")
    }

    /// Waits until no more bytes come, though none is read: everything on the way is full.
    ///
    /// # Panics
    /// When the connection ends.
    pub async fn until_full(&mut self) {
        let mut room = vec![0; 16 << 20];
        let mut held = 0;
        let mut grows = async |held: &mut usize| loop {
            let now = self.stream().peek(&mut room).await.expect("the connection is open");
            if now > *held {
                *held = now;
                return;
            }
            yield_now().await;
        };
        while timeout(Duration::from_millis(300), grows(&mut held)).await.is_ok() {}
    }

    /// Reads data frames until there are `length` bytes of payload.
    ///
    /// # Panics
    /// When another frame comes, or more bytes.
    pub async fn payload(&mut self, length: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while all.len() < length {
            let frame = self.frame().await;
            assert!(matches!(frame.first, 0x81 | 0x82), "{frame:?}");
            all.extend(frame.payload);
        }
        assert_eq!(all.len(), length);
        all
    }

    /// All frames until the connection ends, and how it ends; a Close is answered, as every client
    /// does that did not send one first.
    pub async fn leave(mut self) -> (Vec<Frame>, End) {
        let mut frames = Vec::new();
        loop {
            match soon(self.reader.next()).await {
                Ok(frame) => frames.push(frame),
                Err(end) => return (frames, end),
            }
            if let Some(closed) = frames.last().filter(|frame| frame.first == FIN | CLOSE) {
                let answer = self::frame(FIN | CLOSE, &closed.payload);
                let _ = self.stream().write_all(&answer).await; // it may be lost: then it ends
            }
        }
    }

    /// All frames until the connection ends, and how it ends; nothing is answered.
    pub async fn rest(mut self) -> (Vec<Frame>, End) {
        self.rest_within().await
    }

    /// The same, and the socket stays open.
    pub async fn rest_within(&mut self) -> (Vec<Frame>, End) {
        let mut frames = Vec::new();
        loop {
            match soon(self.reader.next()).await {
                Ok(frame) => frames.push(frame),
                Err(end) => return (frames, end),
            }
        }
    }

    /// Both directions for themselves.
    pub fn split(self) -> (Frames<OwnedReadHalf>, OwnedWriteHalf) {
        let (read, write) = self.reader.stream.into_split();
        (Frames { stream: read, arrived: self.reader.arrived }, write)
    }

    /// What [`split`](Self::split) parted.
    ///
    /// # Panics
    /// When the halves are of two connections.
    pub fn joined(read: Frames<OwnedReadHalf>, write: OwnedWriteHalf) -> Self {
        let stream = read.stream.reunite(write).expect("halves of one connection");
        Self { reader: Frames { stream, arrived: read.arrived } }
    }

    /// The socket itself; what has arrived and was not read is lost.
    pub fn into_stream(self) -> TcpStream {
        self.reader.stream
    }
}

/// Writes a stream of bytes as frames: messages of random sizes and fragments, Pings between them.
/// Gives the payloads of the Pings, in order.
///
/// # Errors
/// What the socket says.
pub async fn send_frames(
    write: &mut (impl AsyncWrite + Unpin),
    pattern: crate::stream::Pattern,
    length: u64,
    most: usize,
    dice: &mut crate::stream::Dice,
) -> io::Result<Vec<Vec<u8>>> {
    let mut pings = Vec::new();
    let (mut at, mut inside) = (0, false);
    let mut batch = Vec::new();
    while at < length || inside {
        let left = usize::try_from(length - at).unwrap_or(usize::MAX);
        let size = dice.size(most).min(left);
        let fin = at + size as u64 == length || dice.roll(2) == 0;
        let opcode = if inside { CONTINUATION } else { BINARY };
        batch.extend(frame(if fin { FIN | opcode } else { opcode }, &pattern.bytes(at, size)));
        at += size as u64;
        inside = !fin;
        if dice.roll(8) == 0 && pings.len() < 200 {
            let payload = pattern.bytes(at, dice.roll(126) as usize);
            batch.extend(frame(FIN | PING, &payload));
            pings.push(payload);
        }
        if dice.roll(4) != 0 || at == length {
            // Cut wherever chance wants it, not at a frame's border.
            let cut = dice.roll(batch.len() as u64 + 1) as usize;
            write.write_all(&batch[..cut]).await?;
            batch.drain(..cut);
        }
    }
    write.write_all(&batch).await?;
    Ok(pings)
}
