//! Requests that do not ask for a session: hyper reads them and writes the answers, which are files
//! or refusals.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::request::Parts;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use wsferry_proto::handshake::{self, Refusal};

use super::caller::Caller;
use super::connection_end::ConnectionEnd;
use super::guard::Guard;
use super::head_reader::{HeadReader, PlainHead};
use super::in_flight::{InFlight, Tracked};
use super::permits::Permits;
use super::rejection::Rejection;
use super::{Door, decide};
use crate::events::DoorEvent;
use crate::web;
use crate::web::response::{self, Body};

/// The size of hyper's buffer, unless larger heads are allowed.
const HYPER_BUFFER: usize = 64 * 1024;

/// Answers requests until one asks for a session or there are no more. `first` is the head that was
/// read already. Returns the head of the request for a session, or how the connection ends.
pub(super) async fn serve(
    reader: HeadReader,
    first: PlainHead,
    caller: &Arc<Caller>,
    permits: &Permits,
    door: &Door,
) -> (HeadReader, Result<Box<Parts>, ConnectionEnd>) {
    let guard = Guard::new(reader, first, door, permits.clone());
    let answerer = Answerer {
        door: door.clone(),
        caller: Arc::clone(caller),
        in_flight: guard.in_flight(),
        permits: permits.clone(),
    };
    let mut builder = http1::Builder::new();
    // hyper must be able to hold the largest head that the guard lets through.
    builder.half_close(true).max_buf_size(door.rules.heads.max_size.max(HYPER_BUFFER));
    let mut connection = builder.serve_connection(guard, answerer);
    let ended = tokio::select! {
        ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => ended,
        () = door.state.drain.cancelled() => {
            Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|cx| connection.poll_without_shutdown(cx)).await
        }
    };
    let (reader, upgrade, end) = connection.into_parts().io.into_parts();
    let then = match (end, ended) {
        (Some(end), _) => Err(end),
        (None, Err(_)) => Err(ConnectionEnd::Failed),
        (None, Ok(())) => upgrade.ok_or(ConnectionEnd::Done),
    };
    (reader, then)
}

/// Answers the requests of one connection.
#[derive(Debug)]
struct Answerer {
    door: Door,
    caller: Arc<Caller>,
    in_flight: InFlight,
    permits: Permits,
}

impl Service<Request<Incoming>> for Answerer {
    type Response = Response<Tracked>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let mark = self.in_flight.begin();
        let door = self.door.clone();
        let caller = Arc::clone(&self.caller);
        let permits = self.permits.clone();
        Box::pin(async move {
            let (head, _) = request.into_parts(); // a body is never read: its request is the last one
            let response = match answer(&door, &caller, &head, &permits).await {
                Ok(response) => response,
                Err(rejection) => {
                    permits.answered();
                    rejection
                        .tell(caller.address, &head.headers, &door.state.events)
                        .map(response::body)
                }
            };
            Ok(response.map(|body| Tracked::new(body, mark)))
        })
    }
}

/// The answer with the requested file.
async fn answer(
    door: &Door,
    caller: &Caller,
    head: &Parts,
    permits: &Permits,
) -> Result<Response<Body>, Rejection> {
    let route = decide::file(door, caller, head).await?;
    let Some(web) = &route.web else { return Err(Refusal::UPGRADE_REQUIRED.into()) };
    if !permits.change_to_file(&door.state.files) {
        return Err(Rejection::Busy);
    }
    let mut response = match route.matches.path.strip(head.uri.path()) {
        Some(path) => web.answer(head, path).await,
        None => web::behind_slash(&head.uri),
    };
    response::replace(response.headers_mut(), &route.headers);
    // No request is read after such a head: this answer is the last one.
    if handshake::announces_body(&head.headers) || head.headers.contains_key(UPGRADE) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    door.state.events.tell(DoorEvent::Served {
        client: caller.address,
        status: response.status(),
        path: head.uri.path(),
    });
    Ok(response)
}
