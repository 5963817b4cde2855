//! Files that change while the gateway runs.

use std::fs;
use std::path::Path;

use rustls::HandshakeKind;
use wsferry_gateway::tls::{Acceptor, ClientAuthority, Reload, ServerSettings, TlsError};
use wsferry_testkit::pki::{Pair, Pki};

use super::{client, client_with, join, localhost, settings};

/// Puts a file in the place of another in one step, as certbot and Kubernetes do.
fn put(new: &Path, place: &Path) {
    fs::rename(new, place).unwrap();
}

fn failure(reload: Option<Reload>) -> TlsError {
    match reload {
        Some(Reload::Failed(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// Whether a client that trusts `pki` alone gets in: tells whose certificate is shown.
async fn shows_one_of(acceptor: &Acceptor, pki: &Pki) -> bool {
    join(acceptor.current(), client(pki), localhost()).await.is_ok()
}

#[tokio::test]
async fn a_new_pair_is_shown_to_new_connections() {
    let (old, new) = (Pki::new(), Pki::new());
    let (pair, replacement) = (old.server("server"), new.server("server"));
    let acceptor = Acceptor::open(settings(&pair)).unwrap();
    assert!(acceptor.reload().is_none());
    assert!(shows_one_of(&acceptor, &old).await);

    put(&replacement.cert, &pair.cert);
    put(&replacement.key, &pair.key);
    let reload = acceptor.reload();
    assert!(matches!(reload, Some(Reload::Replaced)), "{reload:?}");
    assert!(acceptor.reload().is_none());
    assert!(shows_one_of(&acceptor, &new).await && !shows_one_of(&acceptor, &old).await);
}

#[tokio::test]
async fn a_pair_that_is_half_replaced_leaves_the_old_one_until_the_other_half_lands() {
    let (old, new) = (Pki::new(), Pki::new());
    for key_first in [false, true] {
        let (pair, replacement) = (old.server("server"), new.server("server"));
        let acceptor = Acceptor::open(settings(&pair)).unwrap();
        let mut moves = [(&replacement.cert, &pair.cert), (&replacement.key, &pair.key)];
        if key_first {
            moves.reverse();
        }
        put(moves[0].0, moves[0].1);
        let error = failure(acceptor.reload());
        assert!(matches!(error, TlsError::Mismatch { .. }), "{error}");
        // Told once.
        assert!(acceptor.reload().is_none());
        assert!(shows_one_of(&acceptor, &old).await);

        put(moves[1].0, moves[1].1);
        let reload = acceptor.reload();
        assert!(matches!(reload, Some(Reload::Replaced)), "{reload:?}");
        assert!(shows_one_of(&acceptor, &new).await);
    }
}

#[tokio::test]
async fn broken_files_are_told_once_per_change_and_the_old_pair_stays() {
    let pki = Pki::new();
    let pair = pki.server("server");
    let acceptor = Acceptor::open(settings(&pair)).unwrap();
    let [cert, key] = [&pair.cert, &pair.key].map(|path| fs::read(path).unwrap());

    fs::write(&pair.cert, &cert[..cert.len() / 2]).unwrap();
    let error = failure(acceptor.reload());
    assert!(matches!(error, TlsError::Damaged { .. }), "{error}");
    assert!(acceptor.reload().is_none() && shows_one_of(&acceptor, &pki).await);

    fs::write(&pair.cert, "").unwrap();
    let error = failure(acceptor.reload());
    assert!(matches!(error, TlsError::NoCertificate { .. }), "{error}");

    fs::write(&pair.cert, &cert).unwrap();
    fs::remove_file(&pair.key).unwrap();
    let error = failure(acceptor.reload());
    assert!(matches!(error, TlsError::Read { role: "key", .. }), "{error}");
    assert!(acceptor.reload().is_none() && shows_one_of(&acceptor, &pki).await);

    fs::write(&pair.key, &key).unwrap();
    let reload = acceptor.reload();
    assert!(matches!(reload, Some(Reload::Replaced)), "{reload:?}");
    assert!(shows_one_of(&acceptor, &pki).await);
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_that_points_elsewhere_is_followed() {
    let (old, new) = (Pki::new(), Pki::new());
    let (first, second) = (old.server("server"), new.server("server"));
    let place = |name| old.path(name);
    let linked = Pair { cert: place("live.crt"), key: place("live.key") };
    let link = |pair: &Pair| {
        for (file, name) in [(&pair.cert, &linked.cert), (&pair.key, &linked.key)] {
            std::os::unix::fs::symlink(file, place("new")).unwrap();
            put(&place("new"), name);
        }
    };
    link(&first);
    let acceptor = Acceptor::open(settings(&linked)).unwrap();
    link(&second);
    let reload = acceptor.reload();
    assert!(matches!(reload, Some(Reload::Replaced)), "{reload:?}");
    assert!(shows_one_of(&acceptor, &new).await);
}

#[tokio::test]
async fn a_client_of_a_ca_that_was_replaced_does_not_come_back() {
    let (pki, new) = (Pki::new(), Pki::new());
    let authority = pki.path("clients.pem");
    fs::copy(pki.ca(), &authority).unwrap();
    let acceptor = Acceptor::open(ServerSettings {
        clients: Some(ClientAuthority::File(authority.clone())),
        ..settings(&pki.server("server"))
    })
    .unwrap();
    let client = client_with(&pki, &pki.client("client", "Ada"), &rustls::version::TLS13);
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let joined = join(acceptor.current(), client.clone(), localhost()).await.unwrap();
        assert_eq!(joined.kind, kind);
    }
    fs::copy(new.ca(), &authority).unwrap();
    let reload = acceptor.reload();
    assert!(matches!(reload, Some(Reload::Replaced)), "{reload:?}");
    assert!(join(acceptor.current(), client, localhost()).await.is_err());
}
