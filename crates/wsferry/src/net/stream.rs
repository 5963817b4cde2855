//! One connected transport, to a client or to a target.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
#[cfg(target_os = "linux")]
use tokio::io::Interest;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::system;

/// A connected transport. An enum and not a trait object: the path of a byte has no indirect call.
#[derive(Debug)]
pub enum Stream {
    /// Plain TCP.
    Tcp(TcpStream),
}

impl Stream {
    /// A TCP connection that was made to a target.
    pub fn dialed(socket: TcpStream) -> Self {
        // A socket that is already reset refuses options; the first read will tell.
        let _ = set_options(&SockRef::from(&socket));
        Self::Tcp(socket)
    }

    /// A TCP connection that was accepted. On Linux it has the options of its listener.
    pub fn accepted(socket: TcpStream) -> Self {
        if cfg!(not(target_os = "linux")) {
            let _ = set_options(&SockRef::from(&socket));
        }
        Self::Tcp(socket)
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

    /// Writes some of `bytes`.
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
        return self.poll_call(cx, Interest::WRITABLE, |socket| {
            use rustix::net::{SendFlags, send};
            match send(socket, bytes, SendFlags::MORE | SendFlags::NOSIGNAL)? {
                0 => Err(io::ErrorKind::WriteZero.into()),
                length => Ok(length),
            }
        });
        #[cfg(not(target_os = "linux"))]
        self.poll_write(cx, bytes)
    }

    /// Does a system call when the socket can be read, or when it can be written.
    #[cfg(target_os = "linux")]
    pub(super) fn poll_call(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        mut call: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let Self::Tcp(socket) = self;
        loop {
            std::task::ready!(if interest.is_readable() {
                socket.poll_read_ready(cx)
            } else {
                socket.poll_write_ready(cx)
            })?;
            match socket.try_io(interest, || call(socket)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Ends what this side sends; the other direction stays open.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(self), cx)
    }

    /// Bytes that were written but that the other machine has not acknowledged. 0 where the system
    /// cannot tell.
    pub fn unacknowledged(&self) -> usize {
        match self {
            Self::Tcp(socket) => system::unacknowledged(socket),
        }
    }

    /// Ends the connection with RST: the other side must not take what it got for everything.
    pub fn abort(self) {
        match self {
            Self::Tcp(socket) => {
                let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
            }
        }
    }
}

/// What clients and targets get: small writes leave at once, and the system notices a machine that
/// is gone.
pub(super) fn set_options(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(Duration::from_secs(60)))
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_read(cx, room),
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
            Self::Tcp(socket) => Pin::new(socket).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(())) // nothing is buffered on this side of the kernel
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
