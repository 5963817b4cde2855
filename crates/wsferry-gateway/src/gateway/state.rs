//! What outlives the rules of a gateway: its sessions, its connections and what they may be, its
//! listeners, its drain.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::activity::Activity;
use super::budget::Budget;
use super::listening::{ListenerId, Listening, close};
use super::rules::Rules;
use super::sockets::Sockets;
use super::watch::{self, Watched};
use super::{Limits, accept};
use crate::auth::Failures;
use crate::door::{self, Door, FilePermits};
use crate::events::GatewayEvent;
use crate::route;
use crate::session::Drain;

/// The state of a gateway.
#[derive(Debug)]
pub(super) struct State {
    /// What holds for the next connection.
    pub(super) rules: ArcSwap<Rules>,
    /// What doors need of it.
    pub(super) door: Arc<door::State>,
    /// What routes share.
    pub(super) routes: route::Shared,
    /// Cancelled when nobody is accepted any more: at the latest when the gateway stops.
    pub(super) listening: CancellationToken,
    pub(super) listeners: Mutex<Listening>,
    pub(super) drain: Arc<Drain>,
    /// Every task that must not escape the drain.
    pub(super) tasks: TaskTracker,
    pub(super) connections: Arc<Semaphore>,
    pub(super) handshakes: Arc<Semaphore>,
    pub(super) turned_away: Arc<Semaphore>,
    pub(super) next_session: AtomicU64,
    pub(super) activity: Activity,
    pub(super) watched: Watched,
    /// The tasks that look at the files of the rules.
    watching: Mutex<JoinSet<()>>,
    /// Held while rules are exchanged: one exchange at a time.
    pub(super) exchange: tokio::sync::Mutex<()>,
}

impl State {
    pub(super) fn new(
        rules: Rules,
        routes: route::Shared,
        listeners: Listening,
        budget: &Budget,
        stop: CancellationToken,
    ) -> Self {
        let Limits { failures_per_source, max_handshakes, run_once, .. } = rules.limits;
        let drain = Arc::new(Drain::default());
        let listening = stop.child_token();
        let door = door::State {
            events: routes.events.clone(),
            failures: Failures::with_events(failures_per_source, routes.events.clone()),
            files: Arc::new(FilePermits::new(budget.files)),
            drain: drain.token().clone(),
            stop,
            only_session: run_once.then(|| AtomicBool::new(false)),
        };
        Self {
            rules: ArcSwap::from_pointee(rules),
            door: Arc::new(door),
            listening,
            listeners: Mutex::new(listeners),
            drain,
            tasks: routes.tasks.clone(),
            routes,
            connections: Arc::new(Semaphore::new(budget.connections)),
            handshakes: Arc::new(Semaphore::new(max_handshakes.min(Semaphore::MAX_PERMITS))),
            turned_away: Arc::new(Semaphore::new(budget.turned_away)),
            next_session: AtomicU64::new(1),
            activity: Activity::new(),
            watched: Watched::new(),
            watching: Mutex::new(JoinSet::new()),
            exchange: tokio::sync::Mutex::new(()),
        }
    }

    /// What a connection of this listener goes by; `None`: the listener is gone.
    pub(super) fn door(&self, listener: ListenerId) -> Option<Door> {
        let rules = Arc::clone(self.rules.load().listeners.get(&listener)?);
        Some(Door { rules, state: Arc::clone(&self.door) })
    }

    pub(super) fn listeners(&self) -> MutexGuard<'_, Listening> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the files of the rules that hold now, and no longer at those of the ones before.
    pub(super) fn watch(&self) {
        let tasks = watch::begin(&self.rules.load_full(), &self.watched, &self.door.events);
        *self.watching.lock().unwrap_or_else(PoisonError::into_inner) = tasks;
    }

    /// Accepts until the gateway is stopped, then drains it. `connection` is the only one that there
    /// will be, where it was accepted before.
    pub(super) async fn serve(self: Arc<Self>, connection: Option<(ListenerId, Sockets)>) {
        self.watch();
        self.listeners().begin(&self);
        if let Some((listener, sockets)) = connection
            && let Some((stream, client)) = sockets.connection
        {
            accept::only(&self, stream, client, listener);
        }
        self.until_stopped().await;
        self.listening.cancel();
        let gone = self.listeners().take();
        close(gone).await;
        let sessions = self.activity.sessions();
        self.door.events.tell(GatewayEvent::Draining { sessions });
        let drain_timeout = self.rules.load().limits.drain_timeout;
        self.drain.begin(sessions, drain_timeout / 2);
        self.tasks.close();
        if timeout(drain_timeout, self.tasks.wait()).await.is_err() {
            let left = self.activity.sessions();
            self.door.events.tell(GatewayEvent::DrainTimedOut { left });
        }
        *self.watching.lock().unwrap_or_else(PoisonError::into_inner) = JoinSet::new();
    }

    /// Waits for the first of what stops a gateway.
    async fn until_stopped(&self) {
        let stop = &self.door.stop;
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.until_done() => stop.cancel(),
            () = self.until_idle() => {
                self.door.events.tell(GatewayEvent::TimedOut { limit: "idle_timeout" });
                stop.cancel();
            }
        }
    }

    /// `--timeout`: when it is over nobody new comes in, and those that are there end by themselves.
    async fn until_done(&self) {
        let limit = self.rules.load().limits.timeout;
        let Some(limit) = limit else { return std::future::pending().await };
        tokio::time::sleep(limit).await;
        self.door.events.tell(GatewayEvent::TimedOut { limit: "timeout" });
        self.listening.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// `--idle-timeout`.
    async fn until_idle(&self) {
        let limit = self.rules.load().limits.idle_timeout;
        let Some(limit) = limit else { return std::future::pending().await };
        self.activity.idle_for(limit).await;
    }
}
