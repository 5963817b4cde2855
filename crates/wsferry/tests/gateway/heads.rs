//! What is no request head, or too large a one, or too slow: docs/protocol.md §1, by raw sockets, whole and
//! byte by byte.

use std::time::Duration;

use wsferry_testkit::raw::{BINARY, FIN, HANDSHAKE};
use wsferry_testkit::targets::End;

use crate::handshake::{GET, and, but, check, gateway};
use crate::support::{Running, config_with};

#[tokio::test]
async fn malformed_heads_get_400_and_the_end() {
    let gateway = gateway().await;
    let with = |line: &[u8]| {
        let head = HANDSHAKE.trim_end().as_bytes();
        [head, b"\r\n", line, b"\r\n\r\n"].concat()
    };
    for line in [
        &b"X : y"[..],
        b"X\t: y",
        b"X y: z",
        b": y",
        b":",
        b" X: y",
        b"\tX: y",
        b"X: y\r\n folded",
        b"X: y\r\n\tfolded",
        b"X: y\r\n ",
        b"X: a\0b",
        b"X: a\x01b",
        b"X: a\x0bb",
        b"X: a\x1fb",
        b"X: a\x7fb",
        b"X: a\rb",
        b"X: a\nb",
        b"X: a\r\rb",
        b"X\0: y",
        b"X\x80: y",
        b"X\xe4: y",
        b"X(: y",
        b"X/y: z",
        b"\"X\": y",
        b"X",
        b"no colon here",
        b"Content-Length: 0\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5",
        b"Content-Length: 0\r\nContent-Length: 0",
        b"Content-Length: 1\r\nContent-Length: 2",
        b"Content-Length: 0, 0",
        b"Content-Length: -1",
        b"Content-Length: +1",
        b"Content-Length: 0x1",
        b"Content-Length: 1 1",
        b"Content-Length:",
        b"Content-Length: a",
        b"Content-Length: 1.0",
        b"Content-Length: 18446744073709551616",
    ] {
        check(&gateway, with(line), 400, true).await;
    }
    for request in [
        HANDSHAKE.replace("\r\n", "\n"),
        HANDSHAKE.replacen("\r\n", "\n", 1),
        HANDSHAKE.replacen("\r\n", "\r", 1),
        HANDSHAKE.replace("\r\n\r\n", "\n\n"),
        HANDSHAKE.replace("\r\n\r\n", "\r\n\n"),
        format!("\n{HANDSHAKE}"),
        format!(" {HANDSHAKE}"),
        but(&[(GET, "GET  /chat HTTP/1.1")]),
        but(&[(GET, "GET /chat  HTTP/1.1")]),
        but(&[(GET, "GET /chat HTTP/1.1 ")]),
        but(&[(GET, "GET\t/chat\tHTTP/1.1")]),
        but(&[(GET, "GET /a b HTTP/1.1")]),
        but(&[(GET, "GET /chat")]),
        but(&[(GET, "GET")]),
        but(&[(GET, "GET /chat http/1.1")]),
        but(&[(GET, "GET /chat HTTP/1")]),
        but(&[(GET, "GET /chat HTTP/1.1.1")]),
        but(&[(GET, "GET /chat HTTX/1.1")]),
        but(&[(GET, "GET chat HTTP/1.1")]),
        but(&[(GET, "GET /\u{e4} HTTP/1.1")]),
        but(&[(GET, "GET /a\u{1}b HTTP/1.1")]),
        but(&[(GET, "G(T /chat HTTP/1.1")]),
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}".to_owned(), // a TLS hello
        "hello?\r\n\r\n".to_owned(),
    ] {
        check(&gateway, request, 400, true).await;
    }
}

#[tokio::test]
async fn other_versions_of_http_get_505_or_400() {
    let gateway = gateway().await;
    for version in ["HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/3.0"] {
        check(&gateway, but(&[(GET, &format!("GET /chat {version}"))]), 505, true).await;
    }
    check(&gateway, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, true).await;
}

