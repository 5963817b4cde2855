//! Own logic behind a URL (`--auth-plugin HttpAuth --auth-source URL`): every handshake is shown to
//! a web service, which says yes or no, and may say who the client is and where it goes.
//!
//! The service gets a GET, as with nginx' `auth_request` and Traefik's `ForwardAuth`. Of the client's
//! fields it is shown those in `SHOWN` and those that the operator names (`--auth-header`), and no
//! others: a client must not be able to say what only a proxy may (`Remote-User`, `CF-Connecting-IP`).
//! What the connection says is added:
//!
//! | field | what it says |
//! |---|---|
//! | `X-Original-URI`, `X-Forwarded-Uri` | the request target: path and query, the token too |
//! | `X-Forwarded-Host` | the Host of the handshake |
//! | `X-Forwarded-For` | the client's address |
//! | `X-Forwarded-Method` | `GET` |
//! | `X-Client-Common-Name` | one for each common name of the client's certificate |
//!
//! It answers 2xx for yes, optionally with `X-Identity` and `X-Target`; 401 or 403 for no. Anything
//! else, and no answer within two seconds, is 503 for the client: what cannot be asked lets nobody in.

use std::fmt;
use std::str::FromStr;

use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use thiserror::Error;

use super::{Auth, Checked, Denial, Pass};
use crate::address::Address;
use crate::events::{Events, PluginEvent};
use crate::net::{HttpClient, Reply, http_server};
use crate::request::Request;
use crate::timeouts;

const ORIGINAL_URI: HeaderName = HeaderName::from_static("x-original-uri");
const FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const COMMON_NAME: HeaderName = HeaderName::from_static("x-client-common-name");
const IDENTITY: HeaderName = HeaderName::from_static("x-identity");
const TARGET: HeaderName = HeaderName::from_static("x-target");

/// The fields of the client that the service is shown.
const SHOWN: [HeaderName; 6] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::ORIGIN,
    header::USER_AGENT,
    header::ACCEPT_LANGUAGE,
    header::SEC_WEBSOCKET_PROTOCOL,
];

/// What the gateway says itself.
const OURS: [HeaderName; 6] =
    [ORIGINAL_URI, FORWARDED_URI, FORWARDED_HOST, FORWARDED_FOR, FORWARDED_METHOD, COMMON_NAME];

/// What is of the connection and not of the client's request (RFC 9110 §7.6.1), and what would make
/// the question another one.
const NEVER_SHOWN: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "keep-alive",
    "proxy-connection",
    "range",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-version",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A further field of the client that the service is shown (`--auth-header`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownField(HeaderName);

/// Text that is not the name of such a field.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ShownFieldError {
    /// Not the name of a field at all.
    #[error("{0:?} is not the name of a header field: give one such as X-Api-Key, without a colon")]
    Name(String),
    /// The gateway says it itself.
    #[error("{0:?} is what wsferry itself tells the service: leave it out")]
    Ours(String),
    /// It is of the connection, or would change the question.
    #[error(
        "{0:?} belongs to the connection between the client and wsferry and means nothing to the \
         service: leave it out"
    )]
    Connection(String),
}

impl FromStr for ShownField {
    type Err = ShownFieldError;

    fn from_str(text: &str) -> Result<Self, ShownFieldError> {
        let name = HeaderName::from_bytes(text.as_bytes());
        let name = name.map_err(|_| ShownFieldError::Name(text.to_owned()))?;
        // Programs behind WSGI and CGI see all signs but letters and digits as `_`, so that
        // `X_Forwarded_For` is `X-Forwarded-For` to them (RFC 3875 §4.1.18).
        let spelled = name.as_str().replace(|sign: char| !sign.is_ascii_alphanumeric(), "-");
        if OURS.iter().any(|ours| ours.as_str() == spelled) {
            return Err(ShownFieldError::Ours(text.to_owned()));
        }
        if NEVER_SHOWN.contains(&&*spelled) {
            return Err(ShownFieldError::Connection(text.to_owned()));
        }
        Ok(Self(name))
    }
}

/// Which service, and what it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where it is.
    pub url: ServiceUrl,
    /// Fields of the client beside those that it is always shown.
    pub fields: Vec<ShownField>,
}

/// From the URL alone.
impl FromStr for Settings {
    type Err = ServiceUrlError;

    fn from_str(url: &str) -> Result<Self, ServiceUrlError> {
        Ok(Self { url: url.parse()?, fields: Vec::new() })
    }
}

/// Where the service is.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceUrl(String);

/// Text that is not the URL of a service. It is not repeated: there may be a password in it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ServiceUrlError {
    /// Not http and not https.
    #[error("the auth source is not a URL such as http://127.0.0.1:8000/auth")]
    Url,
    /// `user:password@`. A question has one Authorization, and that is the client's: a client without
    /// one would be asked about with the gateway's.
    #[error(
        "the auth source holds a user or a password: leave them out, as in \
         http://127.0.0.1:8000/auth; the service is shown what the client sends"
    )]
    Login,
}

impl FromStr for ServiceUrl {
    type Err = ServiceUrlError;

