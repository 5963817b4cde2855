//! Answers that are not files.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_PROTOCOL, UPGRADE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use wsferry_proto::handshake::{Refusal, Upgrade};

/// The body of every answer.
pub(super) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// 101.
pub(super) fn switching_protocols(upgrade: Upgrade) -> Response<Body> {
    let mut response = Response::new(body(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, upgrade.accept);
    if let Some(subprotocol) = upgrade.subprotocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    response
}

/// A refusal of the handshake's rules.
pub(super) fn refusal(refusal: &Refusal) -> Response<Body> {
    let mut response = sentence(refusal.status, refusal.reason);
    for (name, value) in refusal.fields() {
        let name = HeaderName::from_static(name);
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A status with one sentence. The connection ends after it, so that nothing that follows a refused
/// handshake is ever read as a request.
pub(super) fn sentence(status: StatusCode, reason: &str) -> Response<Body> {
    let mut response = Response::new(body(&format!("{reason}\n")));
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

/// A page.
pub(super) fn html(page: impl Into<Bytes>) -> Response<Body> {
    let page = Full::new(page.into());
    let mut response = Response::new(page.map_err(|never| match never {}).boxed_unsync());
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, html);
    response
}

/// The fields that every answer has: no type is guessed, no address is passed on.
pub(super) fn safe(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

/// Puts `fields` in the place of fields of the same name.
pub(super) fn replace(headers: &mut HeaderMap, fields: &HeaderMap) {
    for name in fields.keys() {
        headers.remove(name);
        for value in fields.get_all(name) {
            headers.append(name, value.clone());
        }
    }
}

/// The bytes of an answer that is written without hyper, because what came was no request.
pub(super) fn raw(status: StatusCode, reason: &str) -> Vec<u8> {
    let reason = format!("{reason}\n");
    let retry = if status == StatusCode::SERVICE_UNAVAILABLE { "retry-after: 5\r\n" } else { "" };
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\
         connection: close\r\ncache-control: no-store\r\n{retry}x-content-type-options: nosniff\r\n\
         referrer-policy: no-referrer\r\n\r\n{reason}",
        reason.len()
    )
    .into_bytes()
}

fn body(text: &str) -> Body {
    Full::new(Bytes::copy_from_slice(text.as_bytes()))
        .map_err(|never| match never {})
        .boxed_unsync()
}
