//! What a request gets, and the order in which that is decided: is it a valid request, is it a
//! handshake, does it name this host, may this client connect, can the target be reached.

use std::sync::atomic::Ordering;

use http::StatusCode;
use http::request::Parts;
use tokio_util::sync::DropGuard;
use wsferry_proto::handshake::{self, Refusal, Upgrade, Verdict};

use super::caller::Caller;
use super::rejection::Rejection;
use super::{Front, socket_io};
use crate::address::Address;
use crate::auth::Admitted;
use crate::client::ClientAddress;
use crate::net::Stream;
use crate::request::Request;
use crate::route::{Dial, NoTarget};
use crate::tap::Tap;

/// A request for a session that was accepted.
#[derive(Debug)]
pub(super) struct Accepted {
    /// What the 101 says.
    pub(super) upgrade: Upgrade,
    /// The proof that the client was let in.
    pub(super) admitted: Admitted,
    /// Where the session leads.
    pub(super) target: Address,
    /// Sees everything that is relayed.
    pub(super) tap: Option<Box<dyn Tap>>,
    /// The connection to the target, if it was dialled before the answer.
    pub(super) dialed: Option<Stream>,
    /// Stops the gateway when the session ends: it is the only one of `--run-once`.
    pub(super) once: Option<DropGuard>,
}

/// Decides about a request for a session.
pub(super) async fn upgrade(
    front: &Front,
    caller: &Caller,
    head: &Parts,
) -> Result<Accepted, Rejection> {
    let (verdict, request) = judge(front, caller, head)?;
    let Verdict::Upgrade(upgrade) = verdict else {
        return Err(Refusal::UPGRADE_REQUIRED.into());
    };
    if !front.route.is_by_host() {
        front.policy.check_host(&request)?; // else the look-up behind it is the check
    }
    front.policy.check_source(caller.address)?;
    let admitted = front.policy.admit(&request).await?;
    if front.stop.is_cancelled() {
        return Err(Rejection::unavailable("the gateway is stopping"));
    }
    let target = match &admitted.pass().target {
        Some(target) => target.clone(),
        None => target(front, &request).await?,
    };
    let_in(front, caller.address)?;
    let dialed = match front.dial {
        Dial::BeforeAccept if !target.is_built_in() => {
            // Boxed: it is large, and few gateways dial here.
            let dialed = Box::pin(front.dialer.dial(&target, front.connect_timeout)).await;
            Some(dialed.map_err(|error| Rejection::cannot_dial(&error))?)
        }
        _ => None,
    };
    let once = if front.run_once { Some(claim_only_session(front)?) } else { None };
    let tap = front.taps.for_session(&caller.address);
    Ok(Accepted { upgrade, admitted, target, tap, dialed, once })
}

/// Decides whether the client may have a file: its Host must name this gateway, or be a token. No
/// token is looked up for a client that has not been let in.
pub(super) async fn file(front: &Front, caller: &Caller, head: &Parts) -> Result<(), Rejection> {
    let (_, request) = judge(front, caller, head)?;
    let checked = front.policy.check_host(&request);
    let is_by_token = checked.is_err() && front.route.is_by_host();
    if !is_by_token {
        checked?;
    }
    if !front.web_auth && !is_by_token {
        return Ok(());
    }
    front.policy.check_source(caller.address)?;
    front.policy.authenticate(&request).await?;
    if is_by_token {
        target(front, &request).await?;
    }
    let_in(front, caller.address)
}

/// Checks a request against the rules of the handshake.
fn judge<'r>(
    front: &Front,
    caller: &'r Caller,
    head: &'r Parts,
) -> Result<(Verdict, Request<'r>), Rejection> {
    if socket_io::is_asked(&head.uri) {
        let request = Request::read(caller.client(), head)?;
        if !front.route.is_by_host() {
            front.policy.check_host(&request)?;
        }
        return Err(Rejection::Other(StatusCode::NOT_FOUND, socket_io::REFUSAL.to_owned()));
    }
    let verdict = handshake::judge(&head.method, head.version, &head.headers, &front.subprotocols)?;
    Ok((verdict, Request::read(caller.client(), head)?))
}

/// Where the client's token leads. One that leads nowhere counts as a failure of the client's source.
async fn target(front: &Front, request: &Request<'_>) -> Result<Address, Rejection> {
    let target = front.route.target(request).await;
    if let Err(NoTarget::UnknownToken) = target {
        front.policy.failed(request.client.address);
    }
    Ok(target?)
}

/// The last check before a yes: of many guesses sent at once, even the right one is refused once the
/// others have failed.
fn let_in(front: &Front, client: ClientAddress) -> Result<(), Rejection> {
    front.policy.check_source(client)?;
    front.policy.succeeded(client);
    Ok(())
}

/// Of clients that connect at the same time, only one gets the session of `--run-once`.
fn claim_only_session(front: &Front) -> Result<DropGuard, Rejection> {
    if front.had_session.swap(true, Ordering::Relaxed) {
        return Err(Rejection::unavailable("the only session has begun"));
    }
    Ok(front.stop.clone().drop_guard())
}
