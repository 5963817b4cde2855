//! What a request gets, and the order in which that is decided: is it a valid request, is it a
//! handshake, does it name this host, is there a route, may this client connect, can the target be
//! reached.

use std::sync::Arc;

use http::StatusCode;
use http::request::Parts;
use tokio_util::sync::DropGuard;
use wsferry_proto::handshake::{self, Refusal, Upgrade, Verdict};

use super::caller::Caller;
use super::rejection::Rejection;
use super::{Door, socket_io};
use crate::address::Address;
use crate::auth::Admitted;
use crate::client::ClientAddress;
use crate::net::Stream;
use crate::request::Request;
use crate::route::{Dial, Found, NoTarget, Route};
use crate::tap::Tap;

/// A request for a session that was accepted.
#[derive(Debug)]
pub(super) struct Accepted {
    /// What the 101 says.
    pub(super) upgrade: Upgrade,
    /// The route that it is for.
    pub(super) route: Arc<Route>,
    /// The proof that the client was let in.
    pub(super) admitted: Admitted,
    /// Where the session leads.
    pub(super) target: Address,
    /// What sees all that is relayed.
    pub(super) tap: Option<Box<dyn Tap>>,
    /// The connection to the target, where it is dialled before the answer.
    pub(super) dialed: Option<Stream>,
    /// Stops the gateway when the session is gone: the only one of `--run-once`.
    pub(super) once: Option<DropGuard>,
}

/// Decides about a request for a session.
pub(super) async fn upgrade(
    door: &Door,
    caller: &Caller,
    head: &Parts,
) -> Result<Accepted, Rejection> {
    let Judged { verdict, request, found } = judge(door, caller, head)?;
    let Verdict::Upgrade(upgrade) = verdict else {
        return Err(Refusal::UPGRADE_REQUIRED.into());
    };
    if !is_by_host(found.as_ref()) {
        check_host(door, &request, found.as_ref())?; // else the look-up behind it is the check
    }
    let route = found.ok_or(Rejection::NoRoute)?.route;
    let failures = &door.state.failures;
    failures.check(caller.address)?;
    let admitted = route.policy.admit(&request, failures).await?;
    if door.state.stop.is_cancelled() {
        return Err(Rejection::unavailable("the gateway is stopping"));
    }
    let target = match &admitted.pass().target {
        Some(target) => target.clone(),
        None => target(door, route, &request).await?,
    };
    let_in(door, caller.address)?;
    let dialed = match route.dial {
        Dial::BeforeAccept if !target.is_built_in() => {
            // Boxed: it is large, and few gateways dial here.
            let limit = route.session.connect_timeout;
            let dialed = Box::pin(route.dialer.dial(&target, limit)).await;
            Some(dialed.map_err(|error| Rejection::cannot_dial(&error))?)
        }
        _ => None,
    };
    let once = door.state.claim_only_session()?;
    let tap = route.taps.for_session(&caller.address);
    Ok(Accepted { upgrade, route: Arc::clone(route), admitted, target, tap, dialed, once })
}

/// Decides whether the client may have a file, and of which route: its Host must name this gateway, or
/// be a token. No token is looked up for a client that has not been let in.
pub(super) async fn file<'r>(
    door: &'r Door,
    caller: &Caller,
    head: &Parts,
) -> Result<&'r Route, Rejection> {
    let Judged { request, found, .. } = judge(door, caller, head)?;
    let checked = check_host(door, &request, found.as_ref());
    let is_by_token = checked.is_err() && is_by_host(found.as_ref());
    if !is_by_token {
        checked?;
    }
    let route = found.ok_or(Rejection::NoRoute)?.route;
    if !route.web_auth && !is_by_token {
        return Ok(route);
    }
    let failures = &door.state.failures;
    failures.check(caller.address)?;
    route.policy.authenticate(&request, failures).await?;
    if is_by_token {
        target(door, route, &request).await?;
    }
    let_in(door, caller.address)?;
    Ok(route)
}

/// A request by the rules of the handshake, and its route.
struct Judged<'r, 'd> {
    verdict: Verdict,
    request: Request<'r>,
    found: Option<Found<'d>>,
}

/// What the rules of the handshake say of a request, and which route it is for.
fn judge<'r, 'd>(
    door: &'d Door,
    caller: &'r Caller,
    head: &'r Parts,
) -> Result<Judged<'r, 'd>, Rejection> {
    let request = Request::read(caller.client(), head);
    let host = request.as_ref().map(|request| &request.host.name);
    let found = host.ok().and_then(|host| door.rules.routes.find(host, head.uri.path()));
    if socket_io::is_asked(&head.uri) {
        let request = request?;
        if !is_by_host(found.as_ref()) {
            check_host(door, &request, found.as_ref())?;
        }
        return Err(Rejection::Other(StatusCode::NOT_FOUND, socket_io::REFUSAL.to_owned()));
    }
    // A wrong method or version is told before a missing Host.
    let spoken = found.as_ref().map_or(&[][..], |found| &found.route.subprotocols);
    let verdict = handshake::judge(&head.method, head.version, &head.headers, spoken)?;
    Ok(Judged { verdict, request: request?, found })
}

/// Whether the request means this gateway: a host that a route names is one of its names.
fn check_host(
    door: &Door,
    request: &Request<'_>,
    found: Option<&Found<'_>>,
) -> Result<(), Rejection> {
    if found.is_some_and(|found| found.by_host) {
        return Ok(());
    }
    Ok(door.rules.hosts.check(&request.host.name)?)
}

/// Whether the Host field is the token: then it may be any name that is one.
fn is_by_host(found: Option<&Found<'_>>) -> bool {
    found.is_some_and(|found| found.route.destination.is_by_host())
}

/// Where the client's token leads. One that leads nowhere is a failure of the client's source.
async fn target(door: &Door, route: &Route, request: &Request<'_>) -> Result<Address, Rejection> {
    let target = route.destination.target(request, &door.state.events).await;
    if let Err(NoTarget::UnknownToken) = target {
        door.state.failures.failed(request.client.address);
    }
    Ok(target?)
}

/// The last word before a yes: of many guesses at once, the right one gets no answer either when the
/// others have failed.
fn let_in(door: &Door, client: ClientAddress) -> Result<(), Rejection> {
    door.state.failures.check(client)?;
    door.state.failures.succeeded(client);
    Ok(())
}
