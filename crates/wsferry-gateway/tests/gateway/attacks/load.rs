//! Clients that come in crowds, and clients that do not come on.

use std::time::Duration;

use tokio::task::JoinSet;
use wsferry_testkit::patience::until;
use wsferry_testkit::pki::Pki;
use wsferry_testkit::raw::{HANDSHAKE, Raw};

use super::{gateway, handshake};
use crate::service::{Service, answer, target};
use crate::support::{Running, config_with};
use crate::tls_settings::settings;

/// Clients that wait for a service at once.
const CROWD: usize = 500;

#[tokio::test]
async fn look_ups_that_get_no_answer_do_not_keep_others_waiting_and_end_with_503() {
    let service = Service::start(|head| match target(head) {
        "/good" => answer("200 OK", "", "echo:"),
        _ => String::new(),
    })
    .await;
    let url = format!("http://127.0.0.1:{}/%s", service.port());
    let gateway = gateway("BaseTokenAPI", &url, |_| {}).await;
    let mut crowd = JoinSet::new();
    for _ in 0..CROWD {
        let mut client = gateway.raw().await;
        client.send(handshake("/?token=slow")).await;
        crowd.spawn(async move { client.answer().await });
    }
    until(|| service.heads().len() == CROWD).await;
    for _ in 0..10 {
        assert_eq!(gateway.ask(handshake("/?token=good")).await.status, 101);
    }
    assert_eq!(crowd.len(), CROWD);
    while let Some(answer) = crowd.join_next().await {
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.field("retry-after")), (503, "5"));
    }
    assert_eq!(gateway.ask(handshake("/?token=good")).await.status, 101);
}

/// Fills all places of clients that are no sessions yet: the next one is turned away, and when their
/// time is over they are all gone.
async fn fill(gateway: &Running, places: usize, begins: &[u8]) {
    let mut held: Vec<Raw> = Vec::new();
    for _ in 0..places {
        let mut client = gateway.raw().await;
        client.send(begins).await;
        held.push(client);
    }
    let mut many = gateway.raw().await;
    assert_eq!(many.answer().await.status, 503);
    for client in held {
        client.end().await;
    }
    let status = gateway.ask(HANDSHAKE).await.status;
    // The last place is free a moment after its client saw the end.
    assert!(status == 101 || gateway.ask(HANDSHAKE).await.status == 101);
}

#[tokio::test]
async fn clients_that_do_not_finish_their_tls_or_their_head_hold_no_more_than_their_places() {
    let pki = Pki::new();
    let pair = pki.server("server");
    let config = config_with("echo:", |config| {
        config.max_handshakes = 8;
        config.header_timeout = Duration::from_secs(1);
        config.tls = Some(settings(&pair));
    });
    let gateway = Running::start(config).await;
    // A record of TLS that announces a ClientHello, and no more of it.
    fill(&gateway, 8, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc").await;
    fill(&gateway, 8, b"GET /?token=x HTTP/1.1\r\nHost: lo").await;
    fill(&gateway, 8, b"").await;
}
