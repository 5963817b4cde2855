//! How slowly a client may read its answer: at least one byte within `write_timeout`, and on average
//! `file_min_rate` bytes a second. Only the time in which the answer waits for the client counts.

use std::num::NonZeroU64;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// The time over which the rate is averaged.
const WINDOW: Duration = Duration::from_secs(30);
/// The longest time between two looks at a client that is waited for.
const LOOK: Duration = Duration::from_secs(1);

/// The pace of one client.
#[derive(Debug)]
pub(super) struct Pace {
    /// `None`: forever.
    write_timeout: Option<Duration>,
    /// Bytes a second; `None`: any pace will do.
    min_rate: Option<NonZeroU64>,
    /// Set while the client is waited for.
    wait: Option<Wait>,
    /// How long the client was waited for in this window.
    waited: Duration,
    /// How many bytes it took meanwhile.
    took: u64,
}

#[derive(Debug)]
struct Wait {
    /// When the client was last looked at, and how far it had come.
    looked: Instant,
    taken: u64,
    /// When it last took a byte.
    moved: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Pace {
    pub(super) const fn new(write_timeout: Option<Duration>, min_rate: Option<NonZeroU64>) -> Self {
        Self { write_timeout, min_rate, wait: None, waited: Duration::ZERO, took: 0 }
    }

    /// Whether the client is waited for.
    pub(super) const fn waits(&self) -> bool {
        self.wait.is_some()
    }

    /// Waits for a client that has come as far as `taken`: ready when it is too slow.
    pub(super) fn poll_wait(&mut self, cx: &mut Context<'_>, taken: u64) -> Poll<()> {
        let now = Instant::now();
        let first = now + self.interval();
        self.wait.get_or_insert_with(|| Wait {
            looked: now,
            taken,
            moved: now,
            timer: Box::pin(sleep_until(first)),
        });
        loop {
            let Some(wait) = &mut self.wait else { return Poll::Pending };
            ready!(wait.timer.as_mut().poll(cx));
            if self.is_too_slow(taken) {
                return Poll::Ready(());
            }
            let next = Instant::now() + self.interval();
            if let Some(wait) = &mut self.wait {
                wait.timer.as_mut().reset(next);
            }
        }
    }

    /// Notes how far the client has come. To be called before more is written, too.
    pub(super) fn look(&mut self, taken: u64) {
        let Some(wait) = &mut self.wait else { return };
        let now = Instant::now();
        self.waited += now - wait.looked;
        self.took += taken.saturating_sub(wait.taken);
        if taken > wait.taken {
            wait.moved = now;
        }
        (wait.looked, wait.taken) = (now, taken);
    }

    /// The client is no longer waited for.
    pub(super) fn go_on(&mut self) {
        self.wait = None;
    }

    fn is_too_slow(&mut self, taken: u64) -> bool {
        self.look(taken);
        let stalled = self.wait.as_ref().map_or(Duration::ZERO, |wait| wait.looked - wait.moved);
        if self.write_timeout.is_some_and(|limit| stalled >= limit) {
            return true;
        }
        let Some(rate) = self.min_rate.filter(|_| self.waited >= WINDOW) else { return false };
        let least = self.waited.as_secs_f64() * rate.get() as f64;
        let took = self.took as f64;
        (self.waited, self.took) = (Duration::ZERO, 0);
        took < least
    }

    fn interval(&self) -> Duration {
        self.write_timeout
            .map_or(LOOK, |timeout| (timeout / 16).clamp(Duration::from_millis(1), LOOK))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::{advance, timeout};

    use super::*;

    const MINUTE: Option<Duration> = Some(Duration::from_secs(60));

    /// A client that takes `rate` bytes a second, for as long as this: whether it is too slow.
    async fn ends(mut pace: Pace, rate: u64, seconds: u64) -> bool {
        let began = Instant::now();
        let taken = || (began.elapsed().as_secs_f64() * rate as f64) as u64;
        let slow = poll_fn(|cx| pace.poll_wait(cx, taken()));
        timeout(Duration::from_secs(seconds), slow).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn less_than_the_rate_over_thirty_seconds_is_too_slow() {
        let pace = || Pace::new(MINUTE, NonZeroU64::new(4096));
        assert!(!ends(pace(), 4000, 29).await);
        assert!(ends(pace(), 4000, 32).await);
        assert!(!ends(pace(), 4200, 600).await);
        assert!(!ends(Pace::new(MINUTE, None), 1, 600).await);
    }

    #[tokio::test(start_paused = true)]
    async fn no_byte_within_write_timeout_is_too_slow() {
        let pace = || Pace::new(MINUTE, None);
        assert!(!ends(pace(), 0, 59).await);
        assert!(ends(pace(), 0, 62).await);
        assert!(!ends(Pace::new(None, None), 0, 600).await);
    }

    #[tokio::test(start_paused = true)]
    async fn only_time_counts_in_which_the_client_is_waited_for() {
        let mut pace = Pace::new(None, NonZeroU64::new(4096));
        for _ in 0..100 {
            // A second of waiting in which nothing is taken, and a minute of other things.
            let waited = timeout(Duration::from_millis(200), poll_fn(|cx| pace.poll_wait(cx, 0)));
            assert!(waited.await.is_err());
            pace.look(0);
            pace.go_on();
            advance(Duration::from_secs(60)).await;
        }
        assert_eq!(pace.waited.as_secs(), 20);
    }
}
