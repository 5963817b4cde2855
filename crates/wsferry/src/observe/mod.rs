//! What operators see: the log lines, each written in one place with the dictionary's words.
//!
//! What a client sent is escaped, so that no client can forge a line.

use std::fmt::Display;
use std::path::Path;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use tracing::{debug, error, info, warn};

use crate::client::ClientAddress;
use crate::outcome::Outcome;

/// A session begins.
pub fn session_started(id: u64, client: ClientAddress, target: &dyn Display) {
    info!(session = id, %client, %target, "session started");
}

/// A session has ended.
pub fn session_ended(id: u64, client: ClientAddress, target: &dyn Display, outcome: &Outcome) {
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
pub fn refused(client: ClientAddress, status: StatusCode, reason: &str, remedy: &str) {
    let status = status.as_u16();
    if remedy.is_empty() {
        info!(%client, status, reason, "refused");
    } else {
        warn!(%client, status, reason, "refused; to allow it: {}", remedy.escape_debug());
    }
}

/// A token leads nowhere. The token itself is a secret.
pub fn token_refused(client: ClientAddress, why: &str) {
    info!(%client, why = %why.escape_debug(), "no target");
}

/// A token source could not be asked.
pub fn token_source_failed(client: ClientAddress, why: &str) {
    warn!(%client, why = %why.escape_debug(), "the token source cannot be asked");
}

/// A directory was asked for that has no index.html: said once.
pub fn not_listed() {
    static SAID: std::sync::Once = std::sync::Once::new();
    SAID.call_once(|| info!("directories are not listed; to list them: --web-listing"));
}

/// A client's TLS handshake was no good.
pub fn tls_failed(client: ClientAddress, why: &dyn Display) {
    info!(%client, why = %why.to_string().escape_debug(), "no TLS connection");
}

/// The dates of the certificate that new connections get: said when they do not hold.
pub fn certificate_in_use(from: SystemTime, until: SystemTime) {
    let now = SystemTime::now();
    if until < now {
        let days = now.duration_since(until).unwrap_or_default().as_secs() / 86_400;
        warn!(days, "the certificate has expired: clients will refuse it; renew it");
    } else if now < from {
        warn!("the certificate is not valid yet: clients will refuse it; check the clock");
    }
}

/// The certificate's files have changed, and are good.
pub fn certificate_replaced() {
    info!("new connections get the new certificate");
}

/// The certificate's files have changed, and are not good.
pub fn certificate_kept(error: &dyn Display) {
    warn!(%error, "new connections still get the old certificate");
}

/// A line of a token file is of no use; the others are. What stands in it may be a secret.
pub fn token_line_ignored(file: &Path, line: usize, why: &str) {
    warn!(file = %escaped(file), line, "a line of the token file is ignored: {why}");
}

/// More such lines than are told one by one.
pub fn token_lines_ignored(file: &Path, more: usize) {
    warn!(file = %escaped(file), more, "more lines of the token file are ignored");
}

/// A file of a token directory cannot be read; the others are.
pub fn token_file_ignored(file: &Path, why: &str) {
    warn!(file = %escaped(file), why = %why.escape_debug(), "the token file is ignored");
}

fn escaped(path: &Path) -> String {
    path.display().to_string().escape_debug().to_string()
}

/// A request for a file was answered.
pub fn served(client: ClientAddress, status: StatusCode, path: &str) {
    debug!(%client, status = status.as_u16(), path = %path.escape_debug(), "served");
}

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
