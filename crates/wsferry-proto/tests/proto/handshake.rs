//! The rules of the opening handshake (RFC 6455 §4): each with several spellings, from fields and
//! from the bytes of a request.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use wsferry_proto::handshake::{self, Refusal, Upgrade, Verdict};
use wsferry_proto::head::Judge;

use crate::fuzz::head::fields;

/// The fields of a good handshake.
pub(crate) const GOOD: [(&str, &str); 5] = [
    ("Host", "localhost:8080"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Version", "13"),
];

/// The good fields with all of one name replaced by these values.
pub(crate) fn with<'v>(name: &'v str, values: &[&'v str]) -> Vec<(&'v str, &'v str)> {
    let others = GOOD.into_iter().filter(|(other, _)| !other.eq_ignore_ascii_case(name));
    others.chain(values.iter().map(|value| (name, *value))).collect()
}

pub(crate) fn map(fields: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

pub(crate) fn judge(fields: &[(&str, &str)]) -> Result<Verdict, Refusal> {
    handshake::judge(&Method::GET, Version::HTTP_11, &map(fields), &[])
}

pub(crate) fn upgrade(fields: &[(&str, &str)]) -> Upgrade {
    match judge(fields) {
        Ok(Verdict::Upgrade(upgrade)) => upgrade,
        other => panic!("{other:?} for {fields:?}"),
    }
}

pub(crate) fn status(fields: &[(&str, &str)]) -> u16 {
    match judge(fields) {
        Err(refusal) => refusal.status.as_u16(),
        Ok(verdict) => panic!("{verdict:?} for {fields:?}"),
    }
}

fn is_plain(fields: &[(&str, &str)]) {
    assert_eq!(judge(fields), Ok(Verdict::Plain), "{fields:?}");
}

/// What is told to a request from the wire: 101, 200 for what is no upgrade, or the refusal. The
/// way of a server: the judge of heads, the Host, the handshake.
fn answer(request: &[u8]) -> u16 {
    let head = match Judge::default().look(request) {
        Ok(Some(head)) => head,
        Ok(None) => panic!("not whole: {}", request.escape_ascii()),
        Err(fault) => return fault.status().as_u16(),
    };
    assert_eq!(head.length, request.len());
    let text = String::from_utf8_lossy(request);
    let mut words = text.trim_start().lines().next().unwrap().split(' ');
    let method = Method::from_bytes(words.next().unwrap().as_bytes()).unwrap();
    let version =
        if words.nth(1) == Some("HTTP/1.0") { Version::HTTP_10 } else { Version::HTTP_11 };
    let headers = fields(request);
    let judged = handshake::judge(&method, version, &headers, &[]);
    let judged = judged.and_then(|verdict| handshake::host(&headers).map(|_| verdict));
    match judged {
        Ok(Verdict::Upgrade(_)) => {
            assert!(head.asks_upgrade, "both must agree on what follows");
            101
        }
        Ok(Verdict::Plain) => 200,
        Err(refusal) => refusal.status.as_u16(),
    }
}

fn request(line: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let fields = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
    format!("{line}\r\n{}\r\n", fields.collect::<String>()).into_bytes()
}

#[test]
fn the_example_of_rfc_6455_section_1_3_gets_its_accept_key() {
    assert_eq!(upgrade(&GOOD).accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(upgrade(&GOOD).subprotocol, None);
}

#[test]
fn upgrade_and_connection_are_lists_in_any_case_in_one_field_or_in_several() {
    let upgrades: [&[&str]; 8] = [
        &["websocket"],
        &["WebSocket"],
        &["WEBSOCKET"],
        &["h2c, websocket"],
        &["websocket,h2c"],
        &["h2c", "websocket"],
        &[",, websocket ,"],
        &["\t websocket \t"],
    ];
    for values in upgrades {
        upgrade(&with("Upgrade", values));
    }
    let connections: [&[&str]; 8] = [
        &["upgrade"],
        &["UPGRADE"],
        &["keep-alive, Upgrade"], // Firefox
        &["Upgrade,keep-alive"],
        &["keep-alive", "Upgrade"],
        &["Upgrade", "close"],
        &[", Upgrade,"],
        &["keep-alive ,\tupgrade"],
    ];
    for values in connections {
        upgrade(&with("Connection", values));
    }
    for (name, values) in [("upgrade", ["websocket"]), ("CONNECTION", ["upgrade"])] {
        upgrade(&with(name, &values));
    }
}

#[test]
fn without_upgrade_or_without_connection_it_is_a_plain_request() {
    let upgrades: [&[&str]; 7] = [
        &[],
        &[""],
        &["h2c"],
        &["websockets"],
        &["web socket"],
        &["websocket/13"],
        &["\"websocket\""],
    ];
    for values in upgrades {
        is_plain(&with("Upgrade", values));
    }
    let connections: [&[&str]; 6] =
        [&[], &[""], &["keep-alive"], &["close"], &["upgrades"], &["keep-alive; upgrade"]];
    for values in connections {
        is_plain(&with("Connection", values));
    }
    assert_eq!(Refusal::UPGRADE_REQUIRED.status.as_u16(), 426);
    has_version_fields(&Refusal::UPGRADE_REQUIRED);
}

fn has_version_fields(refusal: &Refusal) {
    assert!(refusal.fields().contains(&("sec-websocket-version", "13")));
    assert!(refusal.fields().contains(&("upgrade", "websocket")));
    // A field that is hop-by-hop is named in Connection (RFC 9110 §7.8).
    let connection = refusal.fields().iter().find(|(name, _)| *name == "connection");
    assert!(connection.is_some_and(|(_, value)| value.to_ascii_lowercase().contains("upgrade")));
}

#[test]
fn other_methods_are_not_allowed_on_any_request() {
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "get", "BREW"] {
        for fields in [&GOOD[..], &GOOD[..1]] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let refusal =
                handshake::judge(&method, Version::HTTP_11, &map(fields), &[]).unwrap_err();
            assert_eq!(refusal.status.as_u16(), 405, "{method}");
            assert_eq!(refusal.fields(), [("allow", "GET, HEAD")]);
        }
    }
}

#[test]
fn a_refusal_that_no_field_explains_has_none() {
    let refusal = judge(&with("Sec-WebSocket-Key", &["short"])).unwrap_err();
    assert!(refusal.fields().is_empty(), "{:?}", refusal.fields());
}

#[test]
fn a_head_request_is_plain_whatever_its_fields_say() {
    let verdict = handshake::judge(&Method::HEAD, Version::HTTP_11, &map(&GOOD), &[]);
    assert_eq!(verdict, Ok(Verdict::Plain));
}

#[test]
fn any_version_but_13_is_told_which_one_is_spoken() {
    let versions: [&[&str]; 13] = [
        &[],
        &[""],
        &["12"],
        &["14"],
        &["8"],
        &["0"],
        &["013"],
        &["+13"],
        &["13.0"],
        &["1 3"],
        &["13, 8"],
        &["13", "13"],
        &["8", "13"],
    ];
    for values in versions {
        let refusal = judge(&with("Sec-WebSocket-Version", values)).unwrap_err();
        assert_eq!(refusal.status.as_u16(), 426, "{values:?}");
        has_version_fields(&refusal);
    }
    upgrade(&with("SEC-WEBSOCKET-VERSION", &[" 13\t"]));
}

#[test]
fn a_key_that_is_not_one_base64_value_of_16_bytes_is_bad() {
    let keys: [&[&str]; 15] = [
        &[],
        &[""],
        &["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="],
        &["dGhlIHNhbXBsZSBub25jZQ==", "AQIDBAUGBwgJCgsMDQ4PEA=="],
        &["dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ=="],
        &["dGhlIHNhbXBsZSBub25jZQ"],
        &["dGhlIHNhbXBsZSBub25jZQ="],
        &["dGhlIHNhbXBsZSBub25jZQ==="],
        &["dGhlIHNhbXBsZSBub25j"],         // 15 bytes
        &["dGhlIHNhbXBsZSBub25jZTE="],     // 17 bytes
        &["dGhlIHNhbXBsZSBub25jZTE2MTIz"], // 18 bytes
        &["dGhlIHNhbXBsZSBub25j-_=="],     // the alphabet of URLs
        &["dGhlIHNhbXBs ZSBub25jZQ="],
        &["========================"],
        &["this is no base64 at all"],
    ];
    for values in keys {
        assert_eq!(status(&with("Sec-WebSocket-Key", values)), 400, "{values:?}");
    }
}

#[test]
fn a_key_may_have_blanks_around_it_and_bits_that_mean_nothing() {
    let accept = upgrade(&GOOD).accept;
    let blanks = with("sec-websocket-key", &["\t dGhlIHNhbXBsZSBub25jZQ==  "]);
    assert_eq!(upgrade(&blanks).accept, accept);
    // The example in the text of RFC 6455 §4.1.
    upgrade(&with("Sec-WebSocket-Key", &["AQIDBAUGBwgJCgsMDQ4PEC=="]));
    upgrade(&with("Sec-WebSocket-Key", &["AAAAAAAAAAAAAAAAAAAAAA=="]));
    upgrade(&with("Sec-WebSocket-Key", &["/////////////////////w=="]));
}

#[test]
fn an_upgrade_that_announces_a_body_is_bad() {
    for length in ["1", "5", "18446744073709551615", "x", "-0"] {
        assert_eq!(status(&with("Content-Length", &[length])), 400, "{length}");
    }
    assert_eq!(status(&with("Content-Length", &["0", "5"])), 400);
    for coding in ["chunked", "gzip, chunked", "identity", ""] {
        assert_eq!(status(&with("transfer-encoding", &[coding])), 400, "{coding}");
    }
    upgrade(&with("Content-Length", &["0"]));
}

#[test]
fn http_1_0_never_gets_an_upgrade() {
    for version in [Version::HTTP_09, Version::HTTP_10] {
        let refusal = handshake::judge(&Method::GET, version, &map(&GOOD), &[]).unwrap_err();
        assert_eq!(refusal.status.as_u16(), 426);
        assert!(refusal.reason.contains("proxy_http_version 1.1"), "{}", refusal.reason);
        has_version_fields(&refusal);
    }
    let plain = handshake::judge(&Method::GET, Version::HTTP_10, &map(&GOOD[..1]), &[]);
    assert_eq!(plain, Ok(Verdict::Plain));
}

#[test]
fn unknown_extensions_are_declined_by_silence_and_malformed_ones_are_bad() {
    let good: [&[&str]; 6] = [
        &["permessage-deflate"],
        &["permessage-deflate; client_max_window_bits"], // Chrome
        &["permessage-deflate; server_no_context_takeover; client_max_window_bits=15"],
        &["a", "b; c=\"d\""],
        &["a;b ; c = d , e"],
        &["x-webkit-deflate-frame"],
    ];
    for values in good {
        upgrade(&with("Sec-WebSocket-Extensions", values));
    }
    let bad: [&[&str]; 11] = [
        &[""],
        &[","],
        &["a b"],
        &["a;"],
        &["a;;b"],
        &["a; b="],
        &["a; =b"],
        &["a; b=\""],
        &["a; b=\"c d\""],
        &["a", "b c"],
        &["a=b"],
    ];
    for values in bad {
        assert_eq!(status(&with("Sec-WebSocket-Extensions", values)), 400, "{values:?}");
    }
}

#[test]
fn a_request_names_one_good_host() {
    let good = [
        ("localhost", "localhost"),
        ("LOCALHOST:80", "localhost:80"),
        ("127.0.0.1:5000", "127.0.0.1:5000"),
        ("[::1]", "[::1]"),
        ("[0:0:0:0:0:0:0:1]:8080", "[::1]:8080"),
        ("a.example.", "a.example"),
        ("a_b.example:", "a_b.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ];
    for (text, host) in good {
        let parsed = handshake::host(&map(&with("Host", &[text]))).unwrap();
        assert_eq!(parsed.to_string(), host);
    }
    let bad: [&[&str]; 16] = [
        &[],
        &[""],
        &["localhost", "localhost"],
        &["localhost", "evil.example"],
        &["a, b"],
        &["a b"],
        &["a:b"],
        &["a:65536"],
        &["a:1:2"],
        &[":80"],
        &["::1"],
        &["[::1"],
        &["user@a"],
        &["http://a"],
        &["a/b"],
        &["caf\u{e9}"],
    ];
    for values in bad {
        let refusal = handshake::host(&map(&with("Host", values))).unwrap_err();
        assert_eq!(refusal.status.as_u16(), 400, "{values:?}");
    }
}

#[test]
fn each_row_of_the_contract_gets_its_status_from_the_bytes_of_a_request() {
    let get = "GET /any/path?token=x HTTP/1.1";
    let rows = [
        (101, request(get, &GOOD)),
        (101, request("GET http://localhost/ HTTP/1.1", &GOOD)),
        (101, request(get, &with("X-Other", &["caf\u{e9}"]))),
        (101, request("GET WS://localhost/ HTTP/1.1", &GOOD)),
        (101, request(get, &with("Sec-WebSocket-Protocol", &[""]))),
        (400, request("GET * HTTP/1.1", &GOOD)),
        (400, request("HEAD * HTTP/1.1", &GOOD[..1])),
        (400, request("GET localhost HTTP/1.1", &GOOD)),
        (400, request("GET localhost:8080 HTTP/1.1", &GOOD)),
        (400, request("GET ftp://localhost/ HTTP/1.1", &GOOD)),
        (400, request(get, &with("Transfer-Encoding", &["chunked, chunked"]))),
        (400, request("GET / HTTP/1.1", &[GOOD[0], ("Transfer-Encoding", "chunked, chunked")])),
        (
            400,
            request("POST / HTTP/1.1", &[GOOD[0], ("Transfer-Encoding", "chunked,gzip ,CHUNKED")]),
        ),
        (101, [b"\r\n", &request(get, &GOOD)[..]].concat()),
        (101, request(get, &with("Content-Length", &["0"]))),
        (200, request(get, &GOOD[..1])),
        (200, request("HEAD / HTTP/1.1", &GOOD)),
        (200, request(get, &with("Connection", &["keep-alive"]))),
        (405, request("POST / HTTP/1.1", &GOOD)),
        (405, request("OPTIONS * HTTP/1.1", &GOOD[..1])),
        (426, request(get, &with("Sec-WebSocket-Version", &["8"]))),
        (426, request(get, &with("Sec-WebSocket-Version", &[]))),
        (426, request("GET / HTTP/1.0", &GOOD)),
        (400, request(get, &with("Sec-WebSocket-Key", &[]))),
        (400, request(get, &with("Sec-WebSocket-Key", &["short"]))),
        (400, request(get, &with("Host", &[]))),
        (400, request(get, &with("Host", &["a", "a"]))),
        (400, request(get, &with("Host", &["a b"]))),
        (400, request(get, &with("Content-Length", &["5"]))),
        (400, request(get, &with("Content-Length", &["5", "5"]))),
        (400, request(get, &with("Transfer-Encoding", &["chunked"]))),
        (400, request(get, &with("Sec-WebSocket-Protocol", &["a b"]))),
        (400, request(get, &with("Sec-WebSocket-Extensions", &["a;"]))),
        (400, request(get, &with("X-Other ", &["space before the colon"]))),
        (400, request(get, &with("", &["no name"]))),
        (400, request(get, &with("X-Other", &["folded\r\n over two lines"]))),
        (400, request(get, &with("X-Other", &["a\0b"]))),
        (400, request(get, &with("X-Other", &["a\rb"]))),
        (400, request(get, &with("X-Other", &["a\nb: c"]))),
        (414, request(&format!("GET /{} HTTP/1.1", "x".repeat(32 * 1024)), &GOOD)),
        (431, request(get, &with("X-Other", &["x"; 100]))),
        (431, request(get, &with("X-Other", &["x".repeat(64 * 1024).as_str()]))),
        (505, request("GET / HTTP/2.0", &GOOD)),
    ];
    for (status, request) in rows {
        let start = &request[..request.len().min(300)];
        assert_eq!(answer(&request), status, "{}", start.escape_ascii());
    }
}
