//! How many sessions there are, and since when there is none.

use std::future::pending;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep_until};

/// The sessions of a gateway.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

/// Both under one lock: the end of the last session is never seen without its time.
#[derive(Debug)]
struct State {
    sessions: usize,
    /// When the last session ended, or the gateway began.
    idle_since: Instant,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State { sessions: 0, idle_since: Instant::now() }))
    }

    /// How many there are.
    pub(super) fn sessions(&self) -> usize {
        self.state().sessions
    }

    pub(super) fn begin(&self) {
        self.state().sessions += 1;
    }

    pub(super) fn end(&self) {
        let mut state = self.state();
        state.sessions -= 1;
        state.idle_since = Instant::now();
    }

    /// Waits until there has been no session for as long as `limit`.
    pub(super) async fn idle_for(&self, limit: Duration) {
        loop {
            let now = Instant::now();
            let idle_since = match *self.state() {
                State { sessions: 0, idle_since } => idle_since,
                State { .. } => now,
            };
            // A limit beyond what a clock can tell never comes.
            let Some(until) = idle_since.checked_add(limit) else { return pending().await };
            if until <= now {
                return;
            }
            sleep_until(until).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}
