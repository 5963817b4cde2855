//! TLS or not: told apart by the first byte, so that both are served on one port.

use std::io;

use http::StatusCode;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::Door;
use super::caller::Caller;
use super::refusal::refuse;
use crate::client::ClientAddress;
use crate::error::words;
use crate::events::{DoorEvent, Events, Shown};
use crate::net::{Shutdown, Stream, shut_down};
use crate::timeouts;
use crate::tls::common_names;

/// Starts TLS if the first byte says so. Returns the connection and its caller; `None` if the
/// connection has ended.
pub(super) async fn secure(
    mut stream: Stream,
    client: ClientAddress,
    door: &Door,
) -> Option<(Stream, Caller)> {
    let Some(tls) = &door.rules.tls else { return Some((stream, Caller::plain(client))) };
    let until = Instant::now() + door.rules.header_timeout;
    let begins_with_tls = tokio::select! {
        first = timeout_at(until, stream.begins_with_tls()) => first,
        () = door.state.drain.cancelled() => return None,
    };
    // A client that says nothing, or is gone, is not worth a line: with TLS or without.
    let Ok(Ok(begins_with_tls)) = begins_with_tls else { return None };
    if begins_with_tls {
        let handshake = timeout_at(until, stream.accept_tls(tls.current()));
        let handshake = tokio::select! {
            handshake = handshake => handshake,
            () = async {
                door.state.drain.cancelled().await;
                sleep(timeouts::REFUSED_CLIENT).await;
            } => return None,
        };
        return match handshake {
            Ok(handshake) => handshaken(handshake, client, &door.state.events).await,
            Err(_) => {
                door.state.events.tell(DoorEvent::TlsFailed {
                    client,
                    why: Shown(&"the TLS handshake took too long"),
                });
                None
            }
        };
    }
    if door.rules.tls_only {
        let reason = "this port speaks TLS only: use https:// or wss://";
        refuse(door, &mut stream, client, StatusCode::FORBIDDEN, reason, "").await;
        shut_down(stream, Shutdown::Graceful, timeouts::REFUSED_CLIENT).await;
        return None;
    }
    Some((stream, Caller::plain(client)))
}

/// Whether a client that is turned away begins with TLS. One that stays silent does not.
pub(super) async fn speaks_tls(stream: &Stream) -> bool {
    matches!(timeout(timeouts::REFUSED_CLIENT, stream.begins_with_tls()).await, Ok(Ok(true)))
}

/// The outcome of a TLS handshake.
async fn handshaken(
    handshake: Result<Stream, (io::Error, Stream)>,
    client: ClientAddress,
    events: &Events,
) -> Option<(Stream, Caller)> {
    match handshake {
        Ok(stream) => {
            let common_names = stream.certificate().map(common_names).unwrap_or_default();
            Some((stream, Caller { address: client, common_names }))
        }
        Err((error, stream)) => {
            events.tell(DoorEvent::TlsFailed { client, why: Shown(&words(&error)) });
            // The alert is on its way: a reset would overtake it.
            shut_down(stream, Shutdown::Graceful, timeouts::REFUSED_CLIENT).await;
            None
        }
    }
}
