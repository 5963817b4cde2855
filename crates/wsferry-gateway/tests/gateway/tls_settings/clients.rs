//! Certificates of clients.

use std::sync::Arc;

use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};
use wsferry_gateway::tls::{Acceptor, ClientAuthority, ServerSettings, TlsError, common_names};
use wsferry_testkit::pki::{Pair, Pki};

use super::{client, client_with, join, localhost, open, refusal, settings};

fn verifying(pki: &Pki, pair: &Pair) -> ServerSettings {
    ServerSettings { clients: Some(ClientAuthority::File(pki.ca())), ..settings(pair) }
}

#[tokio::test]
async fn a_client_whose_certificate_the_ca_signed_comes_in_with_its_name() {
    let pki = Pki::new();
    let server = open(verifying(&pki, &pki.server("server")));
    let pair = pki.client("client", "Ada Lovelace");
    for version in [&TLS12, &TLS13] {
        let client = client_with(&pki, &pair, version);
        // A client that comes back is known by the same name.
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let joined = join(Arc::clone(&server), Arc::clone(&client), localhost()).await.unwrap();
            assert_eq!(joined.kind, kind);
            assert_eq!(common_names(&joined.certificate.unwrap()), ["Ada Lovelace"]);
        }
    }
}

#[tokio::test]
async fn other_clients_do_not_come_in() {
    let (pki, other) = (Pki::new(), Pki::new());
    let server = open(verifying(&pki, &pki.server("server")));
    let missing = join(Arc::clone(&server), client(&pki), localhost()).await.err().unwrap();
    assert!(missing.contains("sent no certificates"), "{missing}");
    for (pair, words) in [
        (other.client("client", "Ada Lovelace"), "UnknownIssuer"),
        // Signed by the right CA, but for a server.
        (pki.server("another"), "does not allow extended key usage for client"),
        (pki.expired_client("late", "Ada Lovelace"), "expired"),
    ] {
        for version in [&TLS12, &TLS13] {
            let client = client_with(&pki, &pair, version);
            let refused = join(Arc::clone(&server), client, localhost()).await.err().unwrap();
            assert!(refused.contains(words), "{refused}");
        }
    }
}

#[tokio::test]
async fn with_the_cas_of_the_system_no_client_of_ours_comes_in() {
    let pki = Pki::new();
    let pair = pki.server("server");
    let settings = ServerSettings { clients: Some(ClientAuthority::System), ..settings(&pair) };
    // A machine without CAs says so; one with them does not trust ours.
    match Acceptor::open(settings) {
        Err(TlsError::NoSystemAuthorities { .. }) => {}
        acceptor => {
            let client = client_with(&pki, &pki.client("client", "Ada"), &TLS13);
            let server = acceptor.unwrap().current();
            let refused = join(server, client, localhost()).await.err().unwrap();
            assert!(refused.contains("UnknownIssuer"), "{refused}");
        }
    }
}

#[test]
fn a_ca_file_that_cannot_be_used_is_named() {
    let pki = Pki::new();
    let pair = pki.server("server");
    let path = pki.path("cas.pem");
    let settings =
        || ServerSettings { clients: Some(ClientAuthority::File(path.clone())), ..settings(&pair) };
    let error = refusal(settings(), &path);
    assert!(matches!(error, TlsError::Read { role: "CA", .. }), "{error}");
    std::fs::write(&path, "nothing").unwrap();
    let error = refusal(settings(), &path);
    assert!(matches!(error, TlsError::NoCertificate { role: "CA", .. }), "{error}");
    std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n")
        .unwrap();
    let error = refusal(settings(), &path);
    assert!(matches!(error, TlsError::BadAuthority { .. }), "{error}");
}

#[test]
fn what_is_no_certificate_has_no_names() {
    assert!(common_names(&b"no certificate".to_vec().into()).is_empty());
}
