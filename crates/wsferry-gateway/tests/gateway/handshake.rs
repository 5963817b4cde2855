//! The opening handshake: docs/protocol.md §1, every row by raw sockets, whole and byte by byte.

use tokio::io::AsyncWriteExt;
use wsferry_proto::Kind;
use wsferry_testkit::patience::PATIENCE;
use wsferry_testkit::raw::{
    Answer, BINARY, CONTINUATION, Client, FIN, HANDSHAKE, PING, Raw, TEXT, close, frame,
};
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

const HOST: &str = "Host: localhost";
const UPGRADE: &str = "Upgrade: websocket";
const CONNECTION: &str = "Connection: Upgrade";
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const VERSION: &str = "Sec-WebSocket-Version: 13";
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
    let change =
        |config: &mut wsferry_gateway::gateway::Config| config.header_timeout = 4 * PATIENCE;
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
    let web = wsferry_gateway::door::Files::Directory(directory.path().to_owned());
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
async fn a_head_that_asks_for_an_upgrade_gets_an_answer_and_the_connection_ends_or_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("index.html"), "hello").unwrap();
    let web = wsferry_gateway::door::Files::Directory(directory.path().to_owned());
    let gateway = Running::start(config_with("echo:", |config| config.web = Some(web))).await;
    let mut raw = gateway.raw().await;
    raw.send(but(&[(GET, "HEAD / HTTP/1.1")])).await;
    let answer = raw.try_answer(false).await.unwrap();
    assert_eq!(answer.status, 200);
    if answer.field("connection") == "close" {
        assert_eq!(raw.end().await, (Vec::new(), End::Fin));
    } else {
        raw.send(HANDSHAKE).await;
        assert_eq!(raw.answer().await.status, 101);
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

#[tokio::test]
async fn an_upgrade_of_http_1_0_gets_426_and_never_101() {
    let gateway = gateway().await;
    for (host, connection) in [
        (HOST, "Connection: Upgrade"),
        (HOST, "Connection: keep-alive, Upgrade"),
        (HOST, "Connection: Upgrade\r\nConnection: keep-alive"),
    ] {
        let changes = [(GET, "GET /chat HTTP/1.0"), (CONNECTION, connection), (HOST, host)];
        let answer = check(&gateway, but(&changes), 426, true).await;
        assert_eq!(answer.field("sec-websocket-version"), "13");
        assert!(answer.text().contains("proxy_http_version 1.1"), "{}", answer.text());
    }
}

#[tokio::test]
async fn in_websockifys_place_an_upgrade_of_http_1_0_gets_101_when_it_is_otherwise_whole() {
    let change =
        |config: &mut wsferry_gateway::gateway::Config| config.heads.upgrades_http_1_0 = true;
    let gateway = Running::start(config_with("echo:", change)).await;
    let old =
        |more: &[(&str, &str)]| but(&[&[(GET, "GET /chat?a=%20HTTP/1.0 HTTP/1.0")], more].concat());
    for request in [
        old(&[]),
        old(&[(CONNECTION, "Connection: keep-alive, Upgrade")]),
        format!("\r\n{}", old(&[])),
        old(&[(HOST, "Host: localhost\r\nX: GET / HTTP/1.0")]),
    ] {
        check(&gateway, request, 101, false).await;
    }
    let mut raw = gateway.raw().await;
    raw.send([old(&[]).as_bytes(), &frame(FIN | BINARY, b"early")].concat()).await;
    assert_eq!(raw.answer().await.status, 101);
    assert_eq!(raw.into_client().payload(5).await, b"early");
    for (request, status) in [
        (old(&[(HOST, "")]), 400),
        (old(&[(KEY, "")]), 400),
        (old(&[(VERSION, "")]), 426),
        (old(&[(VERSION, "Sec-WebSocket-Version: 13\r\nOrigin: http://evil.example")]), 403),
        (old(&[(VERSION, "Sec-WebSocket-Version: 13\r\nTransfer-Encoding: chunked")]), 400),
        (old(&[(CONNECTION, "")]), 426),
    ] {
        check(&gateway, request, status, true).await;
    }
}

#[tokio::test]
async fn a_file_of_http_1_0_needs_no_host_and_its_connection_ends() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("index.html"), "hello").unwrap();
    let web = wsferry_gateway::door::Files::Directory(directory.path().to_owned());
    let gateway = Running::start(config_with("echo:", |config| config.web = Some(web))).await;
    for head in ["GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"] {
        let mut raw = gateway.raw().await;
        raw.send(head).await;
        let answer = raw.answer().await;
        assert_eq!((answer.status, &*answer.text()), (200, "hello"), "{head}");
        assert!(!answer.has("transfer-encoding"), "{answer:?}");
        assert_eq!(raw.end().await, (Vec::new(), End::Fin));
    }
    let mut raw = gateway.raw().await;
    raw.send("HEAD / HTTP/1.0\r\n\r\n").await;
    assert_eq!(raw.try_answer(false).await.unwrap().status, 200);
    assert_eq!(raw.end().await, (Vec::new(), End::Fin));
    for (head, status) in [
        ("GET /nothing HTTP/1.0\r\n\r\n", 404),
        ("GET http://localhost/ HTTP/1.0\r\n\r\n", 200),
        ("GET http://evil.example/ HTTP/1.0\r\n\r\n", 403),
        ("GET / HTTP/1.0\r\nHost: evil.example\r\n\r\n", 403),
        ("GET / HTTP/1.0\r\nHost:\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
        ("POST / HTTP/1.0\r\n\r\n", 405),
        ("GET / HTTP/1.1\r\n\r\n", 400),
    ] {
        assert_eq!(gateway.ask(head).await.status, status, "{head}");
    }
}

