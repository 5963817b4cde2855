//! Who may connect: the rules against DNS rebinding and cross-site hijacking, on from the first day.
//!
//! CORS does not cover WebSocket: any page in the world may open a connection to any host, and the
//! browser adds the user's cookies. What it also adds, and no page can forge, is `Origin`.

mod allow_origin;
mod basic;
mod certificate;
mod failures;
mod host;
pub mod http;
mod origin;
mod policy;

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;

use ::http::{HeaderValue, StatusCode};

pub use allow_origin::{AllowOrigin, AllowOriginError, Hosts};
pub use basic::{BasicHTTPAuth, CredentialsError};
pub use certificate::ClientCertCNAuth;
pub use failures::{Blocked, Failures};
pub use host::{AllowHost, HostRules, Reach};
pub use origin::ExpectOrigin;
pub use policy::{Admitted, Policy, Settings};

use crate::address::Address;
use crate::error::StartError;
use crate::events::Events;
use crate::net::{HttpClient, Redirects, Resolver};
use crate::request::Request;

/// A decided no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The status.
    pub status: StatusCode,
    /// One sentence for the client.
    pub reason: Cow<'static, str>,
    /// For the log: the flag that would let this client in; empty where none would.
    pub remedy: String,
    /// The value of WWW-Authenticate, with 401.
    pub challenge: Option<HeaderValue>,
}

/// What an authentication plug-in knows of a client that it lets in.
#[derive(Clone, Debug, Default)]
pub struct Pass {
    /// Who the client is, for the log.
    pub identity: Option<String>,
    /// Where this client's sessions lead, when the plug-in decides that.
    pub target: Option<Address>,
}

/// What a check comes to, later.
pub type Checked<'a> = Pin<Box<dyn Future<Output = Result<Pass, Denial>> + Send + 'a>>;

/// May this client in? One file here for each implementation.
pub trait Auth: fmt::Debug + Send + Sync {
    /// Decides about a request.
    fn check<'a>(&'a self, request: &'a Request<'a>) -> Checked<'a>;

    /// Whether the request shows something that could be guessed: a no to it counts as a failure.
    fn shows_secret(&self, _request: &Request<'_>) -> bool {
        false
    }

    /// Whether this decides which origins may connect, in the place of the rule that pages come from
    /// the same host or from a list.
    fn decides_origin(&self) -> bool {
        false
    }
}

/// A host or an origin as a shell takes it: some take brackets for a pattern.
fn for_shell(text: &str) -> String {
    if text.contains('[') { format!("'{text}'") } else { text.to_owned() }
}

/// Which plug-in, and what it goes by.
#[derive(Clone, Debug)]
pub enum PluginSettings {
    /// A user and a password.
    Basic(BasicHTTPAuth),
    /// Origins.
    Origin(ExpectOrigin),
    /// Common names of certificates.
    Certificate(ClientCertCNAuth),
    /// A web service.
    Http(http::Settings),
}

impl PluginSettings {
    /// Makes it ready.
    ///
    /// # Errors
    /// What it names cannot be used.
    pub fn open(self, resolver: &Resolver, events: &Events) -> Result<Box<dyn Auth>, StartError> {
        Ok(match self {
            Self::Basic(auth) => Box::new(auth),
            Self::Origin(auth) => Box::new(auth),
            Self::Certificate(auth) => Box::new(auth),
            Self::Http(settings) => {
                // A redirect to a login page is no yes.
                let client = HttpClient::open(Redirects::Never, resolver);
                let client = client.map_err(StartError::setting)?;
                Box::new(http::HttpAuth::new(client, settings).with_events(events))
            }
        })
    }
}
