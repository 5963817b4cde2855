//! TLS towards targets.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::{ClientConfig, HandshakeKind};
use wsferry_gateway::tls::{Connector, ConnectorSettings, TlsError};
use wsferry_proto::HostName;
use wsferry_testkit::pki::Pki;

use super::{join, open, settings};

fn connector(ca: Option<PathBuf>, verify: bool) -> Arc<ClientConfig> {
    Connector::open(&ConnectorSettings { ca, verify }).unwrap().config()
}

fn host(name: &str) -> rustls::pki_types::ServerName<'static> {
    Connector::server_name(&name.parse::<HostName>().unwrap()).unwrap()
}

#[tokio::test]
async fn a_target_signed_by_the_ca_is_joined_by_name_and_by_address() {
    let pki = Pki::new();
    let target = open(settings(&pki.chained_server("target")));
    let config = connector(Some(pki.ca()), true);
    for (name, sent) in [("localhost", Some("localhost")), ("127.0.0.1", None), ("[::1]", None)] {
        let joined = join(Arc::clone(&target), Arc::clone(&config), host(name)).await.unwrap();
        assert_eq!(joined.server_name.as_deref(), sent);
    }
    let refused = join(target, config, host("127.0.0.2")).await.err().unwrap();
    assert!(refused.contains("not valid for name"), "{refused}");
}

#[tokio::test]
async fn other_targets_are_refused_unless_nothing_is_verified() {
    let (pki, other) = (Pki::new(), Pki::new());
    let config = connector(Some(pki.ca()), true);
    let unverified = connector(None, false);
    for (pair, words) in [
        (other.server("target"), "UnknownIssuer"),
        (pki.self_signed("alone"), "UnknownIssuer"),
        (pki.expired_server("expired"), "expired"),
        (pki.foreign_server("foreign"), "not valid for name"),
    ] {
        let target = open(settings(&pair));
        let refused = join(Arc::clone(&target), Arc::clone(&config), host("localhost")).await;
        let refused = refused.err().unwrap();
        assert!(refused.contains(words), "{refused}");
        join(target, Arc::clone(&unverified), host("localhost")).await.unwrap();
    }
}

#[tokio::test]
async fn the_cas_of_the_system_do_not_trust_ours() {
    match Connector::open(&ConnectorSettings { ca: None, verify: true }) {
        Err(TlsError::NoSystemAuthorities { .. }) => {}
        connector => {
            let pki = Pki::new();
            let target = open(settings(&pki.server("target")));
            let config = connector.unwrap().config();
            let refused = join(target, config, host("localhost")).await.err().unwrap();
            assert!(refused.contains("UnknownIssuer"), "{refused}");
        }
    }
}

#[tokio::test]
async fn a_self_signed_target_is_joined_when_its_certificate_is_the_ca_file() {
    let pki = Pki::new();
    let pairs =
        [pki.self_signed_by_openssl("ca", "2"), pki.version_1("v1"), pki.self_signed("alone")];
    for pair in pairs {
        let target = open(settings(&pair));
        let config = connector(Some(pair.cert.clone()), true);
        join(Arc::clone(&target), Arc::clone(&config), host("localhost")).await.unwrap();
        let refused = join(Arc::clone(&target), Arc::clone(&config), host("127.0.0.3")).await;
        let refused = refused.err().unwrap();
        assert!(refused.contains("not valid for name"), "{refused}");
        // A common name counts only where there are no others.
        let refused = join(Arc::clone(&target), Arc::clone(&config), host("server.test")).await;
        assert!(refused.is_err());
        // Another one of the same name is not it.
        let other = open(settings(&Pki::new().self_signed_by_openssl("ca", "2")));
        assert!(join(other, config, host("localhost")).await.is_err());
    }
}

#[tokio::test]
async fn a_known_certificate_that_is_expired_is_refused() {
    let pki = Pki::new();
    let pair = pki.expired_server("expired");
    let config = connector(Some(pair.cert.clone()), true);
    let refused = join(open(settings(&pair)), config, host("localhost")).await.err().unwrap();
    assert!(refused.contains("expired"), "{refused}");
}

#[tokio::test]
async fn sessions_with_targets_are_resumed() {
    let pki = Pki::new();
    let target = open(settings(&pki.server("target")));
    let config = connector(Some(pki.ca()), true);
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let joined = join(Arc::clone(&target), Arc::clone(&config), host("localhost")).await;
        assert_eq!(joined.unwrap().kind, kind);
    }
}

#[test]
fn a_ca_file_or_name_that_cannot_be_used_is_named() {
    let pki = Pki::new();
    let path = pki.path("none.pem");
    let open = || Connector::open(&ConnectorSettings { ca: Some(path.clone()), verify: true });
    let error = open().unwrap_err();
    assert!(matches!(error, TlsError::Read { role: "CA", .. }), "{error}");
    fs::write(&path, "-----BEGIN CERTIFICATE-----\nAQID").unwrap();
    let error = open().unwrap_err();
    assert!(matches!(error, TlsError::Damaged { role: "CA", .. }), "{error}");

    let name = "a".repeat(64);
    let error = Connector::server_name(&name.parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains(&name), "{error}");
}