    fn from_str(text: &str) -> Result<Self, ServiceUrlError> {
        let server = http_server(text).ok_or(ServiceUrlError::Url)?;
        let has_login = !server.starts_with(":@");
        if has_login { Err(ServiceUrlError::Login) } else { Ok(Self(text.to_owned())) }
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceUrl(…)")
    }
}

/// Own logic behind a URL.
#[derive(Debug)]
pub struct HttpAuth {
    client: HttpClient,
    settings: Settings,
    events: Events,
}

/// Why the service lets a client not in.
enum NoPass {
    /// It says so.
    Denied(Denial),
    /// It cannot be asked, or its answer is none: what was in the way.
    Unasked(String),
}

impl HttpAuth {
    /// A service that is asked through `client`, which must not follow redirects: the page where a
    /// login starts is no yes.
    pub fn new(client: HttpClient, settings: Settings) -> Self {
        Self { client, settings, events: Events::default() }
    }

    /// Tells these when the service cannot be asked.
    #[must_use]
    pub fn with_events(self, events: &Events) -> Self {
        Self { events: events.clone(), ..self }
    }

    /// Whether the service is shown this field of the client.
    fn shows(&self, name: &HeaderName) -> bool {
        SHOWN.contains(name) || self.settings.fields.iter().any(|field| field.0 == name)
    }

    async fn ask(&self, request: &Request<'_>) -> Result<Pass, NoPass> {
        let reply = self
            .client
            .get(&self.settings.url.0, self.question(request), timeouts::AUTH_SERVICE)
            .await;
        let reply = reply.map_err(|error| NoPass::Unasked(error.to_string()))?;
        match reply.status {
            status if status.is_success() => pass(&reply),
            StatusCode::UNAUTHORIZED => Err(NoPass::Denied(Denial {
                status: StatusCode::UNAUTHORIZED,
                reason: "the client is not known".into(),
                remedy: String::new(),
                challenge: reply.headers.get(header::WWW_AUTHENTICATE).cloned(),
            })),
            StatusCode::FORBIDDEN => Err(NoPass::Denied(Denial {
                status: StatusCode::FORBIDDEN,
                reason: "the client may not connect here".into(),
                remedy: String::new(),
                challenge: None,
            })),
            status => Err(NoPass::Unasked(format!("the service answers {status}"))),
        }
    }

    /// The fields of the question.
    fn question(&self, request: &Request<'_>) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in &request.head.headers {
            if self.shows(name) && !is_named_by_connection(request, name) {
                fields.append(name, value.clone());
            }
        }
        let target = request.head.uri.path_and_query().map_or("/", |target| target.as_str());
        let mut add = |name: HeaderName, value: &str| {
            // What cannot stand in a field (a line break in a common name) is not said.
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                fields.append(name, value);
            }
        };
        add(ORIGINAL_URI, target);
        add(FORWARDED_URI, target);
        add(FORWARDED_HOST, &request.host.to_string());
        if let Some(ip) = request.client.address.ip() {
            add(FORWARDED_FOR, &ip.to_string());
        }
        add(FORWARDED_METHOD, "GET");
        for name in request.client.common_names {
            add(COMMON_NAME, name);
        }
        fields
    }
}

impl Auth for HttpAuth {
    fn check<'a>(&'a self, request: &'a Request<'a>) -> Checked<'a> {
        Box::pin(async {
            self.ask(request).await.map_err(|no_pass| match no_pass {
                NoPass::Denied(denial) => denial,
                NoPass::Unasked(why) => {
                    let client = request.client.address;
                    self.events.tell(PluginEvent::AuthSourceFailed { client, why: &why });
                    cannot_be_asked()
                }
            })
        })
    }

    /// Cookies are no guesses: pages have some before anybody has logged in.
    fn shows_secret(&self, request: &Request<'_>) -> bool {
        let is_by_token = request.parameters("token").next().is_some();
        let headers = &request.head.headers;
        let mut named = self.settings.fields.iter();
        is_by_token
            || headers.contains_key(header::AUTHORIZATION)
            || named.any(|field| headers.contains_key(&field.0))
    }
}

/// RFC 9110 §7.6.1: fields that Connection names are for the next hop only.
fn is_named_by_connection(request: &Request<'_>, name: &HeaderName) -> bool {
    let values = request.head.headers.get_all(header::CONNECTION);
    values.iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').any(|option| option.trim().eq_ignore_ascii_case(name.as_str()))
    })
}

fn pass(reply: &Reply) -> Result<Pass, NoPass> {
    let text = |name: &HeaderName| {
        let value = reply.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
    };
    let target = match text(&TARGET) {
        Some(target) => {
            let target = target.parse::<Address>();
            // Not repeated: it may hold what the client sent.
            let why = "its X-Target is not a target: host:port is expected";
            Some(target.map_err(|_| NoPass::Unasked(why.to_owned()))?)
        }
        None => None,
    };
    Ok(Pass { identity: text(&IDENTITY).filter(|text| !text.is_empty()), target })
}

/// What cannot be asked lets nobody in.
fn cannot_be_asked() -> Denial {
    Denial {
        status: StatusCode::SERVICE_UNAVAILABLE,
        reason: "the client cannot be checked now".into(),
        remedy: String::new(),
        challenge: None,
    }
}
