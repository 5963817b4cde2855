//! Certificates that change while the gateway runs.

use std::fs;

use rustls::ClientConfig;
use std::sync::Arc;
use wsferry_testkit::patience::soon;
use wsferry_testkit::pki::Pki;
use wsferry_testkit::raw::{BINARY, FIN, Frame, Frames, frame};
use wsferry_testkit::targets;

use super::{Gate, Tls, say};
use crate::support::Clock;
use crate::tls_settings::client;

type Wss = (Frames<tokio::io::ReadHalf<Tls>>, tokio::io::WriteHalf<Tls>);

async fn still_goes_on((frames, write): &mut Wss) {
    say(write, frame(FIN | BINARY, b"still here")).await;
    assert_eq!(soon(frames.next()).await, Ok(Frame::new(FIN | BINARY, *b"still here")));
}

/// Connects until the certificate is one that the client trusts: the files are looked at once a
/// second.
async fn until_trusted(gate: &Gate, config: &Arc<ClientConfig>) {
    let clock = Clock::start(std::time::Duration::from_millis(100)).await;
    soon(async {
        while gate.try_dial(config.clone()).await.is_err() {
            clock.tick().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections_and_an_old_session_goes_on() {
    let gate = Gate::start(targets::echo().await.address(), |_| {}).await;
    let mut session = gate.open().await;
    still_goes_on(&mut session).await;

    let other = Pki::new();
    let pair = other.server("gateway");
    fs::copy(&pair.cert, &gate.pair.cert).unwrap();
    fs::copy(&pair.key, &gate.pair.key).unwrap();
    until_trusted(&gate, &client(&other)).await;
    assert!(gate.try_dial(client(&gate.pki)).await.is_err(), "the old one is not shown any more");
    still_goes_on(&mut session).await;

    // Half of a pair: the one before it stays.
    fs::copy(gate.pki.server("third").cert, &gate.pair.cert).unwrap();
    let clock = Clock::start(std::time::Duration::from_millis(1200)).await;
    for _ in 0..2 {
        clock.tick().await;
        gate.try_dial(client(&other)).await.unwrap();
    }
    still_goes_on(&mut session).await;
    // The other half.
    fs::copy(gate.pki.path("third.key"), &gate.pair.key).unwrap();
    until_trusted(&gate, &client(&gate.pki)).await;
    still_goes_on(&mut session).await;
}
