//! Lines about the wrapped program.

use tracing::{error, info, warn};
use wsferry_gateway::events::ProgramEvent;

pub(super) fn write(event: &ProgramEvent<'_>) {
    match event {
        ProgramEvent::Started { process } => info!(process, "program started"),
        ProgramEvent::Ended { status, next } => warn!(%status, "program ended; {next}"),
        ProgramEvent::Lost { error } => error!(%error, "program lost; stopping"),
        ProgramEvent::Killed { grace } => {
            warn!(?grace, "the program did not exit in time after SIGTERM: killing it");
        }
    }
}
