//! The opening handshake: docs/protocol.md §1, every row by raw sockets, whole and byte by byte.

use wsferry_testkit::patience::PATIENCE;
use wsferry_testkit::raw::{Answer, BINARY, CONTINUATION, FIN, HANDSHAKE, PING, close, frame};
use wsferry_testkit::targets::{self, End};

use crate::support::{Running, config_with};

/// The handshake with some of its lines replaced; an empty new line takes the old one out.
pub(crate) fn but(changes: &[(&str, &str)]) -> String {
    let mut request = HANDSHAKE.to_owned();
    for (old, new) in changes {
        let old = format!("{old}\r\n");
        assert!(request.contains(&old), "{old:?}");
        let new = if new.is_empty() { String::new() } else { format!("{new}\r\n") };
        request = request.replacen(&old, &new, 1);
    }
    request
}

/// The handshake with lines behind its own.
pub(crate) fn and(lines: &[&str]) -> String {
    let mut request = HANDSHAKE.trim_end().to_owned();
    for line in lines {
        request += "\r\n";
        request += line;
    }
    request + "\r\n\r\n"
}

pub(crate) const HOST: &str = "Host: localhost";
const UPGRADE: &str = "Upgrade: websocket";
pub(crate) const CONNECTION: &str = "Connection: Upgrade";
pub(crate) const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const VERSION: &str = "Sec-WebSocket-Version: 13";
pub(crate) const GET: &str = "GET /chat HTTP/1.1";

/// Sends a request whole and byte by byte, and checks each answer. After a refusal that `closes`, a
/// second request behind it must stay unread.
pub(crate) async fn check(
    gateway: &Running,
    request: impl AsRef<[u8]>,
    status: u16,
    closes: bool,
) -> Answer {
    let request = request.as_ref();
    let shown = request[..request.len().min(300)].escape_ascii();
    let mut answers = Vec::new();
    for bytewise in [false, true] {
        let mut raw = gateway.raw().await;
        if bytewise {
            raw.send_bytewise(request).await;
        } else {
            let second = if closes { HANDSHAKE } else { "" };
            raw.send([request, second.as_bytes()].concat()).await;
        }
        let answer = raw.try_answer(true).await;
        let answer = answer.unwrap_or_else(|| panic!("no answer to {shown}"));
        assert_eq!(answer.status, status, "{shown} got {answer:?}");
        if status == 101 {
            assert_eq!(answer.field("upgrade"), "websocket");
            assert_eq!(answer.field("connection").to_ascii_lowercase(), "upgrade");
            assert!(!answer.has("content-length") && !answer.has("transfer-encoding"));
        } else {
            assert_eq!(answer.field("x-content-type-options"), "nosniff", "{shown}");
            assert_eq!(answer.field("referrer-policy"), "no-referrer", "{shown}");
        }
        if closes {
            let (rest, end) = raw.end().await;
            assert_eq!(rest.escape_ascii().to_string(), "", "behind the refusal of {shown}");
            assert_eq!(end, End::Fin, "{shown}");
        }
        answers.push(answer);
    }
    answers.swap_remove(0)
}

/// It has the patience for a long head that comes byte by byte on a busy machine.
pub(crate) async fn gateway() -> Running {
    let change = |config: &mut crate::config::Config| config.header_timeout = 4 * PATIENCE;
    Running::start(config_with("echo:", change)).await
}

