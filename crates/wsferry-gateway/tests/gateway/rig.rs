//! Sessions over every kind of transport: clients with TLS or without, targets behind TCP, TLS and Unix
//! sockets, with splice or without.

use std::path::PathBuf;
use std::time::Instant;

use crate::config::Config;
use tokio::io::{AsyncRead, AsyncWrite, Interest};
use tokio::net::{TcpStream, UnixListener};
use tokio::sync::mpsc;
use wsferry_gateway::tls::ConnectorSettings;
use wsferry_testkit::patience::{PATIENCE, soon};
use wsferry_testkit::pki::Pki;
use wsferry_testkit::raw::Frames;
use wsferry_testkit::targets;

use crate::delivery::be_patient;
use crate::support::{Running, config_with};
use crate::tls_settings::{client, localhost, settings};

/// A client's or a target's side, whatever it is made of.
pub(crate) trait Bytes: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Bytes for S {}
pub(crate) type Side = Box<dyn Bytes>;

/// What the other side of the target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kin {
    Tcp,
    Unix,
    Tls,
}

/// A gateway with its target, whose sides come to the test.
pub(crate) struct Rig {
    pki: Pki,
    pub(crate) gateway: Running,
    targets: mpsc::UnboundedReceiver<Side>,
    secure: bool,
    /// The target's port; `None` for a Unix socket, which hands bytes over as they are written.
    port: Option<u16>,
    /// The last client's socket.
    socket: Option<TcpStream>,
    _folder: tempfile::TempDir,
}

impl Rig {
    pub(crate) async fn start(secure: bool, kin: Kin, change: impl FnOnce(&mut Config)) -> Self {
        let pki = Pki::new();
        let folder = tempfile::tempdir().unwrap();
        let (send, targets) = mpsc::unbounded_channel::<Side>();
        let (name, port) = match kin {
            Kin::Tcp => {
                let mut target = targets::by_hand().await;
                let address = target.address();
                tokio::spawn(async move {
                    loop {
                        let stream = target.report().await;
                        stream.set_nodelay(true).unwrap();
                        if send.send(Box::new(stream)).is_err() {
                            return;
                        }
                    }
                });
                (address.to_string(), Some(address.port()))
            }
            Kin::Unix => {
                let path: PathBuf = folder.path().join("target");
                let listener = UnixListener::bind(&path).unwrap();
                tokio::spawn(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        let _ = send.send(Box::new(stream));
                    }
                });
                (format!("unix_socket:{}", path.display()), None)
            }
            Kin::Tls => {
                let mut target = crate::tls::by_hand(&pki.server("target")).await;
                let address = target.address();
                tokio::spawn(async move {
                    loop {
                        let stream = target.report().await;
                        stream.get_ref().0.set_nodelay(true).unwrap();
                        if send.send(Box::new(stream)).is_err() {
                            return;
                        }
                    }
                });
                (address.to_string(), Some(address.port()))
            }
        };
        let (ca, pair) = (pki.ca(), pki.server("gateway"));
        let config = config_with(name, |config| {
            be_patient(config);
            config.header_timeout = 4 * PATIENCE;
            if secure {
                config.tls = Some(settings(&pair));
            }
            if kin == Kin::Tls {
                config.target_tls = Some(ConnectorSettings { ca: Some(ca), verify: true });
            }
            change(config);
        });
        let gateway = Running::start(config).await;
        Self { pki, gateway, targets, secure, port, socket: None, _folder: folder }
    }

    /// Waits until the last client is reset; it reads and writes nothing for that.
    pub(crate) async fn reset(&self) {
        let socket = self.socket.as_ref().unwrap();
        soon(socket.ready(Interest::ERROR)).await.unwrap();
    }

    /// Waits until all that the target wrote lies in the gateway's socket: on a busy machine even the
    /// loopback delivers later than the write returns. It holds the thread, so that the gateway, which
    /// shares it, reads nothing meanwhile.
    pub(crate) fn until_delivered(&self) {
        let Some(port) = self.port else { return };
        let deadline = Instant::now() + PATIENCE;
        while has_unacknowledged(port) {
            assert!(Instant::now() < deadline, "what the target wrote does not arrive");
            std::thread::yield_now();
        }
    }

    /// A session: the client's side and the target's.
    pub(crate) async fn open(&mut self) -> (Frames<Side>, Side) {
        let stream = soon(TcpStream::connect(self.gateway.address())).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let socket = std::os::fd::AsFd::as_fd(&stream).try_clone_to_owned().unwrap();
        self.socket = Some(TcpStream::from_std(socket.into()).unwrap());
        let side: Side = if self.secure {
            let connector = tokio_rustls::TlsConnector::from(client(&self.pki));
            Box::new(soon(connector.connect(localhost(), stream)).await.unwrap())
        } else {
            Box::new(stream)
        };
        let frames = Frames::open(side).await;
        (frames, soon(self.targets.recv()).await.unwrap())
    }
}

/// Whether a TCP socket of this machine with this local port has bytes that were not acknowledged
/// (proc(5), `/proc/net/tcp`: local address, remote address, state, `tx_queue:rx_queue`, in hex).
fn has_unacknowledged(port: u16) -> bool {
    let end = format!(":{port:04X}");
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    sockets.lines().skip(1).any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let established = fields[3] == "01";
        established && fields[1].ends_with(&end) && !fields[4].starts_with("00000000:")
    })
}

/// Every kind: whether the client speaks TLS, what the target is, whether splicing is allowed.
pub(crate) fn rows() -> impl Iterator<Item = (bool, Kin, bool)> {
    [false, true].into_iter().flat_map(|secure| {
        [Kin::Tcp, Kin::Unix, Kin::Tls]
            .into_iter()
            .flat_map(move |kin| [false, true].map(|splice| (secure, kin, splice)))
    })
}
