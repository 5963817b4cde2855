//! Lines about sessions and their recordings.

use tracing::{info, warn};
use wsferry_gateway::address::Address;
use wsferry_gateway::client::ClientAddress;
use wsferry_gateway::events::{RecordingEvent, SessionEvent};
use wsferry_gateway::outcome::Outcome;

use super::escaped::escaped;

pub(super) fn write(event: &SessionEvent<'_>) {
    match event {
        // Text in quotes is escaped where it is written.
        SessionEvent::Started { id, client, identity, target } => {
            info!(session = id, %client, identity, %target, "session started");
        }
        SessionEvent::Ended { id, client, target, outcome } => ended(*id, *client, target, outcome),
    }
}

fn ended(id: u64, client: ClientAddress, target: &Address, outcome: &Outcome) {
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

pub(super) fn write_recording(event: &RecordingEvent<'_>) {
    match event {
        RecordingEvent::Began { client, path } => {
            info!(%client, file = %escaped(path), "recording");
        }
        RecordingEvent::EndedEarly { client, path, why } => {
            let file = escaped(path);
            warn!(%client, %file, %why, "the recording was ended; its session goes on");
        }
        RecordingEvent::Failed { client, why } => {
            warn!(%client, %why, "the session cannot be recorded; it goes on");
        }
    }
}
