//! How failures are told: docs/protocol.md §4.

use std::time::Duration;

use crate::config::Config;
use wsferry_gateway::route::Dial;
use wsferry_testkit::raw::{BINARY, FIN, Frame, HANDSHAKE, close, frame};
use wsferry_testkit::targets::{self, End, Unanswering};

use crate::support::{Running, config_with};

const FAILED: &str = "Failed to connect to downstream server: ";

#[tokio::test]
async fn a_target_that_refuses_is_told_by_1011_behind_the_101() {
    let gateway = Running::to(targets::refusing().await).await;
    for early in [vec![], frame(FIN | BINARY, b"early"), close(1000, b"")] {
        let mut raw = gateway.raw().await;
        raw.send([HANDSHAKE.as_bytes(), &early].concat()).await;
        assert_eq!(raw.answer().await.status, 101);
        let (frames, end) = raw.into_client().leave().await;
        assert_eq!(frames, [Frame::close(1011, &format!("{FAILED}connection refused"))]);
        assert_eq!(end, End::Fin);
    }
}

#[tokio::test]
async fn a_target_that_does_not_answer_is_told_by_1011_after_connect_timeout() {
    let target = Unanswering::start().await;
    let change = |config: &mut Config| config.session.connect_timeout = Duration::from_millis(200);
    let gateway = Running::start(config_with(target.address(), change)).await;
    let (frames, end) = gateway.client().await.leave().await;
    assert_eq!(frames, [Frame::close(1011, &format!("{FAILED}timed out"))]);
    assert_eq!(end, End::Fin);
}

#[tokio::test]
async fn dialling_first_tells_a_target_that_refuses_by_502() {
    let change = |config: &mut Config| config.dial = Dial::BeforeAccept;
    let gateway = Running::start(config_with(targets::refusing().await, change)).await;
    let mut raw = gateway.raw().await;
    raw.send([HANDSHAKE.as_bytes(), &frame(FIN | BINARY, b"early")].concat()).await;
    let answer = raw.answer().await;
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("connection refused"), "{}", answer.text());
    assert_eq!(raw.end().await, (vec![], End::Fin));
}

#[tokio::test]
async fn dialling_first_tells_a_target_that_does_not_answer_by_504() {
    let target = Unanswering::start().await;
    let change = |config: &mut Config| {
        config.dial = Dial::BeforeAccept;
        config.session.connect_timeout = Duration::from_millis(200);
    };
    let gateway = Running::start(config_with(target.address(), change)).await;
    assert_eq!(gateway.ask(HANDSHAKE).await.status, 504);
}

#[tokio::test]
async fn dialling_first_joins_the_target_that_was_dialled() {
    let change = |config: &mut Config| config.dial = Dial::BeforeAccept;
    let target = targets::echo().await;
    let gateway = Running::start(config_with(target.address(), change)).await;
    let mut raw = gateway.raw().await;
    raw.send([HANDSHAKE.as_bytes(), &frame(FIN | BINARY, b"early")].concat()).await;
    assert_eq!(raw.answer().await.status, 101);
    assert_eq!(raw.into_client().payload(5).await, b"early");
}

#[tokio::test]
async fn of_clients_that_come_at_once_one_gets_the_only_session_and_the_others_503() {
    for dial in [Dial::AfterAccept, Dial::BeforeAccept] {
        let target = targets::echo().await;
        let change = |config: &mut Config| {
            config.dial = dial;
            config.run_once = true;
        };
        let mut gateway = Running::start(config_with(target.address(), change)).await;
        let mut raws = Vec::new();
        for _ in 0..20 {
            raws.push(gateway.raw().await);
        }
        for raw in &mut raws {
            raw.send(HANDSHAKE).await;
        }
        let mut statuses = Vec::new();
        for raw in &mut raws {
            statuses.push(raw.answer().await.status);
        }
        assert_eq!(statuses.iter().filter(|&&status| status == 101).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|&&status| status == 503).count(), 19, "{statuses:?}");
        drop(raws);
        gateway.ended().await;
    }
}

#[tokio::test]
async fn nothing_is_dialled_for_a_client_that_is_refused() {
    for dial in [Dial::AfterAccept, Dial::BeforeAccept] {
        let target = targets::by_hand().await;
        let change = |config: &mut Config| config.dial = dial;
        let gateway = Running::start(config_with(target.address(), change)).await;
        let origin = HANDSHAKE.replace("Host: localhost", "Host: localhost\r\nOrigin: http://evil");
        let host = HANDSHAKE.replace("Host: localhost", "Host: evil.example");
        let version = HANDSHAKE.replace("Version: 13", "Version: 8");
        for (request, status) in [(origin, 403), (host, 403), (version, 426)] {
            assert_eq!(gateway.ask(request).await.status, status);
        }
        assert!(!target.has_report());
    }
}

#[tokio::test]
async fn a_connection_too_many_gets_503_and_when_to_try_again() {
    let change = |config: &mut Config| config.max_connections = Some(2);
    let target = targets::echo().await;
    let gateway = Running::start(config_with(target.address(), change)).await;
    let mut first = gateway.client().await;
    let second = gateway.client().await;
    for request in [HANDSHAKE, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", ""] {
        let mut raw = gateway.raw().await;
        raw.send(request).await;
        let answer = raw.answer().await;
        assert_eq!((answer.status, answer.field("retry-after")), (503, "5"));
        assert_eq!(answer.field("connection"), "close");
        assert_eq!(raw.end().await, (vec![], End::Fin));
    }
    // The others are not touched, and a place that becomes free is given.
    first.send_frame(FIN | BINARY, b"still here").await;
    assert_eq!(first.payload(10).await, b"still here");
    let mut second = second;
    second.send(close(1000, b"")).await;
    assert_eq!(second.rest().await.1, End::Fin);
    let mut dice = 0;
    loop {
        // Its place is free when the gateway has seen the end, a moment after the client.
        let mut raw = gateway.raw().await;
        raw.send(HANDSHAKE).await;
        match raw.answer().await.status {
            101 => break,
            status => assert_eq!(status, 503),
        }
        dice += 1;
        assert!(dice < 1000, "the place is never free");
    }
}

#[tokio::test]
async fn a_handshake_too_many_gets_503_and_sessions_do_not_count() {
    let change = |config: &mut Config| config.max_handshakes = 1;
    let gateway = Running::start(config_with("echo:", change)).await;
    let mut session = gateway.client().await;
    session.send_frame(FIN | BINARY, b"x").await;
    session.payload(1).await; // it is a session now
    let mut slow = gateway.raw().await;
    slow.send("GET /").await;
    let mut many = gateway.raw().await;
    assert_eq!(many.answer().await.status, 503);
    slow.send(&HANDSHAKE["GET /".len()..]).await;
    assert_eq!(slow.answer().await.status, 101);
}
