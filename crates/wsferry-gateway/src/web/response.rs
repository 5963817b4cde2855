//! Answers that are not files, and the fields that all answers have.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};

/// The body of an answer that hyper sends.
pub(crate) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// A status with one sentence. The connection ends after it, so that nothing after a refused handshake
/// is ever read as a request.
pub(crate) fn sentence(status: StatusCode, reason: &str) -> Response<String> {
    let mut response = Response::new(format!("{reason}\n"));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    safe(headers);
    response
}

/// An HTML page.
pub(crate) fn html(page: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(body(page));
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, html);
    response
}

/// Adds the fields that every answer has: no type is guessed, no address is passed on.
pub(crate) fn safe(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

/// Replaces fields that have the same names as those in `fields`.
pub(crate) fn replace(headers: &mut HeaderMap, fields: &HeaderMap) {
    for name in fields.keys() {
        headers.remove(name);
        for value in fields.get_all(name) {
            headers.append(name, value.clone());
        }
    }
}

/// A body from text, or from bytes in memory.
pub(crate) fn body(content: impl Into<Bytes>) -> Body {
    Full::new(content.into()).map_err(|never| match never {}).boxed_unsync()
}
