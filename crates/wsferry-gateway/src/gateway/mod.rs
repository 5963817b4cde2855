//! The gateway: bind, accept, hand over, drain.

mod accept;
mod activity;
mod budget;
mod listeners;
mod settings;
mod watch;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::address::Address;
use crate::auth::Policy;
use crate::dial::Dialer;
use crate::door::{FilePermits, Front};
use crate::error::StartError;
use crate::events;
use crate::net::Resolver;
use crate::record::{Recorder, Taps};
use crate::route::{Destination, RefusalTime};
use crate::session::{self, Drain};
use crate::tls::{Acceptor, Connector};
use crate::web::{Files, Web};
use crate::wrap::{Ended, Prepared, Wrapped};
use activity::Activity;
use budget::{Budget, Holders};
pub use listeners::Listen;
use listeners::Listeners;
pub use settings::{Config, Reached, RouteSettings};
use watch::Watched;

/// How long the name of the target may take at the start.
const RESOLVED_WITHIN: Duration = Duration::from_secs(10);
/// The same where the gateway starts without it.
const LOOKED_UP_WITHIN: Duration = Duration::from_secs(2);

/// A gateway that is bound, and accepts when it runs.
#[derive(Debug)]
pub struct Gateway {
    listeners: Listeners,
    program: Program,
    shared: Arc<Shared>,
}

/// The wrapped program, if there is one.
#[derive(Debug)]
enum Program {
    None,
    Prepared(Prepared),
    Running(Box<Wrapped>),
}

/// What all connections of a gateway share.
#[derive(Debug)]
struct Shared {
    front: Arc<Front>,
    /// Cancelled when nobody is accepted any more: at the latest when the gateway stops.
    listening: CancellationToken,
    session: Arc<session::Settings>,
    drain: Arc<Drain>,
    drain_timeout: Duration,
    timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
    /// Every task that must not escape the drain.
    tasks: TaskTracker,
    connections: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
    turned_away: Arc<Semaphore>,
    next_session: AtomicU64,
    activity: Activity,
    watched: Watched,
}

impl Gateway {
    /// Binds the listeners and checks what can be checked before the first connection.
    ///
    /// # Errors
    /// One sentence that says what is wrong and what to do.
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        Self::bind_with(config, CancellationToken::new()).await
    }

    /// The same with a token that stops the gateway and is there before it.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub async fn bind_with(config: Config, stop: CancellationToken) -> Result<Self, StartError> {
        let resolver = config.resolver;
        let web = config.web.map(open_files).transpose()?;
        let names = Names { resolver: &resolver, must_resolve: config.target_must_resolve };
        let (route, program) = open_route(config.route, names).await?;
        let startup = program.as_ref().map(Prepared::startup).unwrap_or_default();
        let tls = config.tls.map(Acceptor::open).transpose().map_err(StartError::setting)?;
        if let Some(tls) = &tls {
            events::certificate_in_use(tls.validity().from, tls.validity().until);
        }
        let target_tls = config.target_tls.as_ref().map(Connector::open).transpose();
        let target_tls = target_tls.map_err(StartError::setting)?;
        let plugin = config.auth_plugin.map(|plugin| plugin.open(&resolver)).transpose()?;
        let listeners = Listeners::open(&config.listen, &resolver).await?;
        let holders = Holders {
            record: config.record.is_some(),
            web: web.is_some(),
            call_outs: plugin.is_some() || matches!(route, Destination::Token { .. }),
        };
        let budget = Budget::new(holders, config.max_connections)?;
        let recorder = config.record.map(|path| Recorder::new(&path)).transpose()?;
        let tasks = TaskTracker::new();
        let drain = Arc::new(Drain::default());
        let front = Front {
            policy: Policy::new(config.auth, plugin, listeners.reach(), config.listen.names()),
            web,
            web_auth: config.web_auth,
            headers: config.headers,
            tls,
            tls_only: config.tls_only,
            route,
            dialer: Arc::new(Dialer::new(target_tls, resolver, budget.attempts, startup)),
            dial: config.dial,
            connect_timeout: config.session.connect_timeout,
            heads: config.heads,
            subprotocols: config.subprotocols,
            header_timeout: config.header_timeout,
            write_timeout: config.session.relay.write_timeout,
            file_min_rate: config.file_min_rate,
            files: Arc::new(FilePermits::new(budget.files)),
            drain: drain.token().clone(),
            stop,
            run_once: config.run_once,
            had_session: AtomicBool::new(false),
            taps: Taps::new(recorder, config.traffic, tasks.clone()),
        };
        let shared = Shared {
            listening: front.stop.child_token(),
            front: Arc::new(front),
            session: Arc::new(config.session),
            drain,
            drain_timeout: config.drain_timeout,
            timeout: config.timeout,
            idle_timeout: config.idle_timeout,
            tasks,
            connections: Arc::new(Semaphore::new(budget.connections)),
            handshakes: Arc::new(Semaphore::new(config.max_handshakes.min(Semaphore::MAX_PERMITS))),
            turned_away: Arc::new(Semaphore::new(budget.turned_away)),
            next_session: AtomicU64::new(1),
            activity: Activity::new(),
            watched: Watched::new(),
        };
        let program = program.map_or(Program::None, Program::Prepared);
        Ok(Self { listeners, program, shared: Arc::new(shared) })
    }

    /// Where it listens for TCP.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.addresses()
    }

    /// The files that are served.
    pub fn web(&self) -> Option<&Web> {
        self.shared.front.web.as_ref()
    }

    /// Cancel it to stop the gateway.
    pub fn stop_token(&self) -> CancellationToken {
        self.shared.front.stop.clone()
    }

    /// What asks for a look at all files that may have changed: certificates, authorities, tokens,
    /// keys. A call waits for nothing; what came of it is in the log.
    pub fn reload(&self) -> impl Fn() + Send + Sync + 'static {
        let watched = self.shared.watched.clone();
        move || watched.look_now()
    }

    /// Starts the wrapped program, if there is one that does not run yet.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn start_program(&mut self) -> Result<(), StartError> {
        self.program = match std::mem::replace(&mut self.program, Program::None) {
            Program::Prepared(program) => Program::Running(Box::new(program.start().await?)),
            other => other,
        };
        Ok(())
    }

    /// Accepts until it is stopped, then drains: clients get Close 1001, targets FIN. Returns at the
    /// latest after `drain_timeout`; the sessions that are left then end with the runtime. A wrapped
    /// program runs meanwhile.
    ///
    /// # Errors
    /// The wrapped program cannot be started.
    pub async fn run(mut self) -> Result<Ended, StartError> {
        self.start_program().await?;
        let Self { listeners, program, shared } = self;
        let Program::Running(mut program) = program else {
            serve(listeners, shared).await;
            return Ok(Ended::Stopped);
        };
        let stop = shared.front.stop.clone();
        let (ended, ()) = tokio::join!(program.supervise(&stop), serve(listeners, shared));
        program.end().await;
        Ok(ended)
    }
}

