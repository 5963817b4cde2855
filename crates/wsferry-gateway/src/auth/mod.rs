//! Who may connect: the rules against DNS rebinding and cross-site hijacking, on from the first day.
//!
//! CORS does not cover WebSocket: any page in the world may open a connection to any host, and the
//! browser adds the user's cookies. What it also adds, and no page can forge, is `Origin`.

mod allow_origin;
mod basic;
mod certificate;
mod failures;
pub mod http;
mod origin;

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;

use ::http::{HeaderValue, StatusCode};
use tokio::time::Instant;
use wsferry_proto::{HostName, Origin};

pub use allow_origin::AllowOrigin;
pub use basic::{BasicHTTPAuth, CredentialsError};
pub use certificate::ClientCertCNAuth;
pub use failures::Blocked;
pub use origin::ExpectOrigin;

use crate::address::Address;
use crate::client::ClientAddress;
use crate::error::StartError;
use crate::events;
use crate::net::{HttpClient, Redirects, Resolver};
use crate::request::Request;
use failures::Failures;

/// What the rules allow beyond what is always allowed.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Origins of other hosts whose pages may connect.
    pub allow_origin: Vec<AllowOrigin>,
    /// Whether a client without an Origin (which no browser is) is refused.
    pub require_origin: bool,
    /// Names under which this gateway may be reached.
    pub allow_host: Vec<AllowHost>,
    /// Wrong credentials and unknown tokens in a minute after which a source is blocked; 0: never.
    pub failures_per_source: u16,
}

/// An item of `--allow-host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowHost {
    /// `*`: every name.
    Any,
    /// One name.
    One(HostName),
}

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

/// Proof that a request was let in: only [`Policy::admit`] makes one, and no session starts without.
#[derive(Debug)]
pub struct Admitted {
    pass: Pass,
}

impl Admitted {
    /// What is known of the client.
    pub const fn pass(&self) -> &Pass {
        &self.pass
    }
}

/// The rules of one listener.
#[derive(Debug)]
pub struct Policy {
    settings: Settings,
    auth: Option<Box<dyn Auth>>,
    reach: Reach,
    names: Vec<HostName>,
    failures: Failures,
}

/// From where the listeners can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// From other machines.
    Network,
    /// From this machine only.
    Loopback,
    /// By a Unix socket, to which no browser can be led by a name.
    Unix,
}

impl Policy {
    /// `names`: those of the machine, and of the listener.
    pub fn new(
        settings: Settings,
        auth: Option<Box<dyn Auth>>,
        reach: Reach,
        names: Vec<HostName>,
    ) -> Self {
        let failures = Failures::new(settings.failures_per_source);
        Self { settings, auth, reach, names, failures }
    }

    /// Whether the client means this gateway. A page whose name was pointed at this machine after it
    /// was loaded (DNS rebinding) says its own name here.
    ///
    /// # Errors
    /// 403, with the flag that would allow the name.
    pub fn check_host(&self, request: &Request<'_>) -> Result<(), Denial> {
        let name = &request.host.name;
        let is_own = match name {
            name if name.is_loopback() => true,
            _ if self.reach == Reach::Unix => true,
            _ if self.reach == Reach::Loopback => false,
            HostName::Address(_) => true, // rebinding needs a name
            HostName::Name(_) => self.names.contains(name),
        };
        let is_allowed = |item: &AllowHost| match item {
            AllowHost::Any => true,
            AllowHost::One(allowed) => allowed == name,
        };
        if is_own || self.settings.allow_host.iter().any(is_allowed) {
            return Ok(());
        }
        Err(Denial {
            status: StatusCode::FORBIDDEN,
            reason: "this host name is not served here".into(),
            remedy: format!("--allow-host {}", for_shell(&name.to_string())),
            challenge: None,
        })
    }

    /// Whether the client may have a session. Whom it means, [`check_host`](Self::check_host) tells.
    ///
    /// # Errors
    /// 403 with the flag that would allow it, or what the plug-in says.
    pub async fn admit(&self, request: &Request<'_>) -> Result<Admitted, Denial> {
        if !self.auth.as_deref().is_some_and(Auth::decides_origin) {
            self.check_origin(request)?;
        }
        let pass = self.authenticate(request).await?;
        Ok(Admitted { pass })
    }

    /// Whether the plug-in lets the client in.
    ///
    /// # Errors
    /// What the plug-in says.
    pub async fn authenticate(&self, request: &Request<'_>) -> Result<Pass, Denial> {
        let Some(auth) = &self.auth else { return Ok(Pass::default()) };
        let checked = auth.check(request).await;
        if let Err(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) =
            checked.as_ref().map_err(|denial| denial.status)
            && auth.shows_secret(request)
        {
            self.failed(request.client.address);
        }
        checked
    }

    /// Whether a client may be answered at all: not while its source is blocked for its failures. To
    /// be asked before a secret is looked at, and again before a yes is told, because other guesses of
    /// the source may have failed meanwhile.
    ///
    /// # Errors
    /// For how long it is blocked.
    pub fn check_source(&self, client: ClientAddress) -> Result<(), Blocked> {
        let Some((blocked, begun)) = self.failures.blocked(client, Instant::now()) else {
            return Ok(());
        };
        if let Some(begun) = begun {
            events::source_blocked(&begun, begun.failures, blocked.remaining);
        }
        Err(blocked)
    }

    /// A client showed a secret that is none.
    pub fn failed(&self, client: ClientAddress) {
        self.failures.failed(client, Instant::now());
    }

    /// A client was let in.
    pub fn succeeded(&self, client: ClientAddress) {
        self.failures.succeeded(client, Instant::now());
    }

    fn check_origin(&self, request: &Request<'_>) -> Result<(), Denial> {
        let Some(origin) = &request.origin else {
            return if self.settings.require_origin {
                Err(Denial {
                    status: StatusCode::FORBIDDEN,
                    reason: "the handshake has no Origin".into(),
                    remedy: "no --require-origin".to_owned(),
                    challenge: None,
                })
            } else {
                Ok(())
            };
        };
        // Any port and scheme of the same host: a dev server beside the gateway just works. So do the
        // names of this machine's loopback for one another, where no other machine can be meant.
        let is_same_host = origin.host().is_some_and(|host| {
            let is_over_loopback = request.client.address.ip().is_some_and(|ip| ip.is_loopback());
            let own = &request.host.name;
            host == own || is_over_loopback && host.is_loopback() && own.is_loopback()
        });
        if is_same_host || self.settings.allow_origin.iter().any(|item| item.allows(origin)) {
            return Ok(());
        }
        // What has no host is nobody's: any site can send `null`, so that is no advice.
        let remedy = match origin {
            Origin::Opaque(_) => String::new(),
            origin => format!("--allow-origin {}", for_shell(&origin.to_string())),
        };
        Err(Denial {
            status: StatusCode::FORBIDDEN,
            reason: "pages of this origin may not connect here".into(),
            remedy,
            challenge: None,
        })
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
    pub fn open(self, resolver: &Resolver) -> Result<Box<dyn Auth>, StartError> {
        Ok(match self {
            Self::Basic(auth) => Box::new(auth),
            Self::Origin(auth) => Box::new(auth),
            Self::Certificate(auth) => Box::new(auth),
            Self::Http(settings) => {
                // A redirect to a login page is no yes.
                let client = HttpClient::open(Redirects::Never, resolver);
                let client = client.map_err(StartError::setting)?;
                Box::new(http::HttpAuth::new(client, settings))
            }
        })
    }
}
