//! What outlives the rules of a gateway: its sessions, its connections and what they may be, its
//! listeners, its drain.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use arc_swap::ArcSwap;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Limits;
use super::activity::Activity;
use super::budget::Budget;
use super::listening::{ListenerId, Listening};
use super::rules::Rules;
use super::watch::FileWatch;
use crate::auth::Failures;
use crate::door::{self, Door, FilePermits};
use crate::net::Pipes;
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
    /// What moves long streams to clients.
    pub(super) pipes: Pipes,
    /// Every task that must not escape the drain.
    pub(super) tasks: TaskTracker,
    pub(super) connections: Arc<Semaphore>,
    pub(super) handshakes: Arc<Semaphore>,
    pub(super) turned_away: Arc<Semaphore>,
    pub(super) next_session: AtomicU64,
    pub(super) activity: Activity,
    pub(super) file_watch: FileWatch,
    /// The tasks that look at the files of the rules.
    pub(super) watching: Mutex<JoinSet<()>>,
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
            failures: Failures::with_events(
                failures_per_source.map_or(0, NonZeroU16::get),
                routes.events.clone(),
            ),
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
            pipes: Pipes::new(budget.pipes),
            connections: Arc::new(Semaphore::new(budget.connections)),
            handshakes: Arc::new(Semaphore::new(max_handshakes.min(Semaphore::MAX_PERMITS))),
            turned_away: Arc::new(Semaphore::new(budget.turned_away)),
            next_session: AtomicU64::new(1),
            activity: Activity::new(),
            file_watch: FileWatch::new(),
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
        self.listeners.lock()
    }
}
