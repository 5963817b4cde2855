//! The door for WebSocket clients: a connection from its first byte to its end, or to its session.

use std::future::poll_fn;
use std::sync::Arc;

use http::StatusCode;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::caller::Caller;
use super::connection_end::ConnectionEnd;
use super::head_reader::{HeadError, HeadReader, PlainHead, RequestHead};
use super::permits::{Held, Permits};
use super::refusal::{TLS_HANDSHAKE, alert, refuse};
use super::secure::secure;
use super::{Door, Sessions, files, upgrade};
use crate::client::ClientAddress;
use crate::net::{Stream, shut_down};
use crate::session::Joining;

/// A connection that speaks HTTP/1.1, with TLS or without. It yields one session, or none.
#[derive(Debug)]
pub struct WebSocketDoor {
    /// Taken by the first `next`.
    accepted: Option<(Stream, ClientAddress, Held)>,
    door: Door,
}

impl WebSocketDoor {
    /// The permit is given back when the first request is answered.
    pub fn new(
        stream: Stream,
        client: ClientAddress,
        handshake: OwnedSemaphorePermit,
        door: Door,
    ) -> Self {
        Self { accepted: Some((stream, client, Held::from(handshake))), door }
    }
}

impl Sessions for WebSocketDoor {
    async fn next(&mut self) -> Option<Joining> {
        let (stream, client, held) = self.accepted.take()?;
        serve(stream, client, held, &self.door).await
    }
}

/// Serves HTTP until the connection ends or becomes a session.
async fn serve(stream: Stream, client: ClientAddress, held: Held, door: &Door) -> Option<Joining> {
    // Whatever is large and soon over is boxed, here and below.
    let (stream, caller) = if door.rules.tls.is_some() {
        Box::pin(secure(stream, client, door)).await?
    } else {
        (stream, Caller::plain(client))
    };
    let mut reader = HeadReader::new(stream, door.rules.heads);
    match first_head(&mut reader, door).await {
        Ok(RequestHead::Upgrade(head)) => {
            Box::pin(upgrade::serve(reader, head, &caller, held, door)).await
        }
        Ok(RequestHead::Other(first)) => {
            Box::pin(serve_files(reader, first, caller, held, door)).await
        }
        Err(end) => {
            Box::pin(leave(reader, end, client, held, door)).await;
            None
        }
    }
}

/// Reads the first head, within `header_timeout`.
async fn first_head(reader: &mut HeadReader, door: &Door) -> Result<RequestHead, ConnectionEnd> {
    let head = tokio::select! {
        head = timeout(door.rules.header_timeout, poll_fn(|cx| reader.poll_next(cx))) => head,
        () = door.state.drain.cancelled() => return Err(ConnectionEnd::Done),
    };
    match head {
        Ok(Ok(Some(head))) => Ok(head),
        Ok(Ok(None)) => Err(ConnectionEnd::Done),
        Ok(Err(HeadError::Fault(fault))) => Err(ConnectionEnd::Fault(fault)),
        Ok(Err(HeadError::Io(_))) => Err(ConnectionEnd::Failed),
        Err(_) => Err(ConnectionEnd::timed_out(reader)),
    }
}

/// Serves files, and then a session if a later request asks for one.
async fn serve_files(
    reader: HeadReader,
    first: PlainHead,
    caller: Caller,
    held: Held,
    door: &Door,
) -> Option<Joining> {
    let caller = Arc::new(caller);
    let permits = Permits::new(held);
    let (reader, then) = files::serve(reader, first, &caller, &permits, door).await;
    let held = permits.take();
    match then {
        Ok(head) => upgrade::serve(reader, head, &caller, held, door).await,
        Err(end) => {
            leave(reader, end, caller.address, held, door).await;
            None
        }
    }
}

/// Closes a connection, after an answer to what was not a request.
async fn leave(
    reader: HeadReader,
    end: ConnectionEnd,
    client: ClientAddress,
    mut held: Held,
    door: &Door,
) {
    let (mut stream, arrived) = reader.into_parts();
    if let Some((status, reason)) = end.answer() {
        if door.rules.tls.is_none() && arrived.first() == Some(&TLS_HANDSHAKE) {
            let reason =
                "the client speaks TLS (https:// or wss://), and this port has no certificate";
            let status = StatusCode::BAD_REQUEST;
            alert(door, &mut stream, client, status, reason, "--cert FILE").await;
        } else {
            refuse(door, &mut stream, client, status, reason, "").await;
        }
    }
    held.answered();
    let (how, patience) = end.shut_down();
    shut_down(stream, how, patience).await;
}
