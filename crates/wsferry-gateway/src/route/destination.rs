//! Where the sessions of a route lead: always to the same target, to the one of the client's token, or
//! to one of a list that the client may choose from.

use std::sync::Arc;

use http::header::HOST;
use tokio::time::Instant;
use wsferry_proto::HostName;

use super::RefusalTime;
use crate::address::Address;
use crate::events::{Events, PluginEvent};
use crate::request::Request;
use crate::token::{LookUpError, Token, TokenSource};

/// What decides where a session leads.
#[derive(Debug)]
pub enum Destination {
    /// Always to the same target.
    Fixed(Address),
    /// To the target of the client's token.
    Token {
        /// Who knows the tokens.
        source: Arc<dyn TokenSource>,
        /// Where the token stands in the request.
        place: TokenPlace,
        /// When a refusal is told.
        refusals: RefusalTime,
    },
    /// To the target of `?address=`, if it is one of these: a client of Neon's wsproxy says so.
    Listed(Vec<Address>),
}

/// Where the token stands in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPlace {
    /// `?token=`.
    Query,
    /// The Host field, without the port (`--host-token`).
    Host,
}

/// The parameter that holds the token.
const TOKEN: &str = "token";
/// The parameter that holds the target.
const ADDRESS: &str = "address";

impl Destination {
    /// Whether the Host field is the token: then it may be any name that is one.
    pub const fn is_by_host(&self) -> bool {
        matches!(self, Self::Token { place: TokenPlace::Host, .. })
    }

    /// The source of tokens, where there is one.
    pub const fn source(&self) -> Option<&Arc<dyn TokenSource>> {
        match self {
            Self::Token { source, .. } => Some(source),
            _ => None,
        }
    }

    /// The target of a request. Whatever is wrong with a token, the client is told the same.
    pub async fn target(
        &self,
        request: &Request<'_>,
        events: &Events,
    ) -> Result<Address, NoTarget> {
        match self {
            Self::Fixed(target) => Ok(target.clone()),
            Self::Token { source, place, refusals } => {
                let asked = Instant::now();
                let Some(token) = token(request, *place) else {
                    refusals.keep(asked, false).await;
                    return Err(no_target(request, events, "no token"));
                };
                let mut found = source.look_up(&token).await;
                // Names are the same in capitals, and browsers have none: as written comes first.
                if let (Err(LookUpError::Unknown(_)), TokenPlace::Host) = (&found, place)
                    && let Some(in_lower_case) = Token::new(&token.as_str().to_ascii_lowercase())
                    && in_lower_case != token
                {
                    found = source.look_up(&in_lower_case).await;
                }
                if let Err(LookUpError::Unknown(_)) = found {
                    refusals.keep(asked, true).await;
                }
                found.map_err(|error| match error {
                    LookUpError::Unknown(why) => {
                        refused(request, events, &why);
                        NoTarget::UnknownToken
                    }
                    LookUpError::Unavailable(why) => unavailable(request, events, &why),
                })
            }
            Self::Listed(targets) => {
                if targets.is_empty() {
                    let why = "the auth service has named none (X-Target)";
                    refused(request, events, why);
                    return Err(NoTarget::Forbidden("no target for this client"));
                }
                let mut named = request.parameters(ADDRESS);
                let (Some(first), None) = (named.next(), named.next()) else {
                    return Err(no_address(request, events, "no address, or more than one"));
                };
                let wanted = first.parse::<Address>().ok();
                wanted.filter(|wanted| targets.contains(wanted)).ok_or_else(|| {
                    no_address(request, events, "the address is not on --allow-address")
                })
            }
        }
    }
}

/// The token of a request, if there is just one.
fn token(request: &Request<'_>, place: TokenPlace) -> Option<Token> {
    match place {
        TokenPlace::Query => {
            let mut tokens = request.parameters(TOKEN);
            let token = tokens.next()?;
            if tokens.next().is_some() {
                return None; // two tokens: which one was meant is not to be guessed
            }
            Token::new(&token)
        }
        TokenPlace::Host => match &request.host.name {
            HostName::Name(name) => Token::new(as_written(request, name)),
            HostName::Address(address) => Token::new(&address.to_string()),
        },
    }
}

/// The name of the host with the capitals that the client gave it.
fn as_written<'r>(request: &'r Request<'_>, name: &'r str) -> &'r str {
    let host = request.head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let written = host.and_then(|host| host.get(..name.len()));
    written.filter(|written| written.eq_ignore_ascii_case(name)).unwrap_or(name)
}

/// Why a client has no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTarget {
    /// Its token was looked up, and leads nowhere: a failure of the client's source.
    UnknownToken,
    /// It has no token, or chose what is not on the list: what it is told.
    Forbidden(&'static str),
    /// The source of tokens cannot be asked: what the client is told.
    Unavailable(&'static str),
}

impl NoTarget {
    /// What a client is told whose token leads nowhere, whatever is wrong with it.
    pub const UNKNOWN: &'static str = "no target for this token";
}

/// Tells what was wrong, which the client is not told.
fn refused(request: &Request<'_>, events: &Events, why: &str) {
    events.tell(PluginEvent::TokenRefused { client: request.client.address, why });
}

/// 403, the same for every token that leads nowhere; what it was is told as an event.
fn no_target(request: &Request<'_>, events: &Events, why: &str) -> NoTarget {
    refused(request, events, why);
    NoTarget::Forbidden(NoTarget::UNKNOWN)
}

/// 403, the same for every address that may not be chosen.
fn no_address(request: &Request<'_>, events: &Events, why: &str) -> NoTarget {
    refused(request, events, why);
    NoTarget::Forbidden(
        "?address= has to name one target of the gateway's list, written as it stands there",
    )
}

/// 503: a source that is down lets nobody in.
fn unavailable(request: &Request<'_>, events: &Events, why: &str) -> NoTarget {
    events.tell(PluginEvent::TokenSourceFailed { client: request.client.address, why });
    NoTarget::Unavailable("the token cannot be looked up now")
}