#[tokio::test]
async fn a_good_handshake_gets_101_and_the_accept_value_of_the_rfc() {
    let gateway = gateway().await;
    let answer = check(&gateway, HANDSHAKE, 101, false).await;
    assert_eq!(answer.field("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert!(!answer.has("sec-websocket-protocol") && !answer.has("sec-websocket-extensions"));
}

#[tokio::test]
async fn every_spelling_of_a_good_handshake_gets_101() {
    let gateway = gateway().await;
    for request in [
        but(&[(UPGRADE, "upgrade:WebSocket"), (CONNECTION, "CONNECTION: UPGRADE")]),
        but(&[(UPGRADE, "UPGRADE:\t websocket \t"), (CONNECTION, "connection:upgrade")]),
        but(&[(CONNECTION, "Connection: keep-alive, Upgrade")]),
        but(&[(CONNECTION, "Connection: keep-alive ,\tupgrade,, foo")]),
        but(&[(CONNECTION, "Connection: keep-alive\r\nConnection: Upgrade")]),
        but(&[(UPGRADE, "Upgrade: h2c\r\nUpgrade: websocket")]),
        but(&[(UPGRADE, "Upgrade: h2c, websocket")]),
        but(&[(UPGRADE, "Upgrade: , WEBSOCKET ,")]),
        but(&[(KEY, "sec-websocket-key:   dGhlIHNhbXBsZSBub25jZQ==  ")]),
        but(&[(KEY, "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==")]), // RFC 6455 §4.1's own
        but(&[(VERSION, "Sec-WebSocket-Version:13")]),
        but(&[(GET, "GET / HTTP/1.1")]),
        but(&[(GET, "GET /?token=a%20b&c HTTP/1.1")]),
        but(&[(GET, "GET /a/b/..//%2e%2e/x HTTP/1.1")]),
        but(&[(GET, "GET http://localhost/chat HTTP/1.1")]),
        but(&[(HOST, "Host: localhost:1")]),
        but(&[(HOST, "hOST:LOCALHOST.:65535")]),
        but(&[(HOST, "Host: 127.0.0.1:8080")]),
        but(&[(HOST, "Host: [::1]:8080")]),
        and(&["Content-Length: 0"]),
        and(&["Cookie: a=b; c=\"d\"", "Cookie: e=f", "X-Ümlaut: no"]).replace("X-Ü", "X-U"),
        and(&["X: \u{e4}\u{f6}"]),
        and(&["X:", "Y: ", "Z:\t"]),
        format!("\r\n{HANDSHAKE}"),
    ] {
        check(&gateway, request, 101, false).await;
    }
}

#[tokio::test]
async fn a_handshake_may_be_cut_at_any_byte() {
    let gateway = gateway().await;
    for cut in 0..=HANDSHAKE.len() {
        let mut raw = gateway.raw().await;
        let behind = frame(FIN | BINARY, b"early");
        let bytes = [HANDSHAKE.as_bytes(), &behind].concat();
        raw.send(&bytes[..cut]).await;
        tokio::task::yield_now().await;
        raw.send(&bytes[cut..]).await;
        assert_eq!(raw.answer().await.status, 101, "cut at {cut}");
        assert_eq!(raw.into_client().payload(5).await, b"early", "cut at {cut}");
    }
}

#[tokio::test]
async fn a_refused_request_may_be_cut_at_any_byte() {
    let gateway = gateway().await;
    for (request, status) in [
        (but(&[(VERSION, "Sec-WebSocket-Version: 8")]), 426),
        (but(&[(KEY, "Sec-WebSocket-Key : dGhlIHNhbXBsZSBub25jZQ==")]), 400),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc".to_owned(), 405),
    ] {
        for cut in 0..=request.len() {
            let mut raw = gateway.raw().await;
            raw.send(&request[..cut]).await;
            tokio::task::yield_now().await;
            raw.send(&request[cut..]).await;
            assert_eq!(raw.answer().await.status, status, "cut at {cut}");
            assert_eq!(raw.end().await, (Vec::new(), End::Fin), "cut at {cut}");
        }
    }
}

#[tokio::test]
async fn frames_pipelined_behind_a_good_handshake_are_kept() {
    let mut target = targets::collect().await;
    let gateway = Running::to(target.address()).await;
    for bytewise in [false, true] {
        let payload = vec![b'x'; 3000];
        let frames = [
            frame(BINARY, &payload),
            frame(FIN | PING, b"ping"),
            frame(FIN | CONTINUATION, b"end"),
            close(1000, b"done"),
        ];
        let mut raw = gateway.raw().await;
        let bytes = [HANDSHAKE.as_bytes(), &frames.concat()].concat();
        if bytewise {
            raw.send_bytewise(bytes).await;
        } else {
            raw.send(bytes).await;
        }
        assert_eq!(raw.answer().await.status, 101);
        let (frames, end) = raw.into_client().rest().await;
        assert_eq!((frames[0].first, &frames[0].payload[..]), (0x8a, &b"ping"[..]));
        assert_eq!((frames[1].code(), &*frames[1].reason()), (1000, "done"));
        assert_eq!((frames.len(), end), (2, End::Fin));
        let (got, end) = target.report().await;
        assert_eq!((got, end), ([&payload[..], b"end"].concat(), End::Fin));
    }
}

#[tokio::test]
async fn other_methods_get_405_on_any_path() {
    let gateway = gateway().await;
    for method in
        ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "get", "G", "PROPFIND"]
    {
        for path in ["/", "/chat", "/a?b"] {
            let plain = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let upgrade = but(&[(GET, &format!("{method} {path} HTTP/1.1"))]);
            if method == "CONNECT" {
                // Its target is an authority; whatever it is taken for, it gets no session.
                let mut raw = gateway.raw().await;
                raw.send(plain).await;
                let status = raw.answer().await.status;
                assert!([400, 405].contains(&status), "{status}");
                continue;
            }
            for request in [plain, upgrade] {
                let answer = check(&gateway, request, 405, true).await;
                assert_eq!(answer.field("allow"), "GET, HEAD");
            }
        }
    }
    let post = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello";
    check(&gateway, post, 405, true).await;
    let chunked =
        "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    check(&gateway, chunked, 405, true).await;
}

#[tokio::test]
async fn other_versions_get_426_with_the_one_that_is_spoken() {
    let gateway = gateway().await;
    for version in [
        "",
        "Sec-WebSocket-Version: 8",
        "Sec-WebSocket-Version: 0",
        "Sec-WebSocket-Version: 12",
        "Sec-WebSocket-Version: 14",
        "Sec-WebSocket-Version: 013",
        "Sec-WebSocket-Version: +13",
        "Sec-WebSocket-Version: 130",
        "Sec-WebSocket-Version:",
        "Sec-WebSocket-Version: 13, 8",
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8",
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13",
        "Sec-WebSocket-Version: thirteen",
    ] {
        let answer = check(&gateway, but(&[(VERSION, version)]), 426, true).await;
        assert_eq!(answer.field("sec-websocket-version"), "13", "{version}");
        assert_eq!(answer.field("upgrade"), "websocket", "{version}");
        assert!(answer.field("connection").to_ascii_lowercase().contains("upgrade"), "{version}");
    }
}

#[tokio::test]
async fn what_is_not_an_upgrade_gets_426_where_nothing_is_served() {
    let gateway = gateway().await;
    for request in [
        but(&[(CONNECTION, "")]),
        but(&[(CONNECTION, "Connection: keep-alive")]),
        but(&[(CONNECTION, "Connection: upgraded")]),
        but(&[(CONNECTION, "Connection: \"Upgrade\"")]),
        but(&[(CONNECTION, "Connection: keep-alive; Upgrade")]),
        but(&[(UPGRADE, "")]),
        but(&[(UPGRADE, "Upgrade:")]),
        but(&[(UPGRADE, "Upgrade: h2c")]),
        but(&[(UPGRADE, "Upgrade: websockets")]),
        but(&[(UPGRADE, "Upgrade: web socket")]),
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
    ] {
        let answer = check(&gateway, request, 426, false).await;
        assert_eq!(answer.field("upgrade"), "websocket");
        assert_eq!(answer.field("sec-websocket-version"), "13");
        assert!(answer.text().contains("--web"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_request_of_socket_io_is_told_what_it_is_and_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("index.html"), "hello").unwrap();
    let web = wsferry_gateway::web::Files::Directory(directory.path().to_owned());
    let gateways = [
        gateway().await,
        Running::start(config_with("echo:", |config| config.web = Some(web))).await,
    ];
    let polling = "/socket.io/?EIO=4&transport=polling&t=abc";
    let websocket = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1";
    for gateway in &gateways {
        for request in [
            format!("GET {polling} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            format!("POST {polling} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n40"),
            format!("OPTIONS {polling} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            but(&[(GET, websocket)]),
        ] {
            let answer = gateway.ask(request.clone()).await;
            assert_eq!(answer.status, 404, "{request}");
            let text = answer.text();
            assert!(text.contains("Socket.IO") && text.contains("new WebSocket("), "{text}");
        }
        // Who means another host is told nothing (DNS rebinding).
        let foreign = format!("GET {polling} HTTP/1.1\r\nHost: evil.example\r\n\r\n");
        assert_eq!(gateway.ask(foreign).await.status, 403);
        // Without its version it is a path like others.
        let plain = but(&[(GET, "GET /socket.io/ HTTP/1.1")]);
        assert_eq!(gateway.ask(plain).await.status, 101);
    }
}

#[tokio::test]
async fn a_missing_repeated_or_malformed_key_gets_400() {
    let gateway = gateway().await;
    let repeated = format!("{KEY}\r\n{KEY}");
    for key in [
        "",
        &repeated,
        "Sec-WebSocket-Key:",
        "Sec-WebSocket-Key: x",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ===",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j", // 15 bytes
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZWU=", // 17 bytes
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==, foo",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== foo",
        "Sec-WebSocket-Key: dGhlIHNhbXBs ZSBub25jZQ==",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j_Q==",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j-w==",
        "Sec-WebSocket-Key: ========================",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ===",
        "Sec-WebSocket-Key: \"dGhlIHNhbXBsZSBub25jZQ==\"",
    ] {
        check(&gateway, but(&[(KEY, key)]), 400, true).await;
    }
}

#[tokio::test]
async fn no_host_two_hosts_and_malformed_hosts_get_400() {
    let gateway = gateway().await;
    for host in [
        "",
        "Host: localhost\r\nHost: localhost",
        "Host: localhost\r\nhost: evil.example",
        "Host:",
        "Host: ",
        "Host: local host",
        "Host: localhost, localhost",
        "Host: localhost/",
        "Host: http://localhost",
        "Host: user@localhost",
        "Host: localhost:",
        "Host: localhost:x",
        "Host: localhost:65536",
        "Host: localhost:80:80",
        "Host: :80",
        "Host: [::1",
        "Host: ::1",
        "Host: [localhost]",
        "Host: [127.0.0.1]",
        "Host: local\\host",
        "Host: localhost#",
        "Host: localhost?",
        "Host: local%68ost",
        "Host: .localhost",
        "Host: localhost..",
    ] {
        if host == "Host: localhost:" {
            continue; // RFC 3986 §3.2.3: an empty port is the default one
        }
        let plain = format!("GET / HTTP/1.1\r\n{host}\r\n\r\n").replace("\r\n\r\n\r\n", "\r\n\r\n");
        check(&gateway, plain, 400, true).await;
        check(&gateway, but(&[(HOST, host)]), 400, true).await;
    }
    // A target that names another host than the Host field (RFC 9112 §3.2.2).
    check(&gateway, but(&[(GET, "GET http://evil.example/chat HTTP/1.1")]), 400, true).await;
}

#[tokio::test]
async fn a_body_announced_on_an_upgrade_gets_400_and_the_end() {
    let gateway = gateway().await;
    for line in [
        "Content-Length: 1",
        "Content-Length: 000001",
        "Content-Length: 18446744073709551615",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding:",
        "transfer-encoding: CHUNKED",
        "Transfer-Encoding: foo",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    ] {
        check(&gateway, and(&[line]), 400, true).await;
    }
}
