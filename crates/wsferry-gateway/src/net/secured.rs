//! A socket with TLS on it, as tokio-rustls makes it, with three things added: how far its writes
//! have come, what was read before a broken record, and words for a stream that was cut.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::socket::Socket;
use crate::tls::{Certificate, ClientConfig, ServerConfig, ServerName};

/// What TLS takes at once towards a client: the largest frame that is copied, with its header, and
/// what its records add. One byte less, and each such frame would need a second system call.
const TLS_HOLDS: usize = 65 * 1024;

/// A socket with TLS on it.
#[derive(Debug)]
pub struct Secured {
    stream: TlsStream<Counted>,
    /// What is wrong with the stream, to be told behind what came before it.
    fault: Option<io::Error>,
}

impl Secured {
    fn new(stream: impl Into<TlsStream<Counted>>) -> Self {
        Self { stream: stream.into(), fault: None }
    }

    /// Makes TLS of an accepted connection, which comes back where that fails.
    pub(super) async fn accept(
        socket: Socket,
        config: Arc<ServerConfig>,
    ) -> Result<Self, (io::Error, Socket)> {
        let accepting = TlsAcceptor::from(config).accept_with(Counted::new(socket), |connection| {
            connection.set_buffer_limit(Some(TLS_HOLDS));
        });
        match accepting.into_fallible().await {
            Ok(stream) => Ok(Self::new(stream)),
            Err((error, counted)) => Err((error, counted.socket)),
        }
    }

    /// Makes TLS of a connection to a target.
    pub(super) async fn connect(
        socket: Socket,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<Self> {
        let stream = TlsConnector::from(config).connect(name, Counted::new(socket)).await?;
        Ok(Self::new(stream))
    }

    /// The certificate that the other side proved to have.
    pub(super) fn certificate(&self) -> Option<&Certificate<'static>> {
        self.stream.get_ref().1.peer_certificates()?.first()
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.stream.get_ref().0.socket
    }

    pub(super) fn into_socket(self) -> Socket {
        match self.stream {
            TlsStream::Client(stream) => stream.into_inner().0.socket,
            TlsStream::Server(stream) => stream.into_inner().0.socket,
        }
    }

    /// Bytes that went into the socket.
    pub(super) fn written(&self) -> u64 {
        self.stream.get_ref().0.written
    }

    /// Takes what was decrypted and not read yet.
    fn take_decrypted(&mut self, room: &mut ReadBuf<'_>) -> bool {
        let free = room.initialize_unfilled();
        let read = match &mut self.stream {
            TlsStream::Client(stream) => stream.get_mut().1.reader().read(free),
            TlsStream::Server(stream) => stream.get_mut().1.reader().read(free),
        };
        let length = read.unwrap_or(0);
        room.advance(length);
        length > 0
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.fault.is_none() {
            match ready!(Pin::new(&mut this.stream).poll_read(cx, room)) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(error) => this.fault = Some(in_words(error)),
            }
        }
        // The library tells a broken record, or an alert, before it gives what came before it.
        if this.take_decrypted(room) {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(this.fault.take().map_or(Ok(()), Err))
    }
}

/// The library's own words for a cut stream are a link to its documentation.
fn in_words(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return io::Error::new(error.kind(), "connection ended without the end of TLS");
    }
    error
}

impl AsyncWrite for Secured {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

/// A socket that counts what is written to it.
#[derive(Debug)]
struct Counted {
    socket: Socket,
    written: u64,
}

impl Counted {
    const fn new(socket: Socket) -> Self {
        Self { socket, written: 0 }
    }

    fn count(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(length)) = written {
            self.written += length as u64;
        }
        written
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_read(cx, room)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.socket).poll_write(cx, bytes);
        this.count(written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.socket).poll_write_vectored(cx, slices);
        this.count(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}
