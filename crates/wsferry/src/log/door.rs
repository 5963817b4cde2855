//! Lines about what happens before a session.

use http::{HeaderValue, StatusCode};
use tracing::{debug, info, warn};
use wsferry_gateway::client::ClientAddress;
use wsferry_gateway::events::DoorEvent;

pub(super) fn write(event: &DoorEvent<'_>) {
    match event {
        DoorEvent::Refused { client, status, reason, remedy, origin } => {
            refused(*client, *status, reason, remedy, *origin);
        }
        DoorEvent::Served { client, status, path } => {
            debug!(%client, status = status.as_u16(), path = %path.escape_debug(), "served");
        }
        DoorEvent::TlsFailed { client, why } => {
            info!(%client, why = %why.to_string().escape_debug(), "TLS handshake failed");
        }
        DoorEvent::NotListed => {
            info!("directories are not listed; to list them: --web-listing");
        }
        DoorEvent::FilesStuck { why } => warn!(%why, "static files cannot be read"),
    }
}

fn refused(
    client: ClientAddress,
    status: StatusCode,
    reason: &str,
    remedy: &str,
    origin: Option<&HeaderValue>,
) {
    let (status, remedy) = (status.as_u16(), escaped(remedy));
    match (origin.map(spell), &*remedy) {
        (None, "") => info!(%client, status, reason, "refused"),
        (None, remedy) => warn!(%client, status, reason, "refused; to allow it: {remedy}"),
        (Some(origin), "") => info!(%client, status, reason, %origin, "refused"),
        (Some(origin), remedy) => {
            warn!(%client, status, reason, %origin, "refused; to allow it: {remedy}");
        }
    }
}

/// An Origin on one line, in quotes where it could be taken for more than one field.
fn spell(origin: &HeaderValue) -> String {
    let origin = String::from_utf8_lossy(origin.as_bytes());
    // A page's origin is shorter; what is not a page's may be as long as a head.
    let origin: String = origin.chars().take(300).collect();
    let is_plain = origin.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\'));
    if is_plain { origin } else { format!("{origin:?}") }
}

/// A remedy on one line. Its quotes stay, so that it can be copied to a shell.
fn escaped(remedy: &str) -> String {
    let mut line = String::new();
    for sign in remedy.chars() {
        match sign {
            '\'' => line.push(sign),
            _ => line.extend(sign.escape_debug()),
        }
    }
    line
}
