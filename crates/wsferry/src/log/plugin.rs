//! Lines about tokens and authentication.

use tracing::{info, warn};
use wsferry_gateway::events::PluginEvent;

use super::escaped::escaped;

pub(super) fn write(event: &PluginEvent<'_>) {
    match event {
        PluginEvent::TokenRefused { client, why } => {
            info!(%client, why = %why.escape_debug(), "no target");
        }
        PluginEvent::TokenSourceFailed { client, why } => {
            warn!(%client, why = %why.escape_debug(), "the token source is unavailable");
        }
        PluginEvent::TokenLineIgnored { file, line, why } => {
            warn!(file = %escaped(file), line, "a line of the token file is ignored: {why}");
        }
        PluginEvent::TokenLinesIgnored { file, more } => {
            warn!(file = %escaped(file), more, "more lines of the token file are ignored");
        }
        PluginEvent::TokenFileIgnored { file, why } => {
            warn!(file = %escaped(file), why = %why.escape_debug(), "the token file is ignored");
        }
        PluginEvent::TokenFileKept { file, why } => {
            let why = why.escape_debug();
            warn!(file = %escaped(file), %why, "the old tokens stay in use");
        }
        PluginEvent::KeyKept { error } => {
            warn!(%error, "signed tokens are still checked with the old key");
        }
        PluginEvent::AuthSourceFailed { client, why } => {
            warn!(%client, why = %why.escape_debug(), "the auth service is unavailable");
        }
        PluginEvent::SourceBlocked { source, failures, duration } => {
            let seconds = duration.as_secs_f64().ceil();
            warn!(
                %source,
                failures,
                seconds,
                "source blocked: too many wrong credentials or unknown tokens \
                 (--auth-failures-per-source)"
            );
        }
    }
}
