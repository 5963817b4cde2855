//! Refusals where there is no request to answer.

use http::StatusCode;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::{Door, answer};
use crate::client::ClientAddress;
use crate::events::DoorEvent;
use crate::net::Stream;
use crate::timeouts;

/// A TLS record with the fatal alert `internal_error` (RFC 8446 §6): the one that says nothing about
/// the client. Before a handshake there is no key, so it is sent as it is.
const ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 80];

/// The first byte from a client that speaks TLS: a handshake record (RFC 8446 §5.1).
pub(super) const TLS_HANDSHAKE: u8 = 22;

/// Logs and writes a refusal.
pub(super) async fn refuse(
    door: &Door,
    stream: &mut Stream,
    client: ClientAddress,
    status: StatusCode,
    reason: &str,
    remedy: &str,
) {
    let refused = DoorEvent::Refused { client, status, reason, remedy, origin: None };
    door.state.events.tell(refused);
    write(stream, &answer::to_no_request(status, reason)).await;
}

/// The same for a client that speaks TLS, without a handshake.
pub(super) async fn alert(
    door: &Door,
    stream: &mut Stream,
    client: ClientAddress,
    status: StatusCode,
    reason: &str,
    remedy: &str,
) {
    let refused = DoorEvent::Refused { client, status, reason, remedy, origin: None };
    door.state.events.tell(refused);
    write(stream, &ALERT).await;
}

async fn write(stream: &mut Stream, answer: &[u8]) {
    let _ = timeout(timeouts::REFUSED_CLIENT, stream.write_all(answer)).await;
}
