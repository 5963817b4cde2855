//! One connection too many.

use http::StatusCode;

use super::Door;
use super::refusal::{alert, refuse};
use super::secure::speaks_tls;
use crate::client::ClientAddress;
use crate::net::{Shutdown, Stream, shut_down};
use crate::timeouts;

/// Answers 503 to one connection too many, without reading what it wants. One that speaks TLS gets an
/// alert: a handshake would cost what there is too little of.
pub async fn turn_away(mut stream: Stream, client: ClientAddress, door: &Door) {
    let (status, reason) = (StatusCode::SERVICE_UNAVAILABLE, "too many connections");
    if door.rules.tls.is_some() && speaks_tls(&stream).await {
        alert(door, &mut stream, client, status, reason, "--max-connections").await;
    } else {
        refuse(door, &mut stream, client, status, reason, "--max-connections").await;
    }
    shut_down(stream, Shutdown::Graceful, timeouts::REFUSED_CLIENT).await;
}
