//! What a request gets: a session, a file, or a refusal.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::request::Parts;
use http::{Request as HttpRequest, Response, StatusCode};
use http_body::{Frame, SizeHint};
use hyper::body::{Body as HttpBody, Incoming};
use hyper::service::Service;
use pin_project_lite::pin_project;
use tokio_util::sync::DropGuard;
use wsferry_proto::handshake::{self, Refusal, Upgrade, Verdict};

use super::guard::{InFlight, InFlightMark};
use super::permits::Permits;
use super::response::{self, Body};
use super::route::NO_TARGET;
use super::{Dial, Front, socket_io};
use crate::address::Address;
use crate::auth::{Blocked, Denial};
use crate::client::ClientAddress;
use crate::error::DialError;
use crate::events;
use crate::request::{Client, Request};
use crate::session::Joining;

/// Answers the requests of one connection.
#[derive(Debug)]
pub(super) struct Answerer {
    pub(super) front: Arc<Front>,
    pub(super) client: Arc<Caller>,
    pub(super) in_flight: InFlight,
    /// What was decided by the last request, if it was a good handshake.
    pub(super) joining: Arc<Mutex<Option<Joining>>>,
    pub(super) permits: Permits,
}

/// The connection that requests come by.
#[derive(Debug)]
pub(super) struct Caller {
    /// Where it comes from.
    pub(super) address: ClientAddress,
    /// The common names of its certificate.
    pub(super) common_names: Vec<String>,
}

/// A no, whoever decided it.
pub(super) enum No {
    Rule(Refusal),
    Policy(Denial),
    /// Too many files are being sent.
    Busy,
    /// The token was looked up, and leads nowhere.
    UnknownToken,
    /// The source of the client failed too often.
    Blocked(Blocked),
    Other(StatusCode, String),
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        Self::Rule(refusal)
    }
}

impl From<Denial> for No {
    fn from(denial: Denial) -> Self {
        Self::Policy(denial)
    }
}

impl From<Blocked> for No {
    fn from(blocked: Blocked) -> Self {
        Self::Blocked(blocked)
    }
}

impl Service<HttpRequest<Incoming>> for Answerer {
    type Response = Response<Tracked>;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, request: HttpRequest<Incoming>) -> Self::Future {
        let mark = self.in_flight.begin();
        let front = Arc::clone(&self.front);
        let joining = Arc::clone(&self.joining);
        let client = Arc::clone(&self.client);
        let permits = self.permits.clone();
        Box::pin(async move {
            let (head, _) = request.into_parts(); // a body is never read: its request is the last one
            let response = match decide(&front, &client, &head, &permits).await {
                Ok(Decision::Join(upgrade, join)) => {
                    permits.release();
                    *joining.lock().unwrap_or_else(PoisonError::into_inner) = Some(join);
                    response::switching_protocols(upgrade)
                }
                Ok(Decision::File(response)) => response,
                Err(no) => {
                    permits.answered();
                    refuse(client.address, &head, &no)
                }
            };
            Ok(response.map(|body| Tracked { body, mark, ahead: 0 }))
        })
    }
}

enum Decision {
    Join(Upgrade, Joining),
    File(Response<Body>),
}

/// The order of the questions: is it a request at all, does it mean this host, is it a handshake,
/// may this client in, can the target be reached.
async fn decide(
    front: &Front,
    caller: &Caller,
    head: &Parts,
    permits: &Permits,
) -> Result<Decision, No> {
    let headers = &head.headers;
    let client = Client { address: caller.address, common_names: &caller.common_names };
    if socket_io::is_asked(&head.uri) {
        let request = Request::read(client, head)?;
        if !front.route.is_by_host() {
            front.policy.check_host(&request)?;
        }
        return Err(No::Other(StatusCode::NOT_FOUND, socket_io::REFUSAL.to_owned()));
    }
    let verdict = handshake::judge(&head.method, head.version, headers, &front.subprotocols)?;
    let request = Request::read(client, head)?;
    let Verdict::Upgrade(upgrade) = verdict else {
        check_file(front, &request).await?;
        let Some(web) = &front.web else { return Err(Refusal::UPGRADE_REQUIRED.into()) };
        if !permits.change_to_file(&front.files) {
            return Err(No::Busy);
        }
        let mut response = web.answer(head).await;
        response::replace(response.headers_mut(), &front.headers);
        // Behind such a head the guard reads no request: this answer is the last one.
        if handshake::announces_body(headers) || headers.contains_key(http::header::UPGRADE) {
            let close = http::HeaderValue::from_static("close");
            response.headers_mut().insert(http::header::CONNECTION, close);
        }
        events::served(client.address, response.status(), head.uri.path());
        return Ok(Decision::File(response));
    };
    if !front.route.is_by_host() {
        front.policy.check_host(&request)?; // else the look-up behind it is the check
    }
    front.policy.check_source(client.address)?;
    let admitted = front.policy.admit(&request).await?;
    if front.stop.is_cancelled() {
        return Err(unavailable("the gateway is stopping"));
    }
    let target = match &admitted.pass().target {
        Some(target) => target.clone(),
        None => target(front, &request).await?,
    };
    let_in(front, client.address)?;
    let dialed = match front.dial {
        Dial::BeforeAccept if !target.is_built_in() => {
            let dialed = front.dialer.dial(&target, front.connect_timeout).await;
            Some(dialed.map_err(|error| cannot_dial(&error))?)
        }
        _ => None,
    };
    let once = if front.run_once { Some(claim_only_session(front)?) } else { None };
    let tap = front.taps.for_session(&client.address);
    let send = upgrade.send;
    Ok(Decision::Join(upgrade, Joining { admitted, target, tap, send, dialed, once }))
}

