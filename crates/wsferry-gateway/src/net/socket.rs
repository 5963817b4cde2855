//! A connected socket: TCP, or Unix where there are such.

use std::io;
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

#[cfg(unix)]
use rustix::net::RecvFlags;
use socket2::{SockRef, TcpKeepalive};
#[cfg(unix)]
use tokio::io::Interest;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use crate::sys;

/// A connected socket. An enum and not a trait object: the path of a byte has no indirect call.
#[derive(Debug)]
pub enum Socket {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    #[cfg(unix)]
    Unix(UnixStream),
}

/// The same for whatever kind it is.
macro_rules! either {
    ($socket:expr, $name:ident => $call:expr) => {
        match $socket {
            Socket::Tcp($name) => $call,
            #[cfg(unix)]
            Socket::Unix($name) => $call,
        }
    };
}

impl Socket {
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

    /// Does a system call when the socket can be read, or when it can be written.
    #[cfg(unix)]
    pub(super) fn poll_call<R>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        mut call: impl FnMut(BorrowedFd<'_>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let system = either!(self, socket => socket.as_fd());
        loop {
            std::task::ready!(if interest.is_readable() {
                either!(self, socket => socket.poll_read_ready(cx))
            } else {
                either!(self, socket => socket.poll_write_ready(cx))
            })?;
            match either!(self, socket => socket.try_io(interest, || call(system))) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// The first byte that arrives, which stays to be read; `None` at the end of the stream.
    pub fn poll_first_byte(&self, cx: &mut Context<'_>) -> Poll<io::Result<Option<u8>>> {
        let mut byte = [0];
        let length = match self {
            Self::Tcp(socket) => {
                let mut room = ReadBuf::new(&mut byte);
                std::task::ready!(socket.poll_peek(cx, &mut room))?
            }
            #[cfg(unix)]
            Self::Unix(_) => std::task::ready!(self.poll_call(cx, Interest::READABLE, |socket| {
                let (_, length) = rustix::net::recv(socket, &mut byte, RecvFlags::PEEK)?;
                Ok(length)
            }))?,
        };
        Poll::Ready(Ok((length > 0).then_some(byte[0])))
    }

    /// Bytes that were written but that the other machine has not acknowledged. 0 where the system
    /// cannot tell.
    pub fn unacknowledged(&self) -> usize {
        either!(self, socket => sys::unacknowledged(socket))
    }

    /// Ends the connection with RST, where the socket knows that: the other side must not take what
    /// it got for everything. A Unix socket knows it only where this side leaves bytes unread
    /// (`ECONNRESET` there); else its other side sees an end like every other.
    pub fn abort(self) {
        match self {
            Self::Tcp(socket) => {
                let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
            }
            #[cfg(unix)]
            Self::Unix(_) => {}
        }
    }
}

/// What clients and targets get: small writes leave at once, and the system notices a machine that
/// is gone.
pub(super) fn set_options(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(Duration::from_secs(60)))
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self.get_mut(), socket => Pin::new(socket).poll_read(cx, room))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), socket => Pin::new(socket).poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(())) // nothing is buffered on this side of the kernel
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), socket => Pin::new(socket).poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), socket => Pin::new(socket).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
