//! A request is refused: what the log and the client are told.

use http::header::{HeaderName, HeaderValue, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Response, StatusCode};
use wsferry_proto::handshake::Refusal;

use super::rules::OnlySessionBegun;
use crate::auth::{Blocked, Denial};
use crate::client::ClientAddress;
use crate::error::DialError;
use crate::events::{DoorEvent, Events};
use crate::route::NoTarget;
use crate::web::response;

/// What a client is told whose request no route matches.
const NO_ROUTE: &str = "nothing is served at this host and path";

/// Why a request is refused.
#[derive(Debug)]
pub(super) enum Rejection {
    /// It breaks a rule of the handshake.
    Rule(Refusal),
    /// The policy does not let the client in.
    Policy(Denial),
    /// Too many files are being sent.
    Busy,
    /// No route matches its host and path.
    NoRoute,
    /// The token was looked up and leads nowhere.
    UnknownToken,
    /// The client's source failed too often.
    Blocked(Blocked),
    /// Another reason: its status, and one sentence.
    Other(StatusCode, String),
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        Self::Rule(refusal)
    }
}

impl From<Denial> for Rejection {
    fn from(denial: Denial) -> Self {
        Self::Policy(denial)
    }
}

impl From<NoTarget> for Rejection {
    fn from(no_target: NoTarget) -> Self {
        match no_target {
            NoTarget::UnknownToken => Self::UnknownToken,
            NoTarget::Forbidden(reason) => Self::Other(StatusCode::FORBIDDEN, reason.to_owned()),
            NoTarget::Unavailable(reason) => Self::unavailable(reason),
        }
    }
}

impl From<OnlySessionBegun> for Rejection {
    fn from(_: OnlySessionBegun) -> Self {
        Self::unavailable("the only session has begun")
    }
}

impl From<Blocked> for Rejection {
    fn from(blocked: Blocked) -> Self {
        Self::Blocked(blocked)
    }
}

impl Rejection {
    /// 503, for a reason that will pass.
    pub(super) fn unavailable(reason: &str) -> Self {
        Self::Other(StatusCode::SERVICE_UNAVAILABLE, reason.to_owned())
    }

    /// 502 or 504: the target was dialled before the answer and could not be reached.
    pub(super) fn cannot_dial(error: &DialError) -> Self {
        let status = match error {
            DialError::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::BAD_GATEWAY,
        };
        Self::Other(status, format!("the target cannot be reached: {error}"))
    }

    /// Logs the refusal, with the Origin from `headers`, and returns the answer for the client.
    pub(super) fn tell(
        &self,
        client: ClientAddress,
        headers: &HeaderMap,
        events: &Events,
    ) -> Response<String> {
        let origin = headers.get(ORIGIN);
        let log = |status, reason: &str, remedy: &str| {
            events.tell(DoorEvent::Refused { client, status, reason, remedy, origin });
        };
        match self {
            Self::Rule(refusal) => {
                log(refusal.status, refusal.reason, "");
                let mut response = response::sentence(refusal.status, refusal.reason);
                for &(name, value) in refusal.fields() {
                    let name = HeaderName::from_static(name);
                    response.headers_mut().insert(name, HeaderValue::from_static(value));
                }
                response
            }
            Self::Policy(denial) => {
                log(denial.status, &denial.reason, &denial.remedy);
                let mut response = response::sentence(denial.status, &denial.reason);
                if let Some(challenge) = &denial.challenge {
                    response.headers_mut().insert(WWW_AUTHENTICATE, challenge.clone());
                }
                response
            }
            Self::Busy => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                let reason = "too many files are being sent";
                let remedy = "--max-connections";
                events.tell(DoorEvent::Refused { client, status, reason, remedy, origin: None });
                let mut response = response::sentence(status, reason);
                response.headers_mut().insert(RETRY_AFTER, 1.into());
                response
            }
            Self::NoRoute => {
                log(StatusCode::NOT_FOUND, NO_ROUTE, "");
                response::sentence(StatusCode::NOT_FOUND, NO_ROUTE)
            }
            Self::UnknownToken => {
                log(StatusCode::FORBIDDEN, NoTarget::UNKNOWN, "");
                response::sentence(StatusCode::FORBIDDEN, NoTarget::UNKNOWN)
            }
            Self::Blocked(Blocked { remaining }) => {
                // Only the first one is logged: a guesser must not be able to fill the log.
                let seconds = remaining.as_secs_f64().ceil();
                let status = StatusCode::TOO_MANY_REQUESTS;
                let reason =
                    format!("too many wrong passwords or tokens: try again in {seconds} s");
                let mut response = response::sentence(status, &reason);
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds as u64));
                response
            }
            Self::Other(status, reason) => {
                log(*status, reason, "");
                response::sentence(*status, reason)
            }
        }
    }
}
