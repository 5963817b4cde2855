//! In the place of `client.rs` in a build without the feature `http-plugins`: no client is made.

use std::time::Duration;

use http::HeaderMap;

use super::super::resolve::Resolver;
use super::{HttpError, Redirects, Reply};

/// There is none.
#[derive(Clone, Debug)]
pub enum HttpClient {}

impl HttpClient {
    /// Refuses.
    ///
    /// # Errors
    /// Always [`HttpError::Off`].
    pub const fn open(_: Redirects, _: &Resolver) -> Result<Self, HttpError> {
        Err(HttpError::Off)
    }

    /// Never called, because there is no client.
    ///
    /// # Errors
    /// None.
    #[allow(clippy::unused_async)] // as the client that there is elsewhere
    pub async fn get(&self, _: &str, _: HeaderMap, _: Duration) -> Result<Reply, HttpError> {
        match *self {}
    }
}

/// What of a URL stands before the path, as `LOGIN@SCHEME://HOST`. What the host is is not judged:
/// nobody will be asked.
pub fn http_server(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let server = rest.split(['/', '?', '#']).next()?;
    let (login, host) = server.rsplit_once('@').unwrap_or((":", server));
    let is_good = matches!(scheme, "http" | "https") && !host.is_empty();
    is_good.then(|| format!("{login}@{scheme}://{host}"))
}
