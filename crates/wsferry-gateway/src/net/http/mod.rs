//! Asking a web service of the operator: one GET with a deadline and a bounded answer.
//!
//! Proxies of the environment are not used: the service is the operator's own.

#[cfg(feature = "http-plugins")]
mod client;
#[cfg(not(feature = "http-plugins"))]
#[path = "client_off.rs"]
mod client;

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use thiserror::Error;

pub use client::{HttpClient, http_server};

/// The maximum number of bytes of an answer's body.
pub const LONGEST_BODY: usize = 64 * 1024;
/// Which redirects are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirects {
    /// None: an answer that points elsewhere is an answer.
    Never,
    /// Those to the same scheme, host and port, at most three.
    SameOrigin,
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
    /// This build has no client.
    #[error(
        "HttpAuth, BaseTokenAPI and JSONTokenApi: this build cannot call web services. Use another \
         plug-in, or a build with the feature http-plugins"
    )]
    Off,
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
