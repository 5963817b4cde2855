//! A connection of the load generator or of a target: TCP, with TLS on it or without.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;

use rustls::{ClientConnection, ServerConnection, StreamOwned};

/// What is read of a socket at once below TLS: rustls alone would ask for 4 KiB at a time.
const READ: usize = 40 * 1024;

/// One connection.
pub(crate) enum Wire {
    Plain(TcpStream),
    Client(Box<StreamOwned<ClientConnection, Below>>),
    Server(Box<StreamOwned<ServerConnection, Below>>),
}

/// The socket below TLS, read in large pieces.
pub(crate) struct Below(BufReader<TcpStream>);

impl Wire {
    /// TLS on a connection that was accepted; the handshake is done by the first read.
    pub(crate) fn server(
        stream: TcpStream,
        config: Arc<rustls::ServerConfig>,
    ) -> Result<Self, rustls::Error> {
        let tls = ServerConnection::new(config)?;
        Ok(Self::Server(Box::new(StreamOwned::new(tls, Below::new(stream)))))
    }

    /// TLS on a connection that was made, behind its handshake.
    pub(crate) fn client(
        stream: TcpStream,
        config: Arc<rustls::ClientConfig>,
    ) -> anyhow::Result<Self> {
        let name = rustls::pki_types::ServerName::from(stream.peer_addr()?.ip());
        let mut tls = StreamOwned::new(ClientConnection::new(config, name)?, Below::new(stream));
        while tls.conn.is_handshaking() {
            tls.conn.complete_io(&mut tls.sock)?;
        }
        crate::tls::check(&tls.conn)?;
        Ok(Self::Client(Box::new(tls)))
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Client(tls) => tls.sock.0.get_ref(),
            Self::Server(tls) => tls.sock.0.get_ref(),
        }
    }

    /// Whether a read that got less than it asked for has emptied the socket.
    pub(crate) fn tells_empty(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Ends what this side sends.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => {}
            Self::Client(tls) => {
                tls.conn.send_close_notify();
                tls.flush()?;
            }
            Self::Server(tls) => {
                tls.conn.send_close_notify();
                tls.flush()?;
            }
        }
        self.socket().shutdown(Shutdown::Write)
    }
}

impl Read for Wire {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(room),
            Self::Client(tls) => tls.read(room),
            Self::Server(tls) => tls.read(room),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Client(tls) => tls.write(bytes),
            Self::Server(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Client(tls) => tls.flush(),
            Self::Server(tls) => tls.flush(),
        }
    }
}

impl AsRawFd for Wire {
    fn as_raw_fd(&self) -> RawFd {
        self.socket().as_fd().as_raw_fd()
    }
}

impl Below {
    fn new(stream: TcpStream) -> Self {
        Self(BufReader::with_capacity(READ, stream))
    }
}

impl Read for Below {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.read(room)
    }
}

impl Write for Below {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.get_mut().write(bytes)
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.get_mut().write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
