//! Keep-alive of many sessions at common moments: one wake-up of the process serves all that are due,
//! where each session at its own moment would cost one each.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use wsferry_proto::KeepAlive;

/// Into how many moments an interval is cut: a Ping is late by at most this part of it.
const MOMENTS: u32 = 32;

/// Whatever it is, all sessions have the same.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The common moments, so far apart; zero: every moment is one. Milliseconds, because every session
/// has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct PingSchedule(u32);

impl PingSchedule {
    pub(super) fn of(keep_alive: Option<KeepAlive>) -> Self {
        let apart = keep_alive.map_or(Duration::ZERO, |keep_alive| keep_alive.interval / MOMENTS);
        Self(u32::try_from(apart.as_millis()).unwrap_or(u32::MAX))
    }

    /// The first common moment that is not before `at`.
    pub(super) fn after(self, at: Instant) -> Instant {
        let Some(apart) = std::num::NonZeroU32::new(self.0) else { return at };
        let since = at.saturating_duration_since(*START).as_millis();
        let beats = since / u128::from(apart.get()) + 1;
        let wait = beats.saturating_mul(u128::from(apart.get()));
        let moment = Duration::from_millis(u64::try_from(wait).unwrap_or(u64::MAX));
        START.checked_add(moment).unwrap_or(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_asked_at_common_moments_and_never_early() {
        let second = Duration::from_secs(1);
        let keep_alive = KeepAlive { interval: 32 * second, timeout: second };
        let beat = PingSchedule::of(Some(keep_alive));
        let start = *START;
        for late in [0, 1, 999] {
            let at = start + 5 * second + Duration::from_millis(late);
            assert_eq!(beat.after(at), start + 6 * second, "{late} ms");
        }
        assert_eq!(PingSchedule::of(None).after(start), start);
    }
}
