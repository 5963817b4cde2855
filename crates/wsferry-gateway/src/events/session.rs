//! Sessions and their recordings.

use std::fmt::Display;
use std::path::Path;

use tracing::{info, warn};

use super::escaped;
use crate::client::ClientAddress;
use crate::outcome::Outcome;

/// A session begins. `identity` is who the client is, where an authentication plug-in knows that.
pub fn session_started(
    id: u64,
    client: ClientAddress,
    identity: Option<&str>,
    target: &dyn Display,
) {
    // Text in quotes is escaped where it is written.
    info!(session = id, %client, identity, %target, "session started");
}

/// A session has ended.
pub fn session_ended(id: u64, client: ClientAddress, target: &dyn Display, outcome: &Outcome) {
    let Outcome { cause, close_code, to_target, to_client, duration, .. } = outcome;
    let duration = format_args!("{:.3}s", duration.as_secs_f64()).to_string();
    let detail = &*outcome.detail();
    macro_rules! line {
        ($level:ident) => {
            $level!(
                session = id,
                %client,
                %target,
                to_target,
                to_client,
                %duration,
                close_code,
                %cause,
                detail,
                "session ended"
            )
        };
    }
    if cause.is_fault() { line!(warn) } else { line!(info) }
}

/// A session is recorded.
pub fn recording_began(client: &str, path: &Path) {
    info!(%client, file = %escaped(path), "recording");
}

/// A recording was ended before its session.
pub fn recording_ended_early(client: &str, path: &Path, why: &dyn Display) {
    warn!(%client, file = %escaped(path), %why, "the recording was ended; its session goes on");
}

/// A session cannot be recorded.
pub fn recording_failed(client: &str, why: &dyn Display) {
    warn!(%client, %why, "the session cannot be recorded; it goes on");
}
