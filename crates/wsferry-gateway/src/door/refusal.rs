//! Refusals of what is no request: of a connection that is one too many, too.

use std::time::Duration;

use http::StatusCode;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::secure::speaks_tls;
use super::{Front, answer};
use crate::client::ClientAddress;
use crate::events;
use crate::net::{Farewell, Stream, farewell};

/// How long a client that was refused may take to take its answer, and to end its connection.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);

/// A record of TLS with the alert `internal_error`, fatal (RFC 8446 §6): the one that says nothing of
/// the client. Before a handshake there is no key, and it goes as it is.
const ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 80];

/// The first byte of a client that speaks TLS: a record of its handshake (RFC 8446 §5.1).
pub(super) const TLS_HANDSHAKE: u8 = 22;

/// Logs and writes a refusal.
pub(super) async fn refuse(
    stream: &mut Stream,
    client: ClientAddress,
    status: StatusCode,
    reason: &str,
    remedy: &str,
) {
    events::refused(client, status, reason, remedy);
    write(stream, &answer::to_no_request(status, reason)).await;
}

/// The same for a client that speaks TLS, with which no handshake is made.
pub(super) async fn alert(
    stream: &mut Stream,
    client: ClientAddress,
    status: StatusCode,
    reason: &str,
    remedy: &str,
) {
    events::refused(client, status, reason, remedy);
    write(stream, &ALERT).await;
}

/// Answers 503 to a connection that is one too many, without reading what it wants. One that speaks
/// TLS gets an alert: a handshake would cost what there is too little of.
pub async fn turn_away(mut stream: Stream, client: ClientAddress, front: &Front) {
    let (status, reason) = (StatusCode::SERVICE_UNAVAILABLE, "too many connections");
    if front.tls.is_some() && speaks_tls(&stream).await {
        alert(&mut stream, client, status, reason, "--max-connections").await;
    } else {
        refuse(&mut stream, client, status, reason, "--max-connections").await;
    }
    farewell(stream, Farewell::Polite, FAREWELL).await;
}

async fn write(stream: &mut Stream, answer: &[u8]) {
    let _ = timeout(FAREWELL, stream.write_all(answer)).await;
}
