//! One connection from its first byte to its end, or to its session.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::caller::Caller;
use super::connection_end::ConnectionEnd;
use super::head_reader::{HeadError, HeadReader, PlainHead, RequestHead};
use super::permits::{Held, Permits};
use super::refusal::{FAREWELL, TLS_HANDSHAKE, alert, refuse};
use super::secure::{Secured, secure, speaks_tls};
use super::{Front, files, upgrade};
use crate::client::ClientAddress;
use crate::net::{Farewell, Stream, farewell};
use crate::session::Joining;

/// A connection whose handshake is done: what a session is made of.
#[derive(Debug)]
pub struct Handover {
    /// The client.
    pub stream: Stream,
    /// What the client sent behind its handshake.
    pub early: Bytes,
    /// What was decided about it.
    pub joining: Joining,
}

/// Serves HTTP on a connection until it ends or becomes a session. The permit is given back when its
/// first request is answered.
pub async fn serve(
    stream: Stream,
    client: ClientAddress,
    handshake: OwnedSemaphorePermit,
    front: Arc<Front>,
) -> Option<Handover> {
    // What is over soon and needs much room is boxed, here and below.
    let Secured { stream, common_names } = if front.tls.is_some() {
        Box::pin(secure(stream, client, &front)).await?
    } else {
        Secured { stream, common_names: Vec::new() }
    };
    let caller = Caller { address: client, common_names };
    let mut reader = HeadReader::new(stream, front.heads);
    let held = Held::from(handshake);
    match first_head(&mut reader, &front).await {
        Ok(RequestHead::Upgrade(head)) => {
            Box::pin(upgrade::serve(reader, head, &caller, held, &front)).await
        }
        Ok(RequestHead::Other(first)) => {
            Box::pin(serve_files(reader, first, caller, held, front)).await
        }
        Err(end) => {
            Box::pin(leave(reader, end, client, held, &front)).await;
            None
        }
    }
}

/// Reads the first head within its time.
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

/// Serves files first, and a session if a later request asks for one.
async fn serve_files(
    reader: HeadReader,
    first: PlainHead,
    caller: Caller,
    held: Held,
    front: Arc<Front>,
) -> Option<Handover> {
    let caller = Arc::new(caller);
    let permits = Permits::new(held);
    let (reader, then) = files::serve(reader, first, &caller, &permits, &front).await;
    let held = permits.take();
    match then {
        Ok(head) => upgrade::serve(reader, head, &caller, held, &front).await,
        Err(end) => {
            leave(reader, end, caller.address, held, &front).await;
            None
        }
    }
}

/// Leaves a connection, with an answer to what was no request.
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
