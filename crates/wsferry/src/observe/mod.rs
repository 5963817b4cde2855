//! What operators see: the log lines, each written in one place with the dictionary's words.
//!
//! What a client sent is escaped, so that no client can forge a line.

use std::fmt::Display;
use std::net::SocketAddr;

use http::StatusCode;
use tracing::{debug, info, warn};

use crate::outcome::Outcome;

/// A session begins.
pub fn session_started(id: u64, client: SocketAddr, target: &dyn Display) {
    info!(session = id, %client, %target, "session started");
}

/// A session has ended.
pub fn session_ended(id: u64, client: SocketAddr, target: &dyn Display, outcome: &Outcome) {
    let Outcome { cause, close_code, to_target, to_client, duration } = outcome;
    let duration = format_args!("{:.3}s", duration.as_secs_f64()).to_string();
    let detail = cause.detail().escape_debug().to_string();
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

/// A request was refused before a session began. `remedy` names the flag that would allow it.
pub fn refused(client: SocketAddr, status: StatusCode, reason: &str, remedy: &str) {
    let status = status.as_u16();
    if remedy.is_empty() {
        info!(%client, status, reason, "refused");
    } else {
        warn!(%client, status, reason, "refused; to allow it: {}", remedy.escape_debug());
    }
}

/// A token leads nowhere. The token itself is a secret.
pub fn token_refused(client: SocketAddr, why: &str) {
    info!(%client, why = %why.escape_debug(), "no target");
}

/// A token source could not be asked.
pub fn token_source_failed(client: SocketAddr, why: &str) {
    warn!(%client, why = %why.escape_debug(), "the token source cannot be asked");
}

/// What decides who may connect could not be asked.
pub fn auth_source_failed(client: SocketAddr, why: &str) {
    warn!(%client, why = %why.escape_debug(), "the auth source cannot be asked");
}

/// A request for a file was answered.
pub fn served(client: SocketAddr, status: StatusCode, path: &str) {
    debug!(%client, status = status.as_u16(), path = %path.escape_debug(), "served");
}

/// Accepting failed for a moment.
pub fn accept_failed(error: &dyn Display) {
    warn!(%error, "cannot accept a connection; trying again in a moment");
}

/// The gateway stops.
pub fn draining(sessions: usize) {
    info!(sessions, "stopping: clients get Close 1001");
}

/// The drain took too long.
pub fn drain_timed_out(left: usize) {
    warn!(left, "drain_timeout is over: what is left is cut off");
}