#[tokio::test]
async fn an_empty_subprotocol_field_is_as_good_as_none() {
    let gateway = gateway().await;
    for lines in [
        &["Sec-WebSocket-Protocol:"][..],
        &["Sec-WebSocket-Protocol: \t "],
        &["Sec-WebSocket-Protocol:", "Sec-WebSocket-Protocol: "],
    ] {
        let answer = check(&gateway, and(lines), 101, false).await;
        assert!(!answer.has("sec-websocket-protocol"), "{lines:?}");
    }
}

#[tokio::test]
async fn a_subprotocol_that_no_byte_stream_keeps_is_left_out_unless_it_is_named() {
    let gateway = gateway().await;
    let offer = |offered: &str| and(&[&format!("Sec-WebSocket-Protocol: {offered}")]);
    for promise in ["xmpp", "text.ircv3.net", "graphql-transport-ws", "wamp.2.json"] {
        let answer = check(&gateway, offer(promise), 400, true).await;
        assert!(answer.text().contains("--subprotocol"), "{}", answer.text());
        let answer = check(&gateway, offer(&format!("{promise}, mqtt")), 101, false).await;
        assert_eq!(answer.field("sec-websocket-protocol"), "mqtt");
    }
    let change = |config: &mut wsferry_gateway::gateway::Config| {
        config.subprotocols = vec!["text.ircv3.net".parse().unwrap()];
    };
    let gateway = Running::start(config_with("echo:", change)).await;
    let answer = check(&gateway, offer("binary.ircv3.net, text.ircv3.net"), 101, false).await;
    assert_eq!(answer.field("sec-websocket-protocol"), "text.ircv3.net");
    check(&gateway, offer("xmpp"), 400, true).await;
}

#[tokio::test]
async fn the_subprotocols_text_and_binary_mean_what_they_say_for_that_client() {
    for send in [Kind::Binary, Kind::Text] {
        let mut target = targets::by_hand().await;
        let change =
            |config: &mut wsferry_gateway::gateway::Config| config.session.relay.send = send;
        let gateway = Running::start(config_with(target.address(), change)).await;
        for (line, first) in [
            ("Sec-WebSocket-Protocol: text", FIN | TEXT),
            ("Sec-WebSocket-Protocol: binary", FIN | BINARY),
            ("Sec-WebSocket-Protocol: text, binary", FIN | BINARY),
            ("X: y", FIN | if send == Kind::Text { TEXT } else { BINARY }),
        ] {
            let mut raw = gateway.raw().await;
            raw.send(and(&[line])).await;
            assert_eq!(raw.answer().await.status, 101);
            let mut connection = target.report().await;
            connection.write_all("h\u{e9}".as_bytes()).await.unwrap();
            let frame = raw.into_client().frame().await;
            assert_eq!((frame.first, &frame.payload[..]), (first, "h\u{e9}".as_bytes()), "{line}");
        }
    }
}

#[tokio::test]
async fn the_subprotocol_is_binary_or_the_first_one_that_was_offered() {
    let gateway = gateway().await;
    for (offered, chosen) in [
        (&["Sec-WebSocket-Protocol: binary"][..], "binary"),
        (&["sec-websocket-protocol:  binary  "], "binary"),
        (&["Sec-WebSocket-Protocol: mqtt"], "mqtt"),
        (&["Sec-WebSocket-Protocol: mqtt, binary"], "binary"),
        (&["Sec-WebSocket-Protocol: mqtt,binary,foo"], "binary"),
        (&["Sec-WebSocket-Protocol: mqtt", "Sec-WebSocket-Protocol: binary"], "binary"),
        (&["Sec-WebSocket-Protocol: mqtt , mqttv3.1"], "mqtt"),
        (&["Sec-WebSocket-Protocol: , ,foo,"], "foo"),
        (&["Sec-WebSocket-Protocol: base64, mqtt"], "mqtt"),
        (&["Sec-WebSocket-Protocol: base64, binary"], "binary"),
        (&["Sec-WebSocket-Protocol: BINARY"], "BINARY"),
        (&["Sec-WebSocket-Protocol: v1.foo!#$%&'*+-.^_`|~"], "v1.foo!#$%&'*+-.^_`|~"),
    ] {
        let answer = check(&gateway, and(offered), 101, false).await;
        assert_eq!(answer.field("sec-websocket-protocol"), chosen, "{offered:?}");
    }
}

