//! One connection from its first byte to its end, or to its session.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use hyper::server::conn::http1;
use tokio::sync::OwnedSemaphorePermit;

use super::Front;
use super::answer::{Answerer, Caller};
use super::guard::{Guard, Rejection};
use super::permits::Permits;
use super::refusal::{FAREWELL, TLS_HANDSHAKE, alert, refuse};
use super::secure::{Secured, secure, speaks_tls};
use crate::client::ClientAddress;
use crate::net::{Farewell, Stream, farewell};
use crate::session::Joining;

/// How long an idle connection whose place is needed may take to end.
const EVICTED: Duration = Duration::from_millis(200);

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

/// What hyper may hold of a connection, where heads need no more.
const HYPER_BUFFER: usize = 64 * 1024;

/// Serves HTTP on a connection until it ends or becomes a session. The permit is given back when its
/// first request is answered.
pub async fn serve(
    stream: Stream,
    client: ClientAddress,
    handshake: OwnedSemaphorePermit,
    front: Arc<Front>,
) -> Option<Handover> {
    let permits = Permits::new(handshake);
    // Boxed: a handshake is over soon, and needs much room.
    let Secured { stream, common_names } = Box::pin(secure(stream, client, &front)).await?;
    let guard = Guard::new(stream, &front, permits.clone());
    let joining = Arc::new(Mutex::new(None));
    let answerer = Answerer {
        front: Arc::clone(&front),
        client: Arc::new(Caller { address: client, common_names }),
        in_flight: guard.in_flight(),
        joining: Arc::clone(&joining),
        permits: permits.clone(),
    };
    let mut builder = http1::Builder::new();
    // hyper has to hold the largest head that the guard lets pass.
    builder.half_close(true).max_buf_size(front.heads.max_size.max(HYPER_BUFFER));
    let mut connection = builder.serve_connection(guard, answerer);
    // An error is one of the socket, or a rejection that the guard tells below.
    let ended = tokio::select! {
        ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => ended,
        () = front.drain.cancelled() => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|cx| connection.poll_without_shutdown(cx)).await
        }
    };
    let (mut stream, early, rejection) = connection.into_parts().io.into_parts();
    let joining = joining.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let (Some(joining), Ok(())) = (joining, &ended) {
        return Some(Handover { stream, early, joining });
    }
    if rejection.is_some() && front.tls.is_none() && early.first() == Some(&TLS_HANDSHAKE) {
        let reason = "the client speaks TLS (https:// or wss://), and this port has no certificate";
        alert(&mut stream, client, StatusCode::BAD_REQUEST, reason, "--cert FILE").await;
    } else if let Some((status, reason)) = rejection.and_then(Rejection::answer) {
        refuse(&mut stream, client, status, reason, "").await;
    }
    permits.answered();
    let (how, patience) = match (rejection, ended) {
        (Some(Rejection::Slow), _) => (Farewell::Abort, FAREWELL),
        (Some(Rejection::Evicted), _) => (Farewell::Polite, EVICTED),
        (Some(_), _) | (None, Ok(())) => (Farewell::Polite, FAREWELL),
        (None, Err(_)) => (Farewell::Drop, FAREWELL),
    };
    farewell(stream, how, patience).await;
    None
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