#[tokio::test]
async fn a_request_line_over_8_kib_gets_414_and_one_of_just_that_passes() {
    let gateway = gateway().await;
    let line =
        |length: usize| format!("GET /{} HTTP/1.1", "a".repeat(length - "GET / HTTP/1.1".len()));
    for length in [8191, 8192] {
        check(&gateway, but(&[(GET, &line(length))]), 101, false).await;
    }
    for length in [8193, 8194, 60_000] {
        check(&gateway, but(&[(GET, &line(length))]), 414, true).await;
    }
    // It need not end to be too long.
    let mut raw = gateway.raw().await;
    raw.send(format!("GET /{}", "a".repeat(8188))).await;
    assert_eq!(raw.answer().await.status, 414);
}

#[tokio::test]
async fn a_header_block_over_16_kib_gets_431_and_one_of_just_that_passes() {
    let gateway = gateway().await;
    let block = HANDSHAKE.len() - GET.len() - 2;
    let fill =
        |length: usize| and(&[&format!("X: {}", "a".repeat(length - block - "X: \r\n".len()))]);
    for length in [16 * 1024 - 1, 16 * 1024] {
        let request = fill(length);
        assert_eq!(request.len() - GET.len() - 2, length);
        check(&gateway, request, 101, false).await;
    }
    for length in [16 * 1024 + 1, 16 * 1024 + 2, 100_000] {
        check(&gateway, fill(length), 431, true).await;
    }
}

#[tokio::test]
async fn over_100_header_fields_get_431_and_just_100_pass() {
    let gateway = gateway().await;
    for (fields, status) in [(99, 101), (100, 101), (101, 431), (500, 431)] {
        let lines: Vec<String> = (5..fields).map(|number| format!("X{number}: y")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        check(&gateway, and(&lines), status, status != 101).await;
    }
}

async fn impatient() -> Running {
    let timeout = Duration::from_millis(300);
    Running::start(config_with("echo:", |config| config.header_timeout = timeout)).await
}

#[tokio::test]
async fn half_a_head_gets_408_after_the_header_timeout() {
    let gateway = impatient().await;
    for half in ["G", "GET / HTTP/1.1\r\n", &HANDSHAKE[..HANDSHAKE.len() - 1]] {
        let mut raw = gateway.raw().await;
        raw.send(half).await;
        assert_eq!(raw.answer().await.status, 408);
        assert_eq!(raw.end().await, (Vec::new(), End::Fin));
    }
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed_after_the_header_timeout() {
    let gateway = impatient().await;
    assert_eq!(gateway.raw().await.end().await, (Vec::new(), End::Fin));
}

#[tokio::test]
async fn a_head_that_drips_gets_408_whatever_its_pace() {
    let gateway = impatient().await;
    let started = std::time::Instant::now();
    let mut raw = gateway.raw().await;
    let drip = Duration::from_millis(10);
    raw.send(HANDSHAKE.trim_end()).await;
    let answer = loop {
        let _ = raw.try_send("\r\nX: y").await;
        if let Ok(answer) = tokio::time::timeout(drip, raw.try_answer(true)).await {
            break answer;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "it may drip for ever");
    };
    assert!([408, 431].contains(&answer.unwrap().status));
    assert!(started.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_connection_that_is_kept_alive_is_closed_when_nothing_more_comes() {
    let gateway = impatient().await;
    let mut raw = gateway.raw().await;
    raw.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    raw.answer().await;
    assert_eq!(raw.end().await, (Vec::new(), End::Fin));
}

#[tokio::test]
async fn a_session_outlives_the_header_timeout() {
    let gateway = impatient().await;
    let mut client = gateway.client().await;
    gateway.raw().await.end().await; // as long as the time-out
    client.send_frame(FIN | BINARY, b"still here").await;
    assert_eq!(client.payload(10).await, b"still here");
}
