//! Which question comes first: is it a request at all, does it mean this host, is it a handshake, may
//! this client in, can the target be reached.

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

/// What was decided about a request for a session.
#[derive(Debug)]
pub(super) struct Accepted {
    /// What the answer says.
    pub(super) upgrade: Upgrade,
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
            let dialed = front.dialer.dial(&target, front.connect_timeout).await;
            Some(dialed.map_err(|error| Rejection::cannot_dial(&error))?)
        }
        _ => None,
    };
    let once = if front.run_once { Some(claim_only_session(front)?) } else { None };
    let tap = front.taps.for_session(&caller.address);
    Ok(Accepted { upgrade, admitted, target, tap, dialed, once })
}

/// Decides whether the client may ask for a file: it means this gateway by a name of it, or by one
/// that is a token. No token is looked up for a client that was not let in.
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

/// What the rules of the handshake say of a request.
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

/// Where the client's token leads. One that leads nowhere is a failure of the client's source.
async fn target(front: &Front, request: &Request<'_>) -> Result<Address, Rejection> {
    let target = front.route.target(request).await;
    if let Err(NoTarget::UnknownToken) = target {
        front.policy.failed(request.client.address);
    }
    Ok(target?)
}

/// The last word before a yes: of many guesses at once, the right one gets no answer either when the
/// others have failed.
fn let_in(front: &Front, client: ClientAddress) -> Result<(), Rejection> {
    front.policy.check_source(client)?;
    front.policy.succeeded(client);
    Ok(())
}

/// Of the clients that come at once only one gets the session of `--run-once`.
fn claim_only_session(front: &Front) -> Result<DropGuard, Rejection> {
    if front.had_session.swap(true, Ordering::Relaxed) {
        return Err(Rejection::unavailable("the only session has begun"));
    }
    Ok(front.stop.clone().drop_guard())
}
