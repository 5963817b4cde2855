//! How many sessions there are, and since when there is none.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The sessions of a gateway.
#[derive(Debug)]
pub(super) struct Activity {
    sessions: AtomicUsize,
    /// When the last session ended, or the gateway began.
    idle_since: Mutex<Instant>,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self { sessions: AtomicUsize::new(0), idle_since: Mutex::new(Instant::now()) }
    }

    /// How many there are.
    pub(super) fn sessions(&self) -> usize {
        self.sessions.load(Ordering::Relaxed)
    }

    pub(super) fn begin(&self) {
        self.sessions.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.sessions.fetch_sub(1, Ordering::Relaxed);
    }

    /// Waits until there has been no session for as long as `limit`.
    pub(super) async fn idle_for(&self, limit: Duration) {
        loop {
            let since = *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner);
            let until = match self.sessions() {
                0 => since + limit,
                _ => Instant::now() + limit,
            };
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }
}
