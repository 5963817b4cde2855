//! In the place of `secured.rs` in a build without the feature `tls`: no socket has TLS on it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::socket::Socket;
use crate::tls::{Certificate, ClientConfig, ServerConfig, ServerName};

/// Never made.
#[derive(Debug)]
pub enum Secured {}

impl Secured {
    /// Never called, because there is no configuration.
    pub(super) async fn accept(
        _: Socket,
        config: Arc<ServerConfig>,
    ) -> Result<Self, (io::Error, Socket)> {
        match *config {}
    }

    /// Never called, because there is no configuration.
    pub(super) async fn connect(
        _: Socket,
        config: Arc<ClientConfig>,
        _: ServerName<'static>,
    ) -> io::Result<Self> {
        match *config {}
    }

    pub(super) const fn certificate(&self) -> Option<&Certificate<'static>> {
        match *self {}
    }

    pub(super) const fn socket(&self) -> &Socket {
        match *self {}
    }

    pub(super) fn into_socket(self) -> Socket {
        match self {}
    }

    pub(super) const fn written(&self) -> u64 {
        match *self {}
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match *self {}
    }
}

impl AsyncWrite for Secured {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        match *self {}
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }
}
