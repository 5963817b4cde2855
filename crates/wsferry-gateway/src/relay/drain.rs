//! How sessions learn that the gateway stops.

use std::sync::OnceLock;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Into how many moments the closing of sessions is spread.
const SLOTS: u64 = 1024;
/// One session more makes the spread this much longer.
const PER_SESSION: Duration = Duration::from_millis(2);

/// The stop of a gateway. Many sessions are not closed at one moment, so that their clients do not
/// all come back at one moment.
#[derive(Debug, Default)]
pub struct Drain {
    token: CancellationToken,
    spread: OnceLock<Duration>,
}

impl Drain {
    /// Begins it: `sessions` are closed within `limit`, few of them at once.
    pub fn begin(&self, sessions: usize, limit: Duration) {
        let sessions = u32::try_from(sessions).unwrap_or(u32::MAX);
        let spread = match sessions {
            0..=16 => Duration::ZERO, // somebody at a terminal waits for it
            many => PER_SESSION.saturating_mul(many).min(limit),
        };
        let _ = self.spread.set(spread);
        self.token.cancel();
    }

    /// Whether it has begun; takes no lock.
    pub fn has_begun(&self) -> bool {
        self.spread.get().is_some()
    }

    /// Cancelled when the drain begins.
    pub const fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Waits until the drain begins: how long the session with this number then has.
    pub async fn begun(&self, session: u64) -> Duration {
        self.token.cancelled().await;
        let spread = self.spread.get().copied().unwrap_or_default();
        spread.mul_f64((session % SLOTS) as f64 / SLOTS as f64)
    }
}
