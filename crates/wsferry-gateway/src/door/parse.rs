//! Parses a request head that asks for WebSocket. It has been judged already, so it does not matter
//! that the parser is lenient.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use wsferry_proto::head::MAX_FIELDS;

/// The parts of a GET; `None` for another method, and for a head that cannot be parsed. Names and
/// values share the memory of `head`.
pub(super) fn get(head: &Bytes) -> Option<Box<Parts>> {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut []);
    request
        .parse_with_uninit_headers(head, &mut fields)
        .ok()
        .filter(httparse::Status::is_complete)?;
    if request.method != Some("GET") {
        return None;
    }
    let target = head.slice_ref(request.path?.as_bytes());
    let mut headers = HeaderMap::with_capacity(request.headers.len());
    for field in &*request.headers {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_maybe_shared(head.slice_ref(field.value)).ok()?);
    }
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = Method::GET;
    parts.uri = Uri::from_maybe_shared(target).ok()?;
    parts.version = if request.version? == 0 { Version::HTTP_10 } else { Version::HTTP_11 };
    parts.headers = headers;
    Some(Box::new(parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_get_are_as_they_were_sent() {
        let head = b"\r\nGET /a%20b?c HTTP/1.0\r\nHost:  a \r\nX: 1\r\nx: \xe4\r\nEmpty:\r\n\r\n";
        let parts = get(&Bytes::from_static(head)).unwrap();
        assert_eq!((parts.method, parts.version), (Method::GET, Version::HTTP_10));
        assert_eq!(parts.uri, "/a%20b?c");
        let values = |name: &str| -> Vec<&[u8]> {
            parts.headers.get_all(name).iter().map(HeaderValue::as_bytes).collect()
        };
        assert_eq!(values("host"), [b"a"]);
        assert_eq!(values("x"), [&b"1"[..], b"\xe4"]);
        assert_eq!(values("empty"), [b""]);
    }

    #[test]
    fn other_requests_have_no_parts_here() {
        for head in [
            "POST / HTTP/1.1\r\nHost: a\r\n\r\n",
            "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /<a> HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n",
        ] {
            assert!(get(&Bytes::from_static(head.as_bytes())).is_none(), "{head}");
        }
    }
}
