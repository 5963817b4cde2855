//! TLS towards targets: whom the gateway trusts, and how a client is told.

use std::path::PathBuf;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use wsferry_gateway::route::Dial;
use wsferry_gateway::tls::ConnectorSettings;
use wsferry_testkit::patience::soon;
use wsferry_testkit::pki::{Pair, Pki};
use wsferry_testkit::raw::{BINARY, FIN, HANDSHAKE};
use wsferry_testkit::targets::{self as plain, Target};

use super::tls_target;
use crate::support::{Running, config_with};

/// A TLS server that echoes, and reports the name it was asked for.
async fn echo(pair: &Pair) -> Target<Option<String>> {
    tls_target(pair, |stream| async move {
        let name = stream.get_ref().1.server_name().map(str::to_owned);
        let (mut read, mut write) = tokio::io::split(stream);
        let _ = tokio::io::copy(&mut read, &mut write).await;
        let _ = tokio::io::AsyncWriteExt::shutdown(&mut write).await;
        name
    })
    .await
}

async fn gateway(target: String, ca: Option<PathBuf>, verify: bool) -> Running {
    let change = |config: &mut crate::config::Config| {
        config.target_tls = Some(ConnectorSettings { ca, verify });
    };
    Running::start(config_with(target, change)).await
}

async fn is_echoed(gateway: &Running) {
    let mut client = gateway.client().await;
    let bytes = vec![b'x'; 100_000];
    client.send_frame(FIN | BINARY, &bytes).await;
    assert!(client.payload(bytes.len()).await == bytes);
    client.send(wsferry_testkit::raw::close(1000, b"")).await;
    assert_eq!(client.frame().await.code(), 1000);
}

/// The sentence of the Close that follows the 101.
async fn refusal(gateway: &Running) -> String {
    let mut client = gateway.client().await;
    let last = client.frame().await;
    assert_eq!(last.code(), 1011, "{last:?}");
    let reason = last.reason();
    assert!(reason.starts_with("Failed to connect to downstream server: "), "{reason}");
    reason
}

#[tokio::test]
async fn a_target_is_asked_for_by_its_name_and_an_address_by_none() {
    let pki = Pki::new();
    let mut target = echo(&pki.server("target")).await;
    let port = target.address().port();
    for (host, name) in [("localhost", Some("localhost")), ("127.0.0.1", None)] {
        is_echoed(&gateway(format!("{host}:{port}"), Some(pki.ca()), true).await).await;
        assert_eq!(target.report().await.as_deref(), name);
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_to_be_trusted_is_told_by_1011_with_a_sentence() {
    let (pki, other) = (Pki::new(), Pki::new());
    let good = pki.server("good");
    let cases = [
        (good.clone(), Some(other.ca()), "certificate is not trusted: --ssl-target-cafile FILE"),
        (good.clone(), None, "certificate is not trusted: --ssl-target-cafile FILE"), // the system's CAs
        (pki.expired_server("expired"), Some(pki.ca()), "certificate has expired: renew it"),
        (pki.foreign_server("foreign"), Some(pki.ca()), "certificate is not valid for localhost"),
        (
            pki.self_signed("self"),
            Some(pki.ca()),
            "certificate is not trusted: --ssl-target-cafile FILE",
        ),
        (pki.self_signed_by_openssl("ca", "2"), Some(pki.ca()), "certificate is not trusted"),
        (pki.version_1("v1"), Some(pki.ca()), "certificate is not trusted"),
    ];
    for (pair, ca, part) in cases {
        let target = lenient(&pair).await;
        let address = format!("localhost:{}", target.address().port());
        let reason = refusal(&gateway(address.clone(), ca, true).await).await;
        assert!(reason.contains("TLS handshake failed") && reason.contains(part), "{reason}");
        is_echoed(&gateway(address, None, false).await).await;
    }
}

#[tokio::test]
async fn a_target_is_joined_when_its_own_certificate_is_the_ca_file() {
    let pki = Pki::new();
    for own in [pki.self_signed("own"), pki.self_signed_by_openssl("ca", "2"), pki.version_1("v1")]
    {
        let target = lenient(&own).await;
        let address = format!("localhost:{}", target.address().port());
        is_echoed(&gateway(address, Some(own.cert), true).await).await;
    }
    let own = pki.self_signed("address");
    let target = lenient(&own).await;
    is_echoed(&gateway(target.address().to_string(), Some(own.cert), true).await).await;
}

/// The same echo, whose clients may go away in their handshake.
async fn lenient(pair: &Pair) -> Target<()> {
    let config = crate::tls_settings::settings(pair);
    let config = wsferry_gateway::tls::Acceptor::open(config).unwrap().current();
    Target::start(move |stream| {
        let acceptor = tokio_rustls::TlsAcceptor::from(config.clone());
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let (mut read, mut write) = tokio::io::split(stream);
            let _ = tokio::io::copy(&mut read, &mut write).await;
            let _ = tokio::io::AsyncWriteExt::shutdown(&mut write).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_target_that_speaks_no_tls_is_told_in_a_sentence() {
    let pki = Pki::new();
    let target = plain::echo().await;
    let reason = refusal(&gateway(target.address().to_string(), Some(pki.ca()), true).await).await;
    assert!(reason.contains("TLS handshake failed: the target does not speak TLS"), "{reason}");

    let silent = Target::start(|mut stream| async move {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let change = |config: &mut crate::config::Config| {
        config.target_tls = Some(ConnectorSettings { ca: Some(pki.ca()), verify: true });
        config.session.connect_timeout = Duration::from_millis(300);
    };
    let reason = refusal(&Running::start(config_with(silent.address(), change)).await).await;
    assert!(reason.contains("timed out"), "{reason}");
}

#[tokio::test]
async fn dialling_first_tells_a_bad_certificate_by_502() {
    let (pki, other) = (Pki::new(), Pki::new());
    let target = lenient(&pki.server("target")).await;
    let change = |config: &mut crate::config::Config| {
        config.target_tls = Some(ConnectorSettings { ca: Some(other.ca()), verify: true });
        config.dial = Dial::BeforeAccept;
    };
    let gateway = Running::start(config_with(target.address(), change)).await;
    let answer = soon(gateway.ask(HANDSHAKE)).await;
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("TLS handshake failed"), "{}", answer.text());
}
