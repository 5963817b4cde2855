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
use super::{Front, Sessions, files, upgrade};
use crate::client::ClientAddress;
use crate::net::{Stream, farewell};
use crate::session::Joining;

/// A connection that speaks HTTP/1.1, with TLS or without. It yields one session, or none.
#[derive(Debug)]
pub struct WebSocketDoor {
    /// Taken by the first `next`.
    accepted: Option<(Stream, ClientAddress, Held)>,
    front: Arc<Front>,
}

impl WebSocketDoor {
    /// The permit is given back when the first request is answered.
    pub fn new(
        stream: Stream,
        client: ClientAddress,
        handshake: OwnedSemaphorePermit,
        front: Arc<Front>,
    ) -> Self {
        Self { accepted: Some((stream, client, Held::from(handshake))), front }
    }
}

impl Sessions for WebSocketDoor {
    async fn next(&mut self) -> Option<Joining> {
        let (stream, client, held) = self.accepted.take()?;
        serve(stream, client, held, &self.front).await
    }
}

/// Serves HTTP until the connection ends or becomes a session.
async fn serve(
    stream: Stream,
    client: ClientAddress,
    held: Held,
    front: &Arc<Front>,
) -> Option<Joining> {
    // Whatever is large and soon over is boxed, here and below.
    let (stream, caller) = if front.tls.is_some() {
        Box::pin(secure(stream, client, front)).await?
    } else {
        (stream, Caller::plain(client))
    };
    let mut reader = HeadReader::new(stream, front.heads);
    match first_head(&mut reader, front).await {
        Ok(RequestHead::Upgrade(head)) => {
            Box::pin(upgrade::serve(reader, head, &caller, held, front)).await
        }
        Ok(RequestHead::Other(first)) => {
            Box::pin(serve_files(reader, first, caller, held, front)).await
        }
        Err(end) => {
            Box::pin(leave(reader, end, client, held, front)).await;
            None
        }
    }
}

/// Reads the first head, within `header_timeout`.
async fn first_head(reader: &mut HeadReader, front: &Front) -> Result<RequestHead, ConnectionEnd> {
    let head = tokio::select! {
        head = timeout(front.header_timeout, poll_fn(|cx| reader.poll_next(cx))) => head,
        () = front.drain.cancelled() => return Err(ConnectionEnd::Done),
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
    front: &Arc<Front>,
) -> Option<Joining> {
    let caller = Arc::new(caller);
    let permits = Permits::new(held);
    let (reader, then) = files::serve(reader, first, &caller, &permits, front).await;
    let held = permits.take();
    match then {
        Ok(head) => upgrade::serve(reader, head, &caller, held, front).await,
        Err(end) => {
            leave(reader, end, caller.address, held, front).await;
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
    front: &Front,
) {
    let (mut stream, arrived) = reader.into_parts();
    if let Some((status, reason)) = end.answer() {
        if front.tls.is_none() && arrived.first() == Some(&TLS_HANDSHAKE) {
            let reason =
                "the client speaks TLS (https:// or wss://), and this port has no certificate";
            let status = StatusCode::BAD_REQUEST;
            alert(&mut stream, client, status, reason, "--cert FILE").await;
        } else {
            refuse(&mut stream, client, status, reason, "").await;
        }
    }
    held.answered();
    let (how, patience) = end.farewell();
    farewell(stream, how, patience).await;
}