#[tokio::test]
async fn subprotocols_that_are_no_tokens_and_base64_alone_get_400() {
    let gateway = gateway().await;
    for offered in
        ["a b", "a;b", "a/b", "\"a\"", "a=b", "b\u{e4}", "a@b", "a, b c", ",", ", ,", "(a)"]
    {
        check(&gateway, and(&[&format!("Sec-WebSocket-Protocol: {offered}")]), 400, true).await;
    }
    let answer = check(&gateway, and(&["Sec-WebSocket-Protocol: base64"]), 400, true).await;
    assert!(answer.text().contains("base64"), "{}", answer.text());
}

#[tokio::test]
async fn extensions_are_declined_by_silence_and_malformed_ones_get_400() {
    let gateway = gateway().await;
    for extensions in [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=15, x-webkit-deflate-frame",
        "foo; bar=\"baz\"; qux",
    ] {
        let line = format!("Sec-WebSocket-Extensions: {extensions}");
        let answer = check(&gateway, and(&[&line]), 101, false).await;
        assert!(!answer.has("sec-websocket-extensions"));
    }
    for extensions in ["", ";", "foo bar", "foo;", "foo; =1", "foo; a=", "foo; a=\"b c\"", "foo/"] {
        let line = format!("Sec-WebSocket-Extensions: {extensions}");
        check(&gateway, and(&[&line]), 400, true).await;
    }
}

#[tokio::test]
async fn a_second_request_on_a_connection_is_answered_and_may_be_an_upgrade() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("index.html"), "hello").unwrap();
    let web = wsferry_gateway::door::Files::Directory(directory.path().to_owned());
    let gateway = Running::start(config_with("echo:", |config| config.web = Some(web))).await;
    let get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let check = async |raw: &mut Raw| {
        for _ in 0..2 {
            assert_eq!(raw.answer().await.text(), "hello");
        }
    };
    let mut one_by_one = gateway.raw().await;
    one_by_one.send(get).await;
    assert_eq!(one_by_one.answer().await.text(), "hello");
    one_by_one.send(get).await;
    assert_eq!(one_by_one.answer().await.text(), "hello");
    one_by_one.send(HANDSHAKE).await;
    assert_eq!(one_by_one.answer().await.status, 101);

    let mut pipelined = gateway.raw().await;
    let early = frame(FIN | BINARY, b"early");
    pipelined.send([get.as_bytes(), get.as_bytes(), HANDSHAKE.as_bytes(), &early].concat()).await;
    check(&mut pipelined).await;
    assert_eq!(pipelined.answer().await.status, 101);
    let mut client: Client = pipelined.into_client();
    assert_eq!(client.payload(5).await, b"early");
}

#[tokio::test]
async fn a_file_that_is_still_being_sent_arrives_whole_before_the_101_of_the_upgrade_behind_it() {
    let directory = tempfile::tempdir().unwrap();
    let file: Vec<u8> = (0..1 << 21).flat_map(u32::to_be_bytes).collect();
    std::fs::write(directory.path().join("large"), &file).unwrap();
    let web = wsferry_gateway::door::Files::Directory(directory.path().to_owned());
    let gateway = Running::start(config_with("echo:", |config| config.web = Some(web))).await;
    let get = "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut raw = gateway.raw().await;
    let early = frame(FIN | BINARY, b"early");
    raw.send([get.as_bytes(), get.as_bytes(), HANDSHAKE.as_bytes(), &early].concat()).await;
    for _ in 0..2 {
        assert!(raw.answer().await.body == file);
    }
    assert_eq!(raw.answer().await.status, 101);
    assert_eq!(raw.into_client().payload(5).await, b"early");
}

#[tokio::test]
async fn an_upgrade_behind_a_request_is_refused_as_a_first_one_is() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("index.html"), "hello").unwrap();
    let web = wsferry_gateway::door::Files::Directory(directory.path().to_owned());
    let gateway = Running::start(config_with("echo:", |config| config.web = Some(web))).await;
    let get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let refused = but(&[(VERSION, "Sec-WebSocket-Version: 8")]);
    let first = gateway.ask(&refused).await;
    let mut raw = gateway.raw().await;
    raw.send([get, &refused, get, HANDSHAKE].concat()).await;
    assert_eq!(raw.answer().await.text(), "hello");
    let second = raw.answer().await;
    assert_eq!((second.status, second.text()), (426, first.text()));
    assert!(second.has("date") && second.field("connection").contains("close"), "{second:?}");
    assert_eq!(raw.end().await, (Vec::new(), End::Fin));
}
