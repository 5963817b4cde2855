//! TLS or not, on one port; what is no handshake, and who may come in.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use wsferry_gateway::tls::ClientAuthority;
use wsferry_gateway::web::Files;
use wsferry_testkit::patience::soon;
use wsferry_testkit::pki::Pki;
use wsferry_testkit::raw::{BINARY, FIN, HANDSHAKE, frame};
use wsferry_testkit::targets::{self, End};

use super::{Gate, ask, head, say};
use crate::tls_settings::{client_of, client_with};

/// A whole answer over a stream that a test has opened.
async fn echoes(stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin, url: &str) {
    let handshake = Box::pin(client_async(url, Box::new(stream)));
    let (mut client, _) = soon(handshake).await.unwrap();
    soon(client.send(Message::binary(&b"hello"[..]))).await.unwrap();
    assert_eq!(soon(client.next()).await.unwrap().unwrap(), Message::binary(&b"hello"[..]));
    soon(client.close(None)).await.unwrap();
    while soon(client.next()).await.is_some_and(|next| next.is_ok()) {}
}

#[tokio::test]
async fn ws_wss_http_and_https_are_told_apart_on_one_port() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "the page").unwrap();
    let web = Files::Directory(folder.path().to_owned());
    let gate = Gate::start("echo:", |config| config.web = Some(web)).await;
    for version in [&TLS12, &TLS13] {
        let config = std::sync::Arc::new(client_of(&gate.pki, &[version]).with_no_client_auth());
        let dial = || async { gate.try_dial(config.clone()).await.unwrap() };
        assert!(ask(dial().await, "/").await.ends_with("\r\n\r\nthe page"));
        echoes(dial().await, "wss://localhost/").await;
        assert_eq!(dial().await.get_ref().1.protocol_version(), Some(version.version));
    }
    let plain = || async { gate.running.raw().await.into_stream() };
    assert!(ask(plain().await, "/").await.ends_with("\r\n\r\nthe page"));
    echoes(plain().await, "ws://localhost/").await;
}

#[tokio::test]
async fn a_port_for_tls_only_refuses_plain_clients_with_a_sentence() {
    let gate = Gate::start("echo:", |config| config.tls_only = true).await;
    let answer = gate.running.ask(HANDSHAKE).await;
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("use https:// or wss://"), "{}", answer.text());
    echoes(gate.dial().await, "wss://localhost/").await;
}

#[tokio::test]
async fn a_connection_too_many_gets_an_alert_of_tls_or_503_as_it_speaks() {
    let gate = Gate::start("echo:", |config| config.max_connections = Some(1)).await;
    let first = gate.dial().await;
    let refused = gate.try_dial(crate::tls_settings::client(&gate.pki)).await.unwrap_err();
    assert!(refused.to_string().contains("InternalError"), "{refused}");
    assert_eq!(gate.running.ask(HANDSHAKE).await.status, 503);
    echoes(first, "wss://localhost/").await;
}

#[tokio::test]
async fn a_handshake_that_is_not_finished_in_time_ends_and_so_does_silence() {
    let gate = Gate::start("echo:", |config| {
        config.header_timeout = Duration::from_millis(300);
    })
    .await;
    let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    for sent in [&hello[..0], &hello[..1], &hello] {
        let mut raw = gate.running.raw().await;
        raw.send(sent).await;
        assert!(raw.end().await.0.is_empty(), "{sent:?}");
    }
    // In TLS, a request head is waited for no longer than without.
    let mut silent = gate.dial().await;
    assert_eq!(soon(silent.read(&mut [0])).await.unwrap(), 0);
    let mut slow = gate.dial().await;
    say(&mut slow, "GET / HTT").await;
    assert!(head(&mut slow).await.starts_with("HTTP/1.1 408 "));
}

#[tokio::test]
async fn a_stop_does_not_wait_for_those_that_have_not_spoken_or_not_finished_their_handshake() {
    let mut gate = Gate::start("echo:", |config| {
        config.header_timeout = Duration::from_secs(600);
        config.drain_timeout = Duration::from_secs(600);
    })
    .await;
    let silent = gate.running.raw().await;
    let mut begun = gate.running.raw().await;
    begun.send([0x16]).await;
    // Both were accepted before this one.
    echoes(gate.dial().await, "wss://localhost/").await;
    gate.running.stop();
    gate.running.ended().await;
    drop((silent, begun));
}

