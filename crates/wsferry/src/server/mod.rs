//! The gateway: bind, accept, hand over, drain.

mod accept;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wsferry_proto::HostName;

use crate::address::Address;
use crate::auth::{self, Policy};
use crate::error::StartError;
use crate::front::{Dial, Files, Front, Route, Web};
use crate::net;
use crate::observe;
use crate::record::{Recorder, Taps, Traffic};
use crate::session::{self, Drain};
use crate::target::Dialer;

/// Descriptors that are kept for listeners, files, the runtime, answers to those turned away, and
/// the pipes of sessions that move much.
const RESERVED_DESCRIPTORS: u64 = 192 + 2 * net::PIPES as u64;
/// Connections that are told 503 at once; beyond them they are closed without a word.
const TURNED_AWAY: usize = 64;

/// Everything a gateway needs to know. It is valid: nothing in it is checked again.
#[derive(Clone, Debug)]
pub struct Config {
    /// The host to listen on; empty: all addresses.
    pub listen_host: String,
    /// The port to listen on; 0: a free one.
    pub listen_port: u16,
    /// Where sessions lead.
    pub target: Address,
    /// What is served beside WebSocket.
    pub web: Option<Files>,
    /// Who may connect.
    pub auth: auth::Settings,
    /// How sessions run.
    pub session: session::Settings,
    /// When the target is dialled.
    pub dial: Dial,
    /// How long a request head may take in total.
    pub header_timeout: Duration,
    /// How long a drain may take.
    pub drain_timeout: Duration,
    /// The most connections at once; `None`: what the limit of file descriptors allows.
    pub max_connections: Option<usize>,
    /// The most connections at once that are not sessions yet.
    pub max_handshakes: usize,
    /// Stop after one session.
    pub run_once: bool,
    /// Each session is recorded into this file with a number behind it.
    pub record: Option<PathBuf>,
    /// Where the payload of sessions leaves its marks.
    pub traffic: Option<Traffic>,
}

/// A gateway that is bound, and accepts when it runs.
#[derive(Debug)]
pub struct Gateway {
    listeners: Vec<TcpListener>,
    shared: Arc<Shared>,
}

/// What all connections of a gateway share.
#[derive(Debug)]
struct Shared {
    front: Arc<Front>,
    session: Arc<session::Settings>,
    drain: Arc<Drain>,
    drain_timeout: Duration,
    /// Every task that must not escape the drain.
    tasks: TaskTracker,
    connections: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
    turned_away: Arc<Semaphore>,
    next_session: AtomicU64,
    sessions: AtomicUsize,
}

impl Gateway {
    /// Binds the listeners and checks what can be checked before the first connection.
    ///
    /// # Errors
    /// One sentence that says what is wrong and what to do.
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let web = config.web.map(open_files).transpose()?;
        let recorder = config.record.map(|path| Recorder::new(&path)).transpose()?;
        let tasks = TaskTracker::new();
        resolve_target(&config.target).await?;
        let addresses = net::resolve_listen(&config.listen_host, config.listen_port).await?;
        let listeners = net::bind(&addresses)?;

        let on_loopback = addresses.iter().all(|address| address.ip().is_loopback());
        let mut names = net::machine_names();
        names.extend(config.listen_host.parse::<HostName>().ok());
        let drain = Arc::new(Drain::default());
        let front = Front {
            policy: Policy::new(config.auth, None, on_loopback, names),
            web,
            web_auth: false,
            route: Route::Fixed(config.target),
            dialer: Arc::new(Dialer::default()),
            dial: config.dial,
            connect_timeout: config.session.connect_timeout,
            header_timeout: config.header_timeout,
            write_timeout: config.session.relay.write_timeout,
            drain: drain.token().clone(),
            stop: CancellationToken::new(),
            run_once: config.run_once,
            had_session: AtomicBool::new(false),
            taps: Taps::new(recorder, config.traffic, tasks.clone()),
        };
        let connections = config.max_connections.unwrap_or_else(default_max_connections);
        let shared = Shared {
            front: Arc::new(front),
            session: Arc::new(config.session),
            drain,
            drain_timeout: config.drain_timeout,
            tasks,
            connections: Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS))),
            handshakes: Arc::new(Semaphore::new(config.max_handshakes.min(Semaphore::MAX_PERMITS))),
            turned_away: Arc::new(Semaphore::new(TURNED_AWAY)),
            next_session: AtomicU64::new(1),
            sessions: AtomicUsize::new(0),
        };
        Ok(Self { listeners, shared: Arc::new(shared) })
    }

    /// Where it listens.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// The files that are served.
    pub fn web(&self) -> Option<&Web> {
        self.shared.front.web.as_ref()
    }

    /// Cancel it to stop the gateway.
    pub fn stop_token(&self) -> CancellationToken {
        self.shared.front.stop.clone()
    }

    /// Accepts until it is stopped, then drains: clients get Close 1001, targets FIN. Returns at the
    /// latest after `drain_timeout`; the sessions that are left then end with the runtime.
    pub async fn run(self) {
        let Self { listeners, shared } = self;
        let mut accepting = tokio::task::JoinSet::new();
        for listener in listeners {
            accepting.spawn(accept::run(listener, Arc::clone(&shared)));
        }
        shared.front.stop.cancelled().await;
        while accepting.join_next().await.is_some() {} // the listeners are closed now
        let sessions = shared.sessions.load(Ordering::Relaxed);
        observe::draining(sessions);
        shared.drain.begin(sessions, shared.drain_timeout / 2);
        shared.tasks.close();
        if timeout(shared.drain_timeout, shared.tasks.wait()).await.is_err() {
            observe::drain_timed_out(shared.sessions.load(Ordering::Relaxed));
        }
    }
}

fn open_files(files: Files) -> Result<Web, StartError> {
    let path = match &files {
        Files::Directory(path) => path.clone(),
        Files::Page(_) => PathBuf::new(),
    };
    Web::new(files).map_err(|source| StartError::WebRoot { path, source })
}

/// A name that cannot be looked up is noticed before the first client comes.
async fn resolve_target(target: &Address) -> Result<(), StartError> {
    let Some(name) = target.name() else { return Ok(()) };
    match tokio::net::lookup_host(name).await {
        Ok(_) => Ok(()),
        Err(error) => Err(StartError::Unresolved {
            role: "target host",
            host: name.0.to_owned(),
            reason: error.to_string(),
        }),
    }
}

/// A session has two descriptors. Staying below the limit keeps accept from failing in a loop.
fn default_max_connections() -> usize {
    let limit = net::descriptor_limit().unwrap_or(1 << 20);
    let sessions = limit.saturating_sub(RESERVED_DESCRIPTORS).max(16) / 2;
    usize::try_from(sessions).unwrap_or(usize::MAX)
}
