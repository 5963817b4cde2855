//! When a token's refusal is told: at a moment that does not say what was wrong with the token.
//!
//! A source that is asked takes its time, and a token that is missing or malformed is no question for
//! it. So a refusal waits for as long as the source's last ones took, up to the next of some fixed
//! steps, which hide the rest.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// Refusals are told at a multiple of this after they were asked for.
const STEP: Duration = Duration::from_millis(25);

/// How long the refusals of a source take.
#[derive(Debug, Default)]
pub struct RefusalTime {
    /// What the last ones took that the source was asked for: the longest, which fades.
    recent: Mutex<Duration>,
}

impl RefusalTime {
    /// Waits until a refusal may be told that was asked for at `asked`. `was_looked_up`: the source
    /// decided it.
    pub(super) async fn keep(&self, asked: Instant, was_looked_up: bool) {
        sleep_until(asked + self.moment(asked.elapsed(), was_looked_up)).await;
    }

    fn moment(&self, took: Duration, was_looked_up: bool) -> Duration {
        let mut recent = self.recent.lock();
        if was_looked_up {
            *recent = took.max(*recent - *recent / 8);
        }
        let longest = took.max(*recent);
        let steps = longest.as_millis() / STEP.as_millis() + 1;
        STEP * u32::try_from(steps).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_source_was_not_asked_takes_as_long_as_what_it_was() {
        let refusals = RefusalTime::default();
        let ms = Duration::from_millis;
        assert_eq!(refusals.moment(ms(0), false), ms(25));
        assert_eq!(refusals.moment(ms(3), true), ms(25));
        assert_eq!(refusals.moment(ms(140), true), ms(150));
        assert_eq!(refusals.moment(ms(0), false), ms(150));
        assert_eq!(refusals.moment(ms(139), true), ms(150));
        for _ in 0..40 {
            refusals.moment(ms(1), true);
        }
        assert_eq!(refusals.moment(ms(0), false), ms(25));
    }
}