/// Accepts until the gateway is stopped, then drains it.
async fn serve(listeners: Listeners, shared: Arc<Shared>) {
    let _watching = watch::begin(&shared.front, &shared.watched);
    let mut accepting = tokio::task::JoinSet::new();
    let Listeners { listeners, connection } = listeners;
    for listener in listeners {
        accepting.spawn(accept::run(listener, Arc::clone(&shared)));
    }
    if let Some((stream, client)) = connection {
        accept::only(&shared, stream, client);
    }
    shared.until_stopped().await;
    shared.listening.cancel();
    while accepting.join_next().await.is_some() {} // the listeners are closed now
    let sessions = shared.activity.sessions();
    events::draining(sessions);
    shared.drain.begin(sessions, shared.drain_timeout / 2);
    shared.tasks.close();
    if timeout(shared.drain_timeout, shared.tasks.wait()).await.is_err() {
        events::drain_timed_out(shared.activity.sessions());
    }
}

impl Shared {
    /// Waits for the first of what stops a gateway.
    async fn until_stopped(&self) {
        let stop = &self.front.stop;
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.until_done() => stop.cancel(),
            () = self.until_idle() => {
                events::timed_out("idle_timeout");
                stop.cancel();
            }
        }
    }

    /// `--timeout`: when it is over nobody new comes in, and those that are there end by themselves.
    async fn until_done(&self) {
        let Some(limit) = self.timeout else { return std::future::pending().await };
        tokio::time::sleep(limit).await;
        events::timed_out("timeout");
        self.listening.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// `--idle-timeout`.
    async fn until_idle(&self) {
        let Some(limit) = self.idle_timeout else { return std::future::pending().await };
        self.activity.idle_for(limit).await;
    }
}

/// Makes ready what decides where sessions lead, and the program that is one end of them.
async fn open_route(
    settings: RouteSettings,
    names: Names<'_>,
) -> Result<(Destination, Option<Prepared>), StartError> {
    Ok(match settings {
        RouteSettings::Fixed(target) => {
            names.resolve(&target).await?;
            (Destination::Fixed(target), None)
        }
        RouteSettings::Token { source, place } => {
            let source = source.open(names.resolver)?;
            source.prepare().await;
            (Destination::Token { source, place, refusals: RefusalTime::default() }, None)
        }
        RouteSettings::Listed(targets) => (Destination::Listed(targets), None),
        RouteSettings::Wrapped { program, reached: Reached::Moved(from) } => {
            let (program, target) = Prepared::moved(program, from)?;
            (Destination::Fixed(target.into()), Some(program))
        }
        RouteSettings::Wrapped { program, reached: Reached::At(route) } => {
            let (route, _) = Box::pin(open_route(*route, names)).await?;
            (route, Some(Prepared::unmoved(program)))
        }
    })
}

fn open_files(files: Files) -> Result<Web, StartError> {
    let path = match &files {
        Files::Directory(path) | Files::Listed(path) => path.clone(),
        Files::Page(_) => PathBuf::new(),
    };
    Web::new(files).map_err(|source| StartError::WebRoot { path, source })
}

/// Looks up the names of targets at the start.
#[derive(Clone, Copy)]
struct Names<'a> {
    resolver: &'a Resolver,
    must_resolve: bool,
}

impl Names<'_> {
    /// A name that cannot be looked up is noticed before the first client comes.
    async fn resolve(self, target: &Address) -> Result<(), StartError> {
        let Some((name, port)) = target.name() else { return Ok(()) };
        let limit = if self.must_resolve { RESOLVED_WITHIN } else { LOOKED_UP_WITHIN };
        let reason = match timeout(limit, self.resolver.addresses(name, port)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the resolver does not answer".to_owned(),
        };
        if self.must_resolve {
            return Err(StartError::Unresolved {
                role: "target host",
                host: name.to_owned(),
                reason,
            });
        }
        events::target_unresolved(name, &reason);
        Ok(())
    }
}