#[tokio::test]
async fn garbage_is_refused_in_the_language_that_it_begins_in() {
    let gate = Gate::start("echo:", |_| {}).await;
    for garbage in
        [&[0x16; 6000][..], b"\x16\x03\x01\x00\x05hello and much more", &[0x16, 3, 1, 0xff, 0xff]]
    {
        let mut raw = gate.running.raw().await;
        raw.send(garbage).await;
        let (answer, end) = raw.end().await;
        // The library has no alert for every kind of garbage; no HTTP is said in any case.
        assert!(answer.is_empty() || answer.starts_with(&[0x15, 3]), "{answer:?}");
        assert_eq!(end, End::Fin, "{:?}", &garbage[..5]);
    }
    for garbage in
        [&b"\x00\x01\x02\r\n\r\n"[..], b"\x17\x03\x03\x00\x01\x00\r\n\r\n", b"\x80\x2e\x01\x00"]
    {
        let mut raw = gate.running.raw().await;
        raw.send(garbage).await;
        raw.finish().await;
        let (answer, _) = raw.end().await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400 "), "{answer:?}");
    }
    echoes(gate.dial().await, "wss://localhost/").await;
}

#[tokio::test]
async fn what_comes_in_one_record_with_the_handshake_is_delivered() {
    for target in ["echo:".to_owned(), targets::echo().await.address().to_string()] {
        let gate = Gate::start(target, |_| {}).await;
        for length in [1, 4000, 12_000] {
            let early = vec![b'e'; length];
            let mut stream = gate.dial().await;
            say(&mut stream, [HANDSHAKE.as_bytes(), &frame(FIN | BINARY, &early)].concat()).await;
            assert!(head(&mut stream).await.starts_with("HTTP/1.1 101 "));
            let mut frames = wsferry_testkit::raw::Frames::new(stream, Vec::new());
            let mut got = Vec::new();
            while got.len() < length {
                got.extend(soon(frames.next()).await.unwrap().payload);
            }
            assert!(got == early);
        }
    }
}

#[tokio::test]
async fn a_client_needs_a_certificate_of_the_ca_and_is_told_so_when_it_has_none() {
    let (pki, other) = (Pki::new(), Pki::new());
    let (ada, eve) = (pki.client("ada", "Ada"), other.client("eve", "Ada"));
    let old = pki.expired_client("old", "Ada");
    let ca = pki.ca();
    let gate = Gate::of(pki, "echo:", |config| {
        let clients = Some(ClientAuthority::File(ca));
        config.tls =
            config.tls.take().map(|tls| wsferry_gateway::tls::ServerSettings { clients, ..tls });
    })
    .await;
    for version in [&TLS12, &TLS13] {
        let config = client_with(&gate.pki, &ada, version);
        echoes(gate.try_dial(config).await.unwrap(), "wss://localhost/").await;

        let without = std::sync::Arc::new(client_of(&gate.pki, &[version]).with_no_client_auth());
        let refused = [
            (without, "CertificateRequired|HandshakeFailure"),
            (client_with(&gate.pki, &eve, version), "UnknownCA|DecryptError"),
            (client_with(&gate.pki, &old, version), "CertificateExpired"),
        ];
        for (config, alerts) in refused {
            // With TLS 1.3 the client is done before the server has judged: it may say much.
            let said = async {
                let mut stream = gate.try_dial(config).await?;
                stream.write_all(HANDSHAKE.as_bytes()).await?;
                stream.write_all(&vec![b'x'; 256 * 1024]).await?;
                stream.flush().await?;
                stream.read_to_end(&mut Vec::new()).await
            };
            let error = soon(said).await.unwrap_err().to_string();
            assert!(alerts.split('|').any(|alert| error.contains(alert)), "{version:?}: {error}");
        }
    }
}
