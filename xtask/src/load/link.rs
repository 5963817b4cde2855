//! One client connection, with or without WebSocket around what it sends, with or without TLS below.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use socket2::{Domain, Socket, Type};

use super::frames::{self, Frames};
use crate::peers::Kind;
use crate::running::Running;
use crate::wire::Wire;

/// A client that waits longer than this for a byte gives up: the program hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Connections from one of the loopback addresses, so that no address runs out of ports.
const PER_ADDRESS: usize = 2000;

/// What a connection has received so far.
pub(crate) enum Decode {
    Raw,
    Frames(Box<Frames>),
}

impl Decode {
    /// Gives the payload among `bytes` to `each`.
    pub(crate) fn read(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) -> Result<()> {
        match self {
            Self::Raw => {
                each(bytes);
                Ok(())
            }
            Self::Frames(frames) => frames.read(bytes, each),
        }
    }
}

/// The bytes that carry these messages.
pub(crate) fn encode<'a>(kind: Kind, messages: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        if kind.speaks_websocket() {
            frames::append_message(message, &mut bytes);
        } else {
            bytes.extend_from_slice(message);
        }
    }
    bytes
}

/// A connection that is ready for payload.
pub(crate) struct Link {
    pub(crate) stream: Wire,
    pub(crate) decode: Decode,
    /// What arrived behind the answer to the handshake.
    pub(crate) early: Vec<u8>,
}

impl Link {
    /// Connects and shakes hands. `number` tells connections apart that are held at the same time.
    pub(crate) fn open(running: &Running, kind: Kind, number: Option<usize>) -> Result<Self> {
        let address = running.address;
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        if let Some(number) = number {
            let host = Ipv4Addr::new(127, 0, 1, u8::try_from(1 + number / PER_ADDRESS)?);
            socket.set_reuse_address(true)?;
            socket.bind(&SocketAddr::from((host, 0)).into())?;
        }
        socket.connect(&address.into()).context("connect")?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut stream = match &running.tls {
            None => Wire::Plain(stream),
            Some(config) => Wire::client(stream, config.clone()).context("TLS handshake")?,
        };
        let mut early = Vec::new();
        let mut decode = Decode::Raw;
        if kind.speaks_websocket() {
            early = shake_hands(&mut stream, address).context("handshake")?;
            decode = Decode::Frames(Box::default());
        }
        Ok(Self { stream, decode, early })
    }

    /// Reads until `wanted` bytes of payload are there.
    pub(crate) fn receive(&mut self, wanted: usize, room: &mut [u8]) -> Result<()> {
        let mut received = 0;
        let early = std::mem::take(&mut self.early);
        self.decode.read(&early, |payload| received += payload.len())?;
        while received < wanted {
            let length = self.stream.read(room).context("nothing comes back")?;
            if length == 0 {
                bail!("closed after {received} of {wanted} bytes");
            }
            self.decode.read(&room[..length], |payload| received += payload.len())?;
        }
        Ok(())
    }

    /// Ends the session as it should be ended: a closing handshake, or FIN both ways.
    pub(crate) fn close(mut self, room: &mut [u8]) -> Result<()> {
        match &self.decode {
            Decode::Raw => self.stream.finish()?,
            Decode::Frames(_) => self.stream.write_all(&frames::close())?,
        }
        loop {
            let length = match self.stream.read(room) {
                // Not everybody says that TLS ends. Raw relays have nothing else to say.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => 0,
                other => other.context("no end comes")?,
            };
            self.decode.read(&room[..length], |_| {})?;
            let closed = matches!(&self.decode, Decode::Frames(frames) if frames.closed);
            if length == 0 || closed {
                return Ok(());
            }
        }
    }
}

/// Gives the bytes that came behind the answer.
fn shake_hands(stream: &mut Wire, address: SocketAddr) -> Result<Vec<u8>> {
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut room = [0; 4096];
    loop {
        let length = stream.read(&mut room)?;
        if length == 0 {
            bail!("closed after {:?}", String::from_utf8_lossy(&answer));
        }
        answer.extend_from_slice(&room[..length]);
        let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
        if !answer.starts_with(b"HTTP/1.1 101") {
            bail!("refused: {:?}", String::from_utf8_lossy(&answer));
        }
        return Ok(answer.split_off(end + 4));
    }
}
