//! Clients that take their files slowly, or wait with their connections open: they keep nobody from a
//! handshake, and are bounded themselves.

use std::fs::File;
use std::time::{Duration, Instant};

use crate::config::Config;
use tempfile::TempDir;
use wsferry_gateway::web::Files;
use wsferry_testkit::patience::{soon, within};
use wsferry_testkit::raw::{BINARY, FIN, HANDSHAKE, Raw};
use wsferry_testkit::targets::End;

use crate::support::{Running, config_with};

const LARGE: &str = "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n";
const SMALL: &str = "GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A gateway that serves a file larger than all buffers on the way, and a small one.
async fn gateway(change: impl FnOnce(&mut Config)) -> (Running, TempDir) {
    let site = tempfile::tempdir().unwrap();
    File::create(site.path().join("large")).unwrap().set_len(256 << 20).unwrap();
    std::fs::write(site.path().join("small"), "small").unwrap();
    let gateway = Running::start(config_with("echo:", |config| {
        config.web = Some(Files::Directory(site.path().to_owned()));
        change(config);
    }))
    .await;
    (gateway, site)
}

/// A client that has the head of an answer, and takes no more of it.
async fn slow(gateway: &Running) -> Raw {
    let mut client = gateway.raw().await;
    client.send(LARGE).await;
    assert_eq!(client.try_answer(false).await.unwrap().status, 200);
    client
}

/// A client that has its answer, and its connection still.
async fn idle(gateway: &Running) -> Raw {
    let mut client = gateway.raw().await;
    ask_again(&mut client).await;
    client
}

async fn ask_again(client: &mut Raw) {
    client.send(SMALL).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text()), (200, "small".to_owned()));
}

#[tokio::test]
async fn slow_downloads_take_a_quarter_of_the_connections_and_no_handshake() {
    let (gateway, _site) = gateway(|config| {
        config.max_connections = Some(40);
        config.max_handshakes = 2;
    })
    .await;
    let mut downloads = Vec::new();
    for _ in 0..10 {
        downloads.push(slow(&gateway).await);
    }
    let answer = gateway.ask(SMALL).await;
    assert_eq!((answer.status, answer.field("retry-after")), (503, "1"));
    let mut sessions = Vec::new();
    for _ in 0..10 {
        let mut session = gateway.client().await;
        session.send_frame(FIN | BINARY, b"x").await;
        session.payload(1).await;
        sessions.push(session);
    }
    drop(downloads.pop());
    // Its permit is free when the gateway has seen the end.
    soon(async { while gateway.ask(SMALL).await.status == 503 {} }).await;
}

#[tokio::test]
async fn idle_connections_make_way_for_files_the_longest_idle_first() {
    let (gateway, _site) = gateway(|config| {
        config.max_connections = Some(12);
        config.max_handshakes = 2;
    })
    .await;
    let oldest = idle(&gateway).await;
    let mut second = idle(&gateway).await;
    let third = idle(&gateway).await;
    ask_again(&mut second).await; // it is the youngest now
    let mut newcomer = idle(&gateway).await;
    assert_eq!(oldest.end().await, (vec![], End::Fin));
    let _download = slow(&gateway).await;
    assert_eq!(third.end().await, (vec![], End::Fin));
    ask_again(&mut newcomer).await;
    ask_again(&mut second).await;
    assert_eq!(gateway.ask(HANDSHAKE).await.status, 101);
}

#[tokio::test]
async fn an_idle_connection_makes_way_for_a_handshake_when_there_are_no_more_connections() {
    let (gateway, _site) = gateway(|config| config.max_connections = Some(4)).await;
    let idle = idle(&gateway).await;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(gateway.client().await);
    }
    assert_eq!(idle.end().await, (vec![], End::Fin));
    assert_eq!(gateway.ask(HANDSHAKE).await.status, 503);
}

#[tokio::test]
async fn a_download_that_goes_on_is_whole_however_often_it_was_waited_for() {
    let (gateway, _site) = gateway(|_| {}).await;
    let mut client = gateway.raw().await;
    client.send(LARGE.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).await;
    let head = client.try_answer(false).await.unwrap();
    assert_eq!(head.field("content-length"), (256u64 << 20).to_string());
    let (body, end) = within(Duration::from_secs(120), client.end()).await;
    assert_eq!((body.len(), end), (256 << 20, End::Fin));
}

#[tokio::test]
async fn an_idle_connection_ends_after_fifteen_seconds_and_a_stalled_download_after_thirty() {
    let (gateway, _site) = gateway(|_| {}).await;
    let (download, idle) = (slow(&gateway).await, idle(&gateway).await);
    let began = Instant::now();
    assert_eq!(idle.end().await, (vec![], End::Fin));
    let seconds = began.elapsed().as_secs();
    assert!((14..20).contains(&seconds), "{seconds}");
    let stream = download.into_stream();
    // Reading would be taking: the end shows as an error of the socket.
    let ended = within(Duration::from_secs(60), async {
        while stream.take_error().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    ended.await;
    let seconds = began.elapsed().as_secs();
    assert!((29..45).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn with_the_rate_off_a_stalled_download_has_write_timeout() {
    let (gateway, _site) = gateway(|config| {
        config.file_min_rate = 0;
        config.session.relay.write_timeout = Some(Duration::from_millis(500));
    })
    .await;
    let stream = slow(&gateway).await.into_stream();
    wsferry_testkit::patience::until(|| stream.take_error().unwrap().is_some()).await;
}
