//! The client that asks web services.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use rustls::ClientConfig;
use tokio::time::timeout;

use super::super::resolve::Resolver;
use super::{HttpError, LONGEST_BODY, Redirects, Reply};
use crate::timeouts;
use crate::tls::Connector;

/// The maximum number of redirects that are followed, where any are.
const REDIRECTS: usize = 3;
/// The maximum number of connections that are kept: a moment with a thousand clients must not hold a
/// thousand descriptors.
const MOST_IDLE: usize = 32;

/// A client whose connections are used again.
#[derive(Clone)]
pub struct HttpClient(Client);

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpClient")
    }
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
            .pool_idle_timeout(timeouts::IDLE_SERVICE_CONNECTION)
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

impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let found = resolver.addresses(name.as_str(), 0).await?;
            Ok(Box::new(found.into_iter()) as reqwest::dns::Addrs)
        })
    }
}
