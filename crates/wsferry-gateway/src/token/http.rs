//! Tokens that a web service knows (`--token-plugin BaseTokenAPI`, `JSONTokenApi`): a GET of a URL
//! with the token in it, answered with the target.

use std::fmt;
use std::str::FromStr;

use http::{HeaderMap, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use thiserror::Error;

use super::line::{target_of, without_mark};
use super::pair;
use super::{LookUp, LookUpError, Token, TokenSource};
use crate::address::Address;
use crate::net::{HttpClient, Reply, http_server};
use crate::timeouts;

/// RFC 3986 §2.3: all but these are encoded, so that a token stays within its part of the URL.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How a service answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `host:port` (`BaseTokenAPI`).
    Text,
    /// `{"host": …, "port": …}` (`JSONTokenApi`).
    Json,
}

/// Where a service is: what stands before the token in the URL, and behind it.
#[derive(Clone, PartialEq, Eq)]
pub struct UrlPattern {
    before: String,
    behind: String,
}

/// Text that is not the URL of a service. It is not repeated: there may be a password in it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum UrlPatternError {
    /// Nowhere, or more than once.
    #[error("the token source has no %s, or more than one: the token is put there in the URL")]
    Place,
    /// Not in the path nor behind the question mark.
    #[error("the %s of the token source must stand in the path or the query, not in the host")]
    Host,
    /// Not http and not https.
    #[error("the token source is not a URL such as https://api.example/tokens/%s")]
    Url,
}

impl fmt::Debug for UrlPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UrlPattern(…)")
    }
}

impl FromStr for UrlPattern {
    type Err = UrlPatternError;

    /// `%%` is a percent sign, as in websockify; other percent signs stand for themselves.
    fn from_str(text: &str) -> Result<Self, UrlPatternError> {
        if text.contains('\0') {
            return Err(UrlPatternError::Url);
        }
        let parts: Vec<String> =
            text.split("%%").map(|part| part.split("%s").collect::<Vec<_>>().join("\0")).collect();
        let text = parts.join("%");
        let (before, behind) = text.split_once('\0').ok_or(UrlPatternError::Place)?;
        if behind.contains('\0') {
            return Err(UrlPatternError::Place);
        }
        let pattern = Self { before: before.to_owned(), behind: behind.to_owned() };
        let server = |token| pattern.url(token).and_then(|url| http_server(&url));
        let is_url = http_server(&text.replace('\0', "token")).is_some();
        match (server("a"), server("b")) {
            _ if !is_url => Err(UrlPatternError::Url),
            (Some(one), Some(other)) if one == other && !before.contains('#') => Ok(pattern),
            _ => Err(UrlPatternError::Host),
        }
    }
}

impl UrlPattern {
    /// The URL of a token. None for `.` and `..`, which mean a place and not a name, however they
    /// are encoded (WHATWG URL, single-dot and double-dot path segments).
    fn url(&self, token: &str) -> Option<String> {
        let is_name = token != "." && token != "..";
        let token = utf8_percent_encode(token, ENCODED);
        is_name.then(|| format!("{}{token}{}", self.before, self.behind))
    }
}

/// Tokens that a web service knows.
#[derive(Debug)]
pub struct TokenHttp {
    client: HttpClient,
    pattern: UrlPattern,
    format: Format,
}

impl TokenHttp {
    /// A service that is asked through `client`.
    pub const fn new(client: HttpClient, pattern: UrlPattern, format: Format) -> Self {
        Self { client, pattern, format }
    }

    async fn find(&self, token: &Token) -> Result<Address, LookUpError> {
        let unknown = |why: String| LookUpError::Unknown(why);
        let url = self.pattern.url(token.as_str());
        let url = url.ok_or_else(|| unknown("it is a path, not a name".to_owned()))?;
        let reply = self.client.get(&url, HeaderMap::new(), timeouts::TOKEN_SERVICE).await;
        let Reply { status, body, .. } =
            reply.map_err(|error| LookUpError::Unavailable(error.to_string()))?;
        if is_trouble(status) {
            return Err(LookUpError::Unavailable(format!("the service answers {status}")));
        }
        if !status.is_success() {
            return Err(unknown(format!("the service answers {status}")));
        }
        let body = without_mark(&body);
        match self.format {
            Format::Text => {
                let text = String::from_utf8_lossy(body);
                // Not repeated: it may hold the token.
                target_of(text.trim()).ok_or_else(|| {
                    unknown(
                        "the service's answer is not a target: host:port is expected".to_owned(),
                    )
                })
            }
            Format::Json => {
                let object: Map<String, Value> = serde_json::from_slice(body)
                    .map_err(|_| unknown("the service's answer is no JSON object".to_owned()))?;
                let target = pair::target(&object);
                target.map_err(|why| unknown(format!("the service's answer: {why}")))
            }
        }
    }
}

/// The service has an answer, only not now.
fn is_trouble(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

impl TokenSource for TokenHttp {
    fn look_up<'a>(&'a self, token: &'a Token) -> LookUp<'a> {
        Box::pin(self.find(token))
    }
}
