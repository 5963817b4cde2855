//! Tokens and authentication. What is secret is never told.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use tracing::{info, warn};

use super::escaped;
use crate::client::ClientAddress;

/// A token leads nowhere. The token itself is a secret.
pub fn token_refused(client: ClientAddress, why: &str) {
    info!(%client, why = %why.escape_debug(), "no target");
}

/// A token source could not be asked.
pub fn token_source_failed(client: ClientAddress, why: &str) {
    warn!(%client, why = %why.escape_debug(), "the token source cannot be asked");
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

/// The token file cannot be read any more; what was read before stays in use.
pub fn token_file_kept(file: &Path, why: &str) {
    warn!(file = %escaped(file), why = %why.escape_debug(), "the old tokens stay in use");
}

/// What decides who may connect could not be asked.
pub fn auth_source_failed(client: ClientAddress, why: &str) {
    warn!(%client, why = %why.escape_debug(), "the auth source cannot be asked");
}

/// A source is refused for a while, because its clients failed too often: said once for each block.
pub fn source_blocked(source: &dyn Display, failures: u16, duration: Duration) {
    let seconds = duration.as_secs_f64().ceil();
    warn!(
        %source,
        failures,
        seconds,
        "source blocked: too many wrong credentials or unknown tokens (--auth-failures-per-source)"
    );
}

/// The file with the key of signed tokens has changed, and is not good.
pub fn key_kept(error: &dyn Display) {
    warn!(%error, "signed tokens are still checked with the old key");
}
