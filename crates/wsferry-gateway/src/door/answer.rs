//! Answers as bytes, for those that hyper does not write.

use std::time::SystemTime;

use http::header::HeaderName;
use http::{HeaderValue, Response, StatusCode, Version};
use wsferry_proto::handshake::Upgrade;

/// The 101 that begins a session.
pub(super) fn switching_protocols(upgrade: &Upgrade) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    bytes.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n",
    );
    field(&mut bytes, "sec-websocket-accept", upgrade.accept.as_bytes());
    if let Some(subprotocol) = &upgrade.subprotocol {
        field(&mut bytes, "sec-websocket-protocol", subprotocol.as_bytes());
    }
    end_head(&mut bytes);
    bytes
}

/// A response with its length and date, in the HTTP version of its request.
pub(super) fn with_body(version: Version, response: &Response<String>) -> Vec<u8> {
    let version = if version < Version::HTTP_11 { "HTTP/1.0" } else { "HTTP/1.1" };
    let (status, body) = (response.status(), response.body());
    let mut bytes = Vec::with_capacity(512 + body.len());
    bytes.extend_from_slice(status_line(version, status).as_bytes());
    for (name, value) in response.headers() {
        field(&mut bytes, HeaderName::as_str(name), HeaderValue::as_bytes(value));
    }
    field(&mut bytes, "content-length", body.len().to_string().as_bytes());
    end_head(&mut bytes);
    bytes.extend_from_slice(body.as_bytes());
    bytes
}

/// The refusal of bytes that were not a request. It has no date, and the connection ends after it.
pub(super) fn to_no_request(status: StatusCode, reason: &str) -> Vec<u8> {
    let reason = format!("{reason}\n");
    let retry = if status == StatusCode::SERVICE_UNAVAILABLE { "retry-after: 5\r\n" } else { "" };
    format!(
        "{}content-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\
         connection: close\r\ncache-control: no-store\r\n{retry}x-content-type-options: nosniff\r\n\
         referrer-policy: no-referrer\r\n\r\n{reason}",
        status_line("HTTP/1.1", status),
        reason.len()
    )
    .into_bytes()
}

fn status_line(version: &str, status: StatusCode) -> String {
    let reason = status.canonical_reason().unwrap_or("<none>");
    format!("{version} {} {reason}\r\n", status.as_str())
}

fn field(bytes: &mut Vec<u8>, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        bytes.extend_from_slice(part);
    }
}

fn end_head(bytes: &mut Vec<u8>) {
    field(bytes, "date", httpdate::fmt_http_date(SystemTime::now()).as_bytes());
    bytes.extend_from_slice(b"\r\n");
}
