//! When a write has made no progress for too long.

use std::time::{Duration, Instant};

/// How many looks the limit is cut into.
const LOOKS: u8 = 4;

/// Watches one direction's writes. It looks four times within the limit and gives up at the fifth,
/// so a stall is never ended before the limit and at the latest a quarter of it later. Progress
/// costs one store, and no timer is touched.
///
/// A write that is blocked says nothing for as long as the system, or TLS, holds enough: so each
/// look also asks how far the other machine has come.
#[derive(Clone, Copy, Debug)]
pub struct Stall {
    limit: Duration,
    next_look: Option<Instant>,
    strikes: u8,
    /// How far the other machine had come at the last look.
    taken: u64,
}

impl Stall {
    /// With a limit of zero nothing ever counts as a stall.
    pub const fn new(limit: Duration) -> Self {
        Self { limit, next_look: None, strikes: 0, taken: u64::MAX }
    }

    /// A write could not go on.
    pub fn blocked(&mut self, now: Instant) {
        if self.next_look.is_none() && !self.limit.is_zero() {
            self.next_look = now.checked_add(self.limit / u32::from(LOOKS));
        }
    }

    /// Some bytes were written.
    pub const fn progress(&mut self) {
        self.next_look = None;
        self.strikes = 0;
        self.taken = u64::MAX;
    }

    /// When to look.
    pub const fn deadline(&self) -> Option<Instant> {
        self.next_look
    }

    /// Looks, if it is time to: whether to give up. `taken` is how far the other machine has come
    /// ([`Stream::taken`](crate::net::Stream::taken)).
    pub fn elapsed(&mut self, now: Instant, taken: impl FnOnce() -> u64) -> bool {
        if self.next_look.is_none_or(|look| now < look) {
            return false;
        }
        let before = std::mem::replace(&mut self.taken, taken());
        self.strikes = if self.taken > before { 0 } else { self.strikes + 1 };
        self.next_look = now.checked_add(self.limit / u32::from(LOOKS));
        self.strikes > LOOKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_never_ended_before_the_limit_and_soon_after_it() {
        let start = Instant::now();
        let mut stall = Stall::new(Duration::from_secs(60));
        stall.blocked(start);
        let mut now = start;
        while !stall.elapsed(now, || 7) {
            now = stall.deadline().unwrap();
        }
        assert!(now - start > Duration::from_secs(60) && now - start <= Duration::from_secs(75));
    }

    #[test]
    fn any_progress_starts_the_wait_anew() {
        let start = Instant::now();
        let mut stall = Stall::new(Duration::from_secs(60));
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
        let mut stall = Stall::new(Duration::from_secs(60));
        stall.blocked(start);
        for taken in 0..100 {
            assert!(!stall.elapsed(stall.deadline().unwrap(), || taken));
        }
        let last = stall.deadline().unwrap();
        let mut now = last;
        while !stall.elapsed(now, || 99) {
            now = stall.deadline().unwrap();
        }
        assert!(now - last >= Duration::from_secs(45) && now - last <= Duration::from_secs(75));
    }
}
