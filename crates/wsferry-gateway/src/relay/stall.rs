//! When a write has made no progress for too long.

use std::time::{Duration, Instant};

/// Into how many looks the limit is cut: a stall is ended at most two of them behind it.
const LOOKS: u32 = 60;

/// Watches one direction's writes, and ends a stall between the limit and a thirtieth of it later.
/// Progress costs one store, and no timer is touched.
///
/// A write that is blocked says nothing for as long as the system, or TLS, holds enough: so it looks
/// again and again how far the other machine has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stall {
    limit: Option<Duration>,
    /// While a write is blocked: when to look next.
    next_look: Option<Instant>,
    /// The last progress, and how far the other machine had come then; `None` before the first look.
    last: Option<(Instant, u64)>,
}

impl Stall {
    /// Without a limit nothing ever counts as a stall.
    pub(crate) const fn new(limit: Option<Duration>) -> Self {
        Self { limit, next_look: None, last: None }
    }

    /// A write could not go on.
    pub(crate) fn blocked(&mut self, now: Instant) {
        if self.next_look.is_none()
            && let Some(limit) = self.limit
        {
            self.next_look = now.checked_add(limit / LOOKS);
        }
    }

    /// Some bytes were written.
    pub(crate) const fn progress(&mut self) {
        self.next_look = None;
        self.last = None;
    }

    /// When to look.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.next_look
    }

    /// Looks, if it is time to: whether to give up. `taken` is how far the other machine has come
    /// ([`Stream::peer_progress`](crate::net::Stream::peer_progress)).
    pub(crate) fn elapsed(&mut self, now: Instant, taken: impl FnOnce() -> u64) -> bool {
        let Some(limit) = self.limit.filter(|_| self.next_look.is_some_and(|look| look <= now))
        else {
            return false;
        };
        let taken = taken();
        let since = match self.last {
            Some((since, before)) if taken <= before => since,
            _ => now, // when it was between two looks is not known: the later one is never too early
        };
        self.last = Some((since, taken));
        self.next_look = now.checked_add(limit / LOOKS);
        now.saturating_duration_since(since) >= limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    /// When it gives up, asked at its own moments, where the last progress was `taken` at `at`.
    fn ends(mut stall: Stall, start: Instant, at: Duration) -> Duration {
        loop {
            let now = stall.deadline().unwrap();
            if stall.elapsed(now, || u64::from(now - start >= at)) {
                return now - start;
            }
        }
    }

    #[test]
    fn a_stall_is_ended_within_two_seconds_behind_its_limit_of_a_minute() {
        let start = Instant::now();
        let mut stall = Stall::new(Some(LIMIT));
        stall.blocked(start);
        // The other machine takes its last byte then, and no write comes of it.
        for at in [0, 1, 999, 1001, 14_999, 30_000, 59_000, 59_999] {
            let at = Duration::from_millis(at);
            let took = ends(stall, start, at) - at;
            assert!(took >= LIMIT && took <= Duration::from_secs(62), "{took:?} behind {at:?}");
        }
    }

    #[test]
    fn any_progress_starts_the_wait_again() {
        let start = Instant::now();
        let mut stall = Stall::new(Some(LIMIT));
        stall.blocked(start);
        assert!(!stall.elapsed(start + Duration::from_secs(59), || 7));
        stall.progress();
        assert_eq!(stall.deadline(), None);
        stall.blocked(start + Duration::from_secs(59));
        assert!(!stall.elapsed(start + Duration::from_secs(70), || 7));
    }

    #[test]
    fn a_reader_that_takes_what_the_system_holds_is_no_stall() {
        let start = Instant::now();
        let mut stall = Stall::new(Some(LIMIT));
        stall.blocked(start);
        for taken in 0..1000 {
            assert!(!stall.elapsed(stall.deadline().unwrap(), || taken));
        }
        let last = stall.deadline().unwrap();
        let took = loop {
            let now = stall.deadline().unwrap();
            if stall.elapsed(now, || 999) {
                break now - last;
            }
        };
        assert!(took >= LIMIT - Duration::from_secs(1) && took <= Duration::from_secs(62));
    }

    #[test]
    fn without_a_limit_nothing_is_ever_ended() {
        let mut stall = Stall::new(None);
        stall.blocked(Instant::now());
        assert_eq!(stall.deadline(), None);
    }
}
