//! Whether a program that was started with the gateway is still on its way: until it has been
//! reached, what it does not answer is asked again.

use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

/// How long the next attempt waits while a program starts.
pub(super) const RETRY_DELAY: Duration = Duration::from_millis(100);

/// The start of a program. The default: there is none under way.
#[derive(Debug, Default)]
pub struct Startup(Mutex<Option<Instant>>);

impl Startup {
    /// The program starts, or starts again.
    pub fn begin(&self) {
        *self.began() = Some(Instant::now());
    }

    /// It has been reached, or will not be.
    pub fn finish(&self) {
        *self.began() = None;
    }

    /// Whether it began less than `limit` ago and has not finished.
    pub(super) fn is_under_way(&self, limit: Duration) -> bool {
        self.began().is_some_and(|began| began.elapsed() < limit)
    }

    fn began(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_under_way_until_it_has_finished_or_the_limit_is_over() {
        let startup = Startup::default();
        let limit = Duration::from_secs(3600);
        assert!(!startup.is_under_way(limit));
        startup.begin();
        assert!(startup.is_under_way(limit));
        assert!(!startup.is_under_way(Duration::ZERO));
        startup.finish();
        assert!(!startup.is_under_way(limit));
    }
}
