//! A WebSocket client that sends what a test wants, frame by frame or byte by byte.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::{BINARY, CLOSE, CONTINUATION, FIN, Frame, Frames, HANDSHAKE, PING, Raw, frame};
use crate::patience::soon;
use crate::targets::End;

/// A WebSocket client on a socket.
#[derive(Debug)]
pub struct Client {
    pub(super) reader: Frames<TcpStream>,
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
