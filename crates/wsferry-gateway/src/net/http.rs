//! Asking a web service of the operator: one GET with a deadline and a bounded answer.
//!
//! Proxies of the environment are not used: the service is the operator's own.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use rustls::ClientConfig;
use thiserror::Error;
use tokio::time::timeout;

use super::Resolver;
use crate::tls::Connector;

/// The most bytes of an answer's body.
pub const LONGEST_BODY: usize = 64 * 1024;
/// As many redirects are followed, where any are.
const REDIRECTS: usize = 3;
/// As long a connection waits for the next question.
const IDLE: Duration = Duration::from_secs(60);
/// As many connections wait: a moment with a thousand clients must not keep a thousand descriptors.
const MOST_IDLE: usize = 32;

/// Which redirects are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirects {
    /// None: an answer that points elsewhere is an answer.
    Never,
    /// Those to the same scheme, host and port, at most three.
    SameOrigin,
}

/// A client whose connections are used again.
#[derive(Clone)]
pub struct HttpClient(Client);

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpClient")
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its fields.
    pub headers: HeaderMap,
    /// Its body, at most [`LONGEST_BODY`] bytes.
    pub body: Vec<u8>,
}

/// Why there is no answer. The URL is not in it: there may be a secret in that.
#[derive(Debug, Error)]
pub enum HttpError {
    /// The client cannot be made.
    #[error("no HTTP client can be made: {0}")]
    Client(String),
    /// The connection or the answer failed.
    #[error("the service cannot be asked: {0}")]
    Failed(String),
    /// It took too long.
    #[error("the service did not answer within {} s", .0.as_secs_f32())]
    Slow(Duration),
    /// The body is too long.
    #[error("the service's answer has more than {LONGEST_BODY} bytes")]
    Long,
}

impl HttpClient {
    /// A client that trusts the CAs of the system. Where there are none, no https URL can be asked.
    ///
    /// # Errors
    /// The libraries do not fit together.
    pub fn open(redirects: Redirects, resolver: &Resolver) -> Result<Self, HttpError> {
        let tls =
            Connector::for_services().map_err(|error| HttpError::Client(error.to_string()))?;
        Self::new(&tls.config(), redirects, resolver)
    }

    /// A client that checks certificates with `tls`.
    ///
    /// # Errors
    /// `tls` has no protocol version in common with the library.
    pub fn new(
        tls: &Arc<ClientConfig>,
        redirects: Redirects,
        resolver: &Resolver,
    ) -> Result<Self, HttpError> {
        let policy = match redirects {
            Redirects::Never => Policy::none(),
            Redirects::SameOrigin => Policy::custom(|attempt| {
                let is_same = attempt
                    .previous()
                    .first()
                    .is_some_and(|first| first.origin() == attempt.url().origin());
                if is_same && attempt.previous().len() <= REDIRECTS {
                    attempt.follow()
                } else {
                    attempt.stop()
                }
            }),
        };
        let client = Client::builder()
            .tls_backend_preconfigured(ClientConfig::clone(tls))
            .redirect(policy)
            .referer(false)
            .no_proxy()
            .dns_resolver(resolver.clone())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MOST_IDLE)
            .build()
            .map_err(|error| HttpError::Client(reasons(&error)))?;
        Ok(Self(client))
    }

    /// The answer to a GET, if it comes within `deadline` to its last byte.
    ///
    /// # Errors
    /// No connection, no answer in time, or one that is too long or no HTTP.
    pub async fn get(
        &self,
        url: &str,
        headers: HeaderMap,
        deadline: Duration,
    ) -> Result<Reply, HttpError> {
        let failed = |error: reqwest::Error| HttpError::Failed(reasons(&error.without_url()));
        let ask = async {
            let response = self.0.get(url).headers(headers).send().await.map_err(failed)?;
            read(response).await
        };
        timeout(deadline, ask).await.unwrap_or(Err(HttpError::Slow(deadline)))
    }
}

/// What of a URL decides who is asked, and as whom: all before the path, with the password that may
/// be there. None if it is not of a web service.
pub fn http_server(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let is_good = matches!(url.scheme(), "http" | "https") && url.has_host();
    let login = format!("{}:{}", url.username(), url.password().unwrap_or_default());
    is_good.then(|| format!("{login}@{}", url.origin().ascii_serialization()))
}

async fn read(mut response: Response) -> Result<Reply, HttpError> {
    let mut body = Vec::new();
    let failed = |error: reqwest::Error| HttpError::Failed(reasons(&error.without_url()));
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > LONGEST_BODY {
            return Err(HttpError::Long);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status: response.status(), headers: response.headers().clone(), body })
}

/// An error with its causes: the library's own sentence is only the outermost of them.
fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
