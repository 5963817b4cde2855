//! The gateway with TLS towards its clients, its targets, or both.

mod certificates;
mod delivery;
mod doors;
mod pauses;
mod stalls;
mod targets;

use std::sync::Arc;

use crate::config::Config;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use wsferry_gateway::tls::{Acceptor, ConnectorSettings};
use wsferry_testkit::patience::soon;
use wsferry_testkit::pki::{Pair, Pki};
use wsferry_testkit::raw::{Frames, HANDSHAKE};
use wsferry_testkit::targets::Target;

use crate::support::{Running, config_with};
use crate::tls_settings::{client, localhost, settings};

/// A client's side of TLS.
type Tls = tokio_rustls::client::TlsStream<TcpStream>;
/// A target's side of TLS.
pub(crate) type TargetTls = tokio_rustls::server::TlsStream<TcpStream>;

/// A gateway that speaks TLS, and what its clients trust.
struct Gate {
    pki: Pki,
    pair: Pair,
    running: Running,
}

impl Gate {
    async fn start(target: impl std::fmt::Display, change: impl FnOnce(&mut Config)) -> Self {
        Self::of(Pki::new(), target, change).await
    }

    async fn of(
        pki: Pki,
        target: impl std::fmt::Display,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let pair = pki.server("gateway");
        let config = config_with(target, |config| {
            config.tls = Some(settings(&pair));
            change(config);
        });
        Self { running: Running::start(config).await, pki, pair }
    }

    /// One that speaks TLS with its targets too.
    async fn both(pki: Pki, target: &Target<impl Send + 'static>) -> Self {
        let ca = pki.ca();
        Self::of(pki, target.address(), |config| {
            config.target_tls = Some(ConnectorSettings { ca: Some(ca), verify: true });
            crate::delivery::be_patient(config);
        })
        .await
    }

    /// TLS, and nothing in it yet.
    async fn dial(&self) -> Tls {
        self.try_dial(client(&self.pki)).await.unwrap()
    }

    async fn try_dial(&self, config: Arc<ClientConfig>) -> std::io::Result<Tls> {
        let stream = soon(TcpStream::connect(self.running.address())).await.unwrap();
        stream.set_nodelay(true).unwrap();
        soon(TlsConnector::from(config).connect(localhost(), stream)).await
    }

    /// A WebSocket in TLS.
    async fn open(&self) -> (Frames<ReadHalf<Tls>>, WriteHalf<Tls>) {
        upgrade(self.dial().await).await
    }

    /// The same for a client that takes little at once.
    async fn open_narrow(&self) -> (Frames<ReadHalf<Tls>>, WriteHalf<Tls>) {
        upgrade(self.dial_narrow().await).await
    }

    async fn dial_narrow(&self) -> Tls {
        let socket = TcpSocket::new_v4().unwrap();
        narrow(&socket);
        let stream = soon(socket.connect(self.running.address())).await.unwrap();
        let connector = TlsConnector::from(client(&self.pki));
        soon(connector.connect(localhost(), stream)).await.unwrap()
    }
}

/// Lets a socket, or those that it accepts, hold little: with small segments the other end does too.
fn narrow(socket: &TcpSocket) {
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    socket2::SockRef::from(socket).set_tcp_mss(1000).unwrap();
}

/// Makes a WebSocket of a stream.
async fn upgrade<S: AsyncRead + AsyncWrite>(stream: S) -> (Frames<ReadHalf<S>>, WriteHalf<S>) {
    let (read, mut write) = tokio::io::split(stream);
    say(&mut write, HANDSHAKE).await;
    let mut frames = Frames::new(read, Vec::new());
    let head = head(frames.stream()).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    (frames, write)
}

/// Writes all, and sees that it leaves.
async fn say(write: &mut (impl AsyncWrite + Unpin), bytes: impl AsRef<[u8]>) {
    soon(async {
        write.write_all(bytes.as_ref()).await.unwrap();
        write.flush().await.unwrap();
    })
    .await;
}

/// The head of an answer; what is behind it stays to be read.
async fn head(read: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon(read.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// A request, and the whole answer, which ends the connection.
async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    say(&mut stream, request).await;
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    answer
}

/// A target that speaks TLS.
async fn tls_target<R, F>(
    pair: &Pair,
    behaviour: impl Fn(TargetTls) -> F + Send + Sync + 'static,
) -> Target<R>
where
    R: Send + 'static,
    F: Future<Output = R> + Send + 'static,
{
    let config = Acceptor::open(settings(pair)).unwrap().current();
    let behaviour = Arc::new(behaviour);
    Target::start(move |stream| {
        let (config, behaviour) = (Arc::clone(&config), Arc::clone(&behaviour));
        async move {
            let acceptor = tokio_rustls::TlsAcceptor::from(config);
            behaviour(soon(acceptor.accept(stream)).await.unwrap()).await
        }
    })
    .await
}

/// A target whose connections the test handles itself.
pub(crate) async fn by_hand(pair: &Pair) -> Target<TargetTls> {
    tls_target(pair, |stream| async { stream }).await
}