/// Whether the client may ask for a file: it means this gateway by a name of it, or by one that is a
/// token. No token is looked up for a client that was not let in.
async fn check_file(front: &Front, request: &Request<'_>) -> Result<(), No> {
    let checked = front.policy.check_host(request);
    let is_by_token = checked.is_err() && front.route.is_by_host();
    if !is_by_token {
        checked?;
    }
    if !front.web_auth && !is_by_token {
        return Ok(());
    }
    front.policy.check_source(request.client.address)?;
    front.policy.authenticate(request).await?;
    if is_by_token {
        target(front, request).await?;
    }
    let_in(front, request.client.address)
}

/// Where the client's token leads. One that leads nowhere is a failure of the client's source.
async fn target(front: &Front, request: &Request<'_>) -> Result<Address, No> {
    let target = front.route.target(request).await;
    if let Err(No::UnknownToken) = target {
        front.policy.failed(request.client.address);
    }
    target
}

/// The last word before a yes: of many guesses at once, the right one gets no answer either when the
/// others have failed.
fn let_in(front: &Front, client: ClientAddress) -> Result<(), No> {
    front.policy.check_source(client)?;
    front.policy.succeeded(client);
    Ok(())
}

/// Of the clients that come at once only one gets the session of `--run-once`.
fn claim_only_session(front: &Front) -> Result<DropGuard, No> {
    if front.had_session.swap(true, Ordering::Relaxed) {
        return Err(unavailable("the only session has begun"));
    }
    Ok(front.stop.clone().drop_guard())
}

fn unavailable(reason: &str) -> No {
    No::Other(StatusCode::SERVICE_UNAVAILABLE, reason.to_owned())
}

fn cannot_dial(error: &DialError) -> No {
    let status = match error {
        DialError::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::BAD_GATEWAY,
    };
    No::Other(status, format!("the target cannot be reached: {error}"))
}

fn refuse(client: ClientAddress, head: &Parts, no: &No) -> Response<Body> {
    let log = |status, reason: &str, remedy: &str| {
        events::request_refused(client, &head.headers, status, reason, remedy);
    };
    match no {
        No::Rule(refusal) => {
            log(refusal.status, refusal.reason, "");
            response::refusal(refusal)
        }
        No::Policy(denial) => {
            log(denial.status, &denial.reason, &denial.remedy);
            let mut response = response::sentence(denial.status, &denial.reason);
            if let Some(challenge) = &denial.challenge {
                let challenge = challenge.clone();
                response.headers_mut().insert(http::header::WWW_AUTHENTICATE, challenge);
            }
            response
        }
        No::Busy => {
            let (status, reason) =
                (StatusCode::SERVICE_UNAVAILABLE, "too many files are being sent");
            events::refused(client, status, reason, "--max-connections");
            let mut response = response::sentence(status, reason);
            response.headers_mut().insert(http::header::RETRY_AFTER, 1.into());
            response
        }
        No::UnknownToken => {
            refuse(client, head, &No::Other(StatusCode::FORBIDDEN, NO_TARGET.to_owned()))
        }
        No::Blocked(Blocked { remaining }) => {
            // A line for each would be a guesser's way to fill the log: the first one was told.
            let seconds = remaining.as_secs_f64().ceil();
            let status = StatusCode::TOO_MANY_REQUESTS;
            let reason = format!("too many wrong passwords or tokens: try again in {seconds} s");
            let mut response = response::sentence(status, &reason);
            let seconds = http::HeaderValue::from(seconds as u64);
            response.headers_mut().insert(http::header::RETRY_AFTER, seconds);
            response
        }
        No::Other(status, reason) => {
            log(*status, reason, "");
            response::sentence(*status, reason)
        }
    }
}

/// The most bytes of a body that hyper is given before it has to write.
const AHEAD: usize = 32 * 1024;

pin_project! {
    /// A body that says when it is done, and never is far ahead of what was written.
    pub(super) struct Tracked {
        #[pin]
        body: Body,
        mark: InFlightMark,
        // Bytes that hyper was given without a pause.
        ahead: usize,
    }
}

impl HttpBody for Tracked {
    type Data = bytes::Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        if this.mark.is_waiting() {
            return Poll::Pending; // what is in memory for the client is enough
        }
        if *this.ahead >= AHEAD {
            *this.ahead = 0;
            cx.waker().wake_by_ref(); // meanwhile hyper writes, or finds that it cannot
            return Poll::Pending;
        }
        let frame = std::task::ready!(this.body.poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            *this.ahead += frame.data_ref().map_or(0, bytes::Bytes::len);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
