//! The wrapped program.

use std::fmt::Display;
use std::time::Duration;

use tracing::{error, info, warn};

/// The wrapped program runs.
pub fn program_started(process: Option<u32>) {
    info!(process, "program started");
}

/// The wrapped program has ended by itself. `next` says what follows.
pub fn program_ended(status: &dyn Display, next: &str) {
    warn!(%status, "program ended; {next}");
}

/// The wrapped program cannot be started again, or not be waited for.
pub fn program_lost(error: &dyn Display) {
    error!(%error, "program lost; stopping");
}

/// The wrapped program, or what it started, did not end when it was asked to.
pub fn program_killed(grace: Duration) {
    warn!(?grace, "program did not end in time after SIGTERM: it is killed");
}
