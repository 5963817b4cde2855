//! Waiting: for an event, and never for ever.

use std::panic::Location;
use std::time::Duration;

/// For what must happen, on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for an event.
///
/// # Panics
/// When it does not come within `limit`; the message names the caller's line.
#[track_caller]
pub fn within<F: Future>(limit: Duration, event: F) -> impl Future<Output = F::Output> {
    let place = Location::caller();
    async move {
        match tokio::time::timeout(limit, event).await {
            Ok(output) => output,
            Err(_) => panic!("nothing came within {limit:?}, waited for at {place}"),
        }
    }
}

/// Waits for an event for [`PATIENCE`].
///
/// # Panics
/// When it does not come.
#[track_caller]
pub fn soon<F: Future>(event: F) -> impl Future<Output = F::Output> {
    within(PATIENCE, event)
}

/// Waits for what nobody reports: asks again and again, for [`PATIENCE`].
///
/// # Panics
/// When it does not come to be.
#[track_caller]
pub fn until(mut is_so: impl FnMut() -> bool) -> impl Future<Output = ()> {
    soon(async move {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
}
