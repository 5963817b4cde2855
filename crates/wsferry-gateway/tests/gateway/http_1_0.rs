//! Requests of HTTP/1.0: upgrades, here and in websockify's place, and files.

use wsferry_testkit::raw::{BINARY, FIN, frame};
use wsferry_testkit::targets::End;

use crate::handshake::{CONNECTION, GET, HOST, KEY, VERSION, but, check, gateway};
use crate::support::{Running, config_with};

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
    let change = |config: &mut crate::config::Config| config.heads.upgrades_http_1_0 = true;
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
    let web = wsferry_gateway::web::Files::Directory(directory.path().to_owned());
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
