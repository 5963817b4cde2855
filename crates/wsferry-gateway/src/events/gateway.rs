//! The gateway itself.

use std::fmt::Display;

use tracing::{info, warn};

/// Accepting failed for a moment.
pub fn accept_failed(error: &dyn Display) {
    warn!(%error, "cannot accept a connection; trying again in a moment");
}

/// The time of `limit` is over: the gateway stops.
pub fn timed_out(limit: &'static str) {
    info!(limit, "the time is over");
}

/// The gateway stops.
pub fn draining(sessions: usize) {
    info!(sessions, "stopping: clients get Close 1001");
}

/// The drain took too long.
pub fn drain_timed_out(left: usize) {
    warn!(left, "drain_timeout is over: what is left is cut off");
}

/// More connections were asked for than descriptors allow.
pub fn connections_clamped(wish: usize, connections: usize, limit: u64) {
    warn!(
        connections,
        limit,
        "--max-connections {wish} is more than the limit of open files allows; to raise it: \
         ulimit -n, LimitNOFILE="
    );
}

/// The name of the target leads nowhere yet: sessions are told so until it does.
pub fn target_unresolved(host: &str, reason: &str) {
    warn!(host, reason, "the target host does not resolve: sessions get Close 1011 until it does");
}
