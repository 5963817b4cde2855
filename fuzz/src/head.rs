//! The judge of request heads, and the handshake's rules behind it.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use wsferry_proto::head::{Fault, Head, Judge};
use wsferry_proto::{Origin, handshake};

use super::choices::Choices;

/// Any bytes get the same verdict however they arrive, with the byte that makes it, and no
/// handshake makes the rules panic.
pub fn head(data: &[u8]) {
    let mut choices = Choices::new(data);
    let decisions = choices.array::<8>();
    let mut bytes = Vec::new();
    if choices.once_in(2) {
        bytes.extend(build(&mut choices));
    }
    bytes.extend(choices.rest());

    let whole = verdict([&bytes[..]]);
    assert_eq!(verdict(Choices::new(&decisions).cut(&bytes, 40)), whole);
    let by_byte = verdict(bytes.chunks(1));
    assert_eq!(by_byte, whole);
    if let Some(Ok(head)) = whole {
        // A fault or an end does not depend on what follows.
        assert_eq!(verdict([&bytes[..head.length]]), whole);
        assert_eq!(verdict([&bytes[..head.length - 1]]), None);
        assert!(bytes[..head.length].ends_with(b"\r\n\r\n"));
    }
    judge(&bytes);
}

/// What a new judge says of bytes that arrive in these pieces; `None` while it wants more.
pub fn verdict<'b>(pieces: impl IntoIterator<Item = &'b [u8]>) -> Option<Result<Head, Fault>> {
    let mut judge = Judge::default();
    let mut arrived = Vec::new();
    for piece in pieces {
        arrived.extend(piece);
        match judge.look(&arrived) {
            Ok(None) => {}
            Ok(Some(head)) => return Some(Ok(head)),
            Err(fault) => return Some(Err(fault)),
        }
    }
    None
}

/// The fields of a head as a lenient parser takes them: what is no field is left out.
pub fn fields(head: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in head.split(|&byte| byte == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

fn judge(bytes: &[u8]) {
    let headers = fields(bytes);
    for version in [Version::HTTP_10, Version::HTTP_11] {
        // Some of the two is what the request says; both must be borne.
        let _ = handshake::judge(&Method::GET, version, &headers, &[]);
    }
    if let Ok(host) = handshake::host(&headers) {
        // What is shown is what was meant.
        assert_eq!(host.to_string().parse(), Ok(host));
    }
    if let Some(origin) = headers.get("origin").and_then(|value| value.to_str().ok()) {
        let origin = Origin::from(origin);
        assert_eq!(Origin::from(&*origin.to_string()), origin);
    }
}

/// A head that is nearly right: now and then a field is left out, repeated, or spelt in another way.
fn build(choices: &mut Choices<'_>) -> Vec<u8> {
    const FIELDS: [(&str, &str); 12] = [
        ("Host", "localhost:8080"),
        ("Upgrade", "websocket"),
        ("Connection", "keep-alive, Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
        ("SEC-WEBSOCKET-PROTOCOL", "base64, binary"),
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
        ("Origin", "http://a.example:80"),
        ("X-Other", "\t\u{e9}"),
        ("Content-Length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("X Y", "\0"),
    ];
    const ODD: [&str; 8] = [
        "",
        ",",
        "a; b=\"c\"",
        "[::1]:80",
        "null",
        "18446744073709551616",
        "chunked, chunked",
        "text, xmpp",
    ];
    let line =
        ["GET / HTTP/1.1\r\n", "GET /a?b HTTP/1.0\r\n", "\r\nHEAD * HTTP/1.1\r\n", "GET /\n"];
    let mut bytes = line[choices.below(16).saturating_sub(12)].as_bytes().to_vec();
    for (index, (name, value)) in FIELDS.into_iter().enumerate() {
        let times = match choices.below(16) {
            0..=12 => usize::from(index < 9),
            13 => usize::from(index >= 9),
            14 => 0,
            _ => 2,
        };
        for _ in 0..times {
            bytes.extend(name.as_bytes());
            bytes.extend([&b": "[..], b":", b": \t", b" : "][choices.below(64).saturating_sub(60)]);
            match choices.below(32) {
                31 => bytes.extend(FIELDS[choices.below(12)].1.as_bytes()),
                30 => bytes.extend(ODD[choices.below(8)].as_bytes()),
                _ => bytes.extend(value.as_bytes()),
            }
            bytes.extend(
                [&b"\r\n"[..], b" \r\n", b"\n", b"\r\n "][choices.below(64).saturating_sub(60)],
            );
        }
    }
    bytes.extend(b"\r\n");
    bytes
}
