//! One connected transport, to a client or to a target: a socket, with TLS on it or without.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

#[cfg(target_os = "linux")]
use tokio::io::Interest;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::coop::unconstrained;

use super::secured::Secured;
use super::socket::Socket;
use crate::tls::{Certificate, ClientConfig, ServerConfig, ServerName};

/// The first byte of a TLS connection: a record that holds a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// A connected transport. An enum and not a trait object: the path of a byte has no indirect call.
#[derive(Debug)]
pub enum Stream {
    /// The bytes as they are.
    Plain(Socket),
    /// TLS.
    Tls(Box<Secured>),
}

impl Stream {
    /// A TCP connection that was made to a target.
    pub fn dialed(socket: TcpStream) -> Self {
        Self::Plain(Socket::dialed(socket))
    }

    /// A TCP connection that was accepted.
    pub fn accepted(socket: TcpStream) -> Self {
        Self::Plain(Socket::accepted(socket))
    }

    /// Waits for the first byte: whether it is one of TLS. It stays to be read.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn begins_with_tls(&self) -> io::Result<bool> {
        let Self::Plain(socket) = self else { return Ok(false) };
        let byte = poll_fn(|cx| socket.poll_first_byte(cx)).await?;
        Ok(byte == Some(TLS_HANDSHAKE))
    }

    /// Makes TLS of an accepted connection.
    ///
    /// # Errors
    /// The client's handshake is no good. It was told so by the last bytes on the connection, which
    /// comes back to be left politely.
    pub async fn accept_tls(self, config: Arc<ServerConfig>) -> Result<Self, (io::Error, Self)> {
        let Self::Plain(socket) = self else { return Ok(self) };
        match Secured::accept(socket, config).await {
            Ok(secured) => Ok(Self::Tls(Box::new(secured))),
            Err((error, socket)) => Err((error, Self::Plain(socket))),
        }
    }

    /// Makes TLS of a connection to a target.
    ///
    /// # Errors
    /// The target's certificate or handshake is no good.
    pub async fn connect_tls(
        self,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<Self> {
        let Self::Plain(socket) = self else { return Ok(self) };
        Ok(Self::Tls(Box::new(Secured::connect(socket, config, name).await?)))
    }

    /// The certificate that the other side proved to have.
    pub fn certificate(&self) -> Option<&Certificate<'static>> {
        let Self::Tls(stream) = self else { return None };
        stream.certificate()
    }

    /// The socket, if the bytes go into it as they are.
    pub(super) const fn plain(&self) -> Option<&Socket> {
        match self {
            Self::Plain(socket) => Some(socket),
            Self::Tls(_) => None,
        }
    }

    /// Whether the system can move bytes from and to it by itself.
    pub const fn is_plain(&self) -> bool {
        self.plain().is_some()
    }

    fn socket(&self) -> &Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.socket(),
        }
    }

    /// Reads into `room`: 0 bytes mean the end of the stream.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut room = ReadBuf::new(room);
        match AsyncRead::poll_read(Pin::new(self), cx, &mut room) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(room.filled().len())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Reads what lies ready, if anything does, whatever the task has done in its turn already.
    pub fn read_now(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Option<io::Result<usize>> {
        let reading = poll_fn(|cx| self.poll_read(cx, room));
        match pin!(unconstrained(reading)).poll(cx) {
            Poll::Ready(read) => Some(read),
            Poll::Pending => None,
        }
    }

    /// Writes some of `bytes`. With TLS some of them may stay in a buffer until
    /// [`poll_flush`](Self::poll_flush) is ready.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match AsyncWrite::poll_write(Pin::new(self), cx, bytes) {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            other => other,
        }
    }

    /// Writes some of `bytes`, behind which more follows at once: the system may wait for it.
    pub fn poll_write_more(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        #[cfg(target_os = "linux")]
        if let Self::Plain(socket) = self {
            return socket.poll_call(cx, Interest::WRITABLE, |socket| {
                use rustix::net::{SendFlags, send};
                match send(socket, bytes, SendFlags::MORE | SendFlags::NOSIGNAL)? {
                    0 => Err(io::ErrorKind::WriteZero.into()),
                    length => Ok(length),
                }
            });
        }
        self.poll_write(cx, bytes)
    }

    /// Ready when nothing that was written is left on this side of the kernel.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    /// Ends what this side sends; the other direction stays open.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(self), cx)
    }

    /// Bytes that were written but that the other machine has not acknowledged. 0 where the system
    /// cannot tell.
    pub fn unacknowledged(&self) -> usize {
        self.socket().unacknowledged()
    }

    /// A number that grows when the other machine takes bytes, for as long as a write is blocked: what
    /// looks like a stall may be a slow reader of what the system holds.
    pub fn peer_progress(&self) -> u64 {
        let written = match self {
            Self::Plain(_) => u64::MAX,
            Self::Tls(stream) => stream.written(),
        };
        written.saturating_sub(self.unacknowledged() as u64)
    }

    /// Ends the connection with RST: the other side must not take what it got for everything.
    pub fn abort(self) {
        match self {
            Self::Plain(socket) => socket.abort(),
            Self::Tls(stream) => stream.into_socket().abort(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, room),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, room),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
