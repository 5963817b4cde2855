//! How often a program has ended lately.

use std::time::Duration;

use tokio::time::Instant;

/// As many ends within [`WITHIN`] are too many.
const TOO_MANY: usize = 3;
const WITHIN: Duration = Duration::from_secs(10);

/// The last ends of a program.
#[derive(Debug, Default)]
pub(super) struct Ends([Option<Instant>; TOO_MANY - 1]);

impl Ends {
    /// It has ended once more: whether that is too often.
    pub(super) fn are_too_many(&mut self, now: Instant) -> bool {
        let oldest = self.0[0].is_some_and(|oldest| now.duration_since(oldest) < WITHIN);
        self.0.rotate_left(1);
        self.0[TOO_MANY - 2] = Some(now);
        oldest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_ends_within_ten_seconds_are_too_many() {
        let start = Instant::now();
        let judge = |seconds: &[u64]| {
            let mut ends = Ends::default();
            let at = |seconds: &u64| start + Duration::from_secs(*seconds);
            seconds.iter().map(|seconds| ends.are_too_many(at(seconds))).collect::<Vec<_>>()
        };
        assert_eq!(judge(&[0, 1, 2]), [false, false, true]);
        assert_eq!(judge(&[0, 5, 10, 15, 20]), [false; 5]);
        assert_eq!(judge(&[0, 9, 11, 18]), [false, false, false, true]);
    }
}
