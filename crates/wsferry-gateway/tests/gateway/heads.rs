//! What is no request head, or too large a one, or too slow: docs/protocol.md §1, by raw sockets, whole and
//! byte by byte.

use std::time::Duration;

use wsferry_testkit::raw::{BINARY, FIN, HANDSHAKE, frame};
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
async fn a_request_line_over_32_kib_gets_414_and_one_of_just_that_passes() {
    let gateway = gateway().await;
    let line =
        |length: usize| format!("GET /{} HTTP/1.1", "a".repeat(length - "GET / HTTP/1.1".len()));
    for length in [32 * 1024 - 1, 32 * 1024] {
        check(&gateway, but(&[(GET, &line(length))]), 101, false).await;
    }
    for length in [32 * 1024 + 1, 32 * 1024 + 2, 100_000] {
        check(&gateway, but(&[(GET, &line(length))]), 414, true).await;
    }
    // It need not end to be too long.
    let mut raw = gateway.raw().await;
    raw.send(format!("GET /{}", "a".repeat(32 * 1024 - 4))).await;
    assert_eq!(raw.answer().await.status, 414);
}

#[tokio::test]
async fn a_head_over_64_kib_gets_431_and_one_of_just_that_passes() {
    let gateway = gateway().await;
    let fill = |length: usize| {
        let field = "X: \r\n".len();
        and(&[&format!("X: {}", "a".repeat(length - HANDSHAKE.len() - field))])
    };
    for length in [64 * 1024 - 1, 64 * 1024] {
        let request = fill(length);
        assert_eq!(request.len(), length);
        check(&gateway, request, 101, false).await;
    }
    for length in [64 * 1024 + 1, 64 * 1024 + 2, 100_000] {
        check(&gateway, fill(length), 431, true).await;
    }
    // It need not end to be too large.
    let mut raw = gateway.raw().await;
    raw.send(&fill(100_000)[..64 * 1024 + 1]).await;
    assert_eq!(raw.answer().await.status, 431);
}

#[tokio::test]
async fn a_head_may_be_as_large_as_the_limit_that_was_set() {
    let of = |length: usize| {
        let lines = ["Cookie: ", "X: "].map(|name| {
            let rest = (length - HANDSHAKE.len()) / 2 - name.len() - 2;
            format!("{name}{}", "a".repeat(rest))
        });
        and(&[&lines[0], &lines[1]])
    };
    for max_size in [1024, 4096, 200_000, 1 << 20] {
        let change = |config: &mut crate::config::Config| config.heads.max_size = max_size;
        let gateway = Running::start(config_with("echo:", change)).await;
        let largest = of(max_size - max_size % 2);
        assert!(max_size - largest.len() < 2);
        assert_eq!(gateway.ask(&largest).await.status, 101, "{max_size}");
        assert_eq!(gateway.ask(of(max_size + 2)).await.status, 431, "{max_size}");
    }
}

#[tokio::test]
async fn cookies_of_60_kb_and_a_url_of_12_000_bytes_reach_sessions_and_files() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("index.html"), "hello").unwrap();
    let web = wsferry_gateway::web::Files::Directory(directory.path().to_owned());
    let gateway = Running::start(config_with("echo:", |config| config.web = Some(web))).await;
    let cookie = format!("Cookie: session={}", "a".repeat(60_000));
    let mut raw = gateway.raw().await;
    for _ in 0..2 {
        raw.send(format!("GET / HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\n\r\n")).await;
        assert_eq!(raw.answer().await.text(), "hello");
    }
    let early = frame(FIN | BINARY, b"early");
    raw.send([and(&[&cookie]).as_bytes(), &early].concat()).await;
    assert_eq!(raw.answer().await.status, 101);
    assert_eq!(raw.into_client().payload(5).await, b"early");
    let line = format!("GET /?x={} HTTP/1.1", "a".repeat(12_000));
    assert_eq!(gateway.ask(but(&[(GET, &line)])).await.status, 101);
    assert_eq!(gateway.ask(format!("{line}\r\nHost: localhost\r\n\r\n")).await.text(), "hello");
}

/// The begin of a TLS hello.
const HELLO: [u8; 11] = [22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];

#[tokio::test]
async fn tls_on_a_port_without_a_certificate_gets_an_alert() {
    let gateway = gateway().await;
    for hello in [&HELLO[..], &HELLO[..1], &[&HELLO[..], &[0xff; 600]].concat()] {
        let mut raw = gateway.raw().await;
        raw.send(hello).await;
        let (answer, end) = raw.end().await;
        assert_eq!(answer[..2], [21, 3], "a record with an alert");
        assert_eq!((answer[3..6].to_vec(), answer.len()), (vec![0, 2, 2], 7), "a fatal one");
        assert_eq!(end, End::Fin);
    }
    // Behind a request it is no hello.
    let mut raw = gateway.raw().await;
    raw.send([b"GET / HTTP/1.1\r\nHost: a\r\n\x16\x03".as_slice()].concat()).await;
    assert_eq!(raw.answer().await.status, 400);
}

#[tokio::test]
async fn a_get_of_anything_but_a_path_or_an_absolute_url_gets_400() {
    let gateway = gateway().await;
    for target in ["*", "localhost", "localhost:80", "chat", "ftp://localhost/", "?a", "*/"] {
        for method in ["GET", "HEAD"] {
            let line = format!("{method} {target} HTTP/1.1");
            check(&gateway, but(&[(GET, &line)]), 400, true).await;
            check(&gateway, format!("{line}\r\nHost: localhost\r\n\r\n"), 400, true).await;
        }
    }
    let options = "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n";
    check(&gateway, options, 405, true).await;
    check(&gateway, but(&[(GET, "GET WS://LOCALHOST/chat HTTP/1.1")]), 101, false).await;
}

#[tokio::test]
async fn a_body_that_is_chunked_twice_gets_400_on_any_request() {
    let gateway = gateway().await;
    for codings in ["chunked, chunked", "chunked,gzip,CHUNKED", "chunked, gzip", "chunked;q=1"] {
        for method in ["GET", "HEAD", "POST"] {
            let request = format!(
                "{method} / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: {codings}\r\n\r\n"
            );
            check(&gateway, request, 400, true).await;
        }
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
