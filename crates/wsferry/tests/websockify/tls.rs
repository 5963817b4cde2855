//! TLS on the port of plain clients, and to the target.

use std::fs;

use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ProtocolVersion};
use tempfile::tempdir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wsferry_testkit::patience::soon;
use wsferry_testkit::targets;

use crate::client::{Refusal, chat, hear_close, leave};
use crate::pki::{PASSWORD, file};
use crate::subject::{Gateway, Subject, request};
use crate::tls_clients::{self, Tls, certificates};
use crate::web::{path, site};

same! {
    plain_and_tls_clients_share_the_port
    files_are_served_over_tls
    certificate_and_key_may_be_two_files
    self_pem_is_the_certificate_that_is_not_named
    a_chain_is_sent_as_a_whole
    encrypted_keys_are_opened_with_the_password
    without_the_certificate_file_there_is_no_tls
    a_replaced_certificate_is_shown_to_the_next_client
    client_certificates_are_verified
    without_a_cafile_the_systems_authorities_count
    the_lowest_version_is_chosen
    ciphers_are_named_as_openssl_does
    the_target_may_speak_tls
    a_target_of_tls_that_is_not_trusted_is_told_after_the_handshake
}

async fn plain_and_tls_clients_share_the_port(program: Subject) {
    let target = targets::echo().await;
    let gateway = program.gate_to(target.address(), &["--cert", &file("both.pem")]).await;
    let tls = Tls::default();
    let mut clients = [gateway.connect().await, tls.upgrade(&gateway).await];
    for client in &mut clients {
        chat(client).await;
    }
    for client in clients {
        leave(client).await;
    }
}

async fn files_are_served_over_tls(program: Subject) {
    let site = site();
    let gateway = gateway(program, &["--cert", &file("both.pem"), "--web", path(&site)]).await;
    let mut stream = Tls::default().connect(gateway.address()).await.unwrap();
    let request = request(gateway.port(), "GET", "/", &[("Connection", "close")]);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = soon(stream.read_to_end(&mut answer)).await; // websockify says no close_notify
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.ends_with("<title>desk</title>"), "{answer}");
}

async fn certificate_and_key_may_be_two_files(program: Subject) {
    let options = ["--cert", &file("server.pem"), "--key", &file("server.key"), "--ssl-only"];
    let gateway = gateway(program, &options).await;
    Tls::default().upgrade(&gateway).await;
}

async fn self_pem_is_the_certificate_that_is_not_named(program: Subject) {
    let folder = tempdir().unwrap();
    fs::copy(file("both.pem"), folder.path().join("self.pem")).unwrap();
    let target = targets::refusing().await.to_string();
    let gateway = program
        .gate_with(&[], &[&target], |command| {
            command.current_dir(folder.path());
        })
        .await;
    Tls::default().upgrade(&gateway).await;
}

async fn a_chain_is_sent_as_a_whole(program: Subject) {
    let options = ["--cert", &file("chain.pem"), "--key", &file("chain.key")];
    let gateway = gateway(program, &options).await;
    let stream = Tls::default().connect(gateway.address()).await.unwrap();
    assert_eq!(stream.get_ref().1.peer_certificates(), Some(&*certificates("chain")));
}

async fn encrypted_keys_are_opened_with_the_password(program: Subject) {
    for key in ["pkcs8-aes.key", "pkcs8-des3.key", "pkcs8-scrypt.key"] {
        let cert = file("server.pem");
        let options = ["--cert", &cert, "--key", &file(key), "--key-password", PASSWORD];
        let gateway = gateway(program, &options).await;
        Tls::default()
            .connect(gateway.address())
            .await
            .unwrap_or_else(|error| panic!("{key}: {error}"));
    }
}

async fn without_the_certificate_file_there_is_no_tls(program: Subject) {
    let folder = tempdir().unwrap();
    let missing = folder.path().join("missing.pem");
    let gateway = gateway(program, &["--cert", missing.to_str().unwrap()]).await;
    gateway.connect().await;
    assert!(Tls::default().connect(gateway.address()).await.is_err());
}

async fn a_replaced_certificate_is_shown_to_the_next_client(program: Subject) {
    let folder = tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let put = |name: &str| {
        fs::copy(file(&format!("{name}.key")), &key).unwrap();
        fs::copy(file(&format!("{name}.pem")), &cert).unwrap();
    };
    put("server");
    let target = targets::echo().await;
    let options = ["--cert", cert.to_str().unwrap(), "--key", key.to_str().unwrap()];
    let gateway = program.gate_to(target.address(), &options).await;
    let mut first = Tls::default().upgrade(&gateway).await;
    assert_eq!(shown(&gateway).await, certificates("server")[0]);
    put("second");
    let is_new = async {
        while shown(&gateway).await != certificates("second")[0] {} // each look is a handshake
    };
    soon(is_new).await;
    chat(&mut first).await;
}

async fn shown(gateway: &Gateway) -> rustls::pki_types::CertificateDer<'static> {
    let stream = Tls::default().connect(gateway.address()).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone()
}

async fn client_certificates_are_verified(program: Subject) {
    let options = ["--cert", &file("both.pem"), "--verify-client", "--cafile", &file("ca.pem")];
    let gateway = gateway(program, &options).await;
    for version in [&TLS12, &TLS13] {
        for (identity, is_let_in) in
            [(Some("alice"), true), (None, false), (Some("stranger"), false)]
        {
            let tls = Tls { version: Some(version), identity, cipher: None };
            let result = tls.try_upgrade(&gateway, "/", &[]).await;
            let expected = if is_let_in { None } else { Some(Refusal::Ended) };
            assert_eq!(result.err(), expected, "{identity:?} {version:?}");
        }
    }
}

async fn without_a_cafile_the_systems_authorities_count(program: Subject) {
    let options = ["--cert", &file("both.pem"), "--verify-client"];
    let gateway = gateway(program, &options).await;
    let alice = Tls { identity: Some("alice"), ..Tls::default() };
    assert_eq!(alice.try_upgrade(&gateway, "/", &[]).await.err(), Some(Refusal::Ended));

    let target = targets::refusing().await.to_string();
    let gateway = program
        .gate_with(&options, &[&target], |command| {
            command.env("SSL_CERT_FILE", file("ca.pem")); // the system's, by OpenSSL's own name
        })
        .await;
    alice.upgrade(&gateway).await;
}

async fn the_lowest_version_is_chosen(program: Subject) {
    let cases = [("default", true), ("tlsv1_2", true), ("tlsv1_3", false)];
    for (lowest, takes_1_2) in cases {
        let options = ["--cert", &file("both.pem"), "--ssl-version", lowest];
        let gateway = gateway(program, &options).await;
        let old = Tls { version: Some(&TLS12), ..Tls::default() };
        assert_eq!(old.connect(gateway.address()).await.is_ok(), takes_1_2, "{lowest}");
        let stream = Tls::default().connect(gateway.address()).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    }
}

async fn ciphers_are_named_as_openssl_does(program: Subject) {
    let ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
    let gateway = gateway(program, &["--cert", &file("both.pem"), "--ssl-ciphers", ciphers]).await;
    let with = |cipher| Tls { version: Some(&TLS12), cipher: Some(cipher), identity: None };
    let named = with(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384);
    let other = with(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
    named.upgrade(&gateway).await;
    assert!(other.connect(gateway.address()).await.is_err());
    // The ciphers of TLS 1.3 are not chosen by this option.
    let newer = Tls { version: Some(&TLS13), ..Tls::default() };
    newer.upgrade(&gateway).await;
}

async fn the_target_may_speak_tls(program: Subject) {
    let mut target = tls_clients::echo().await;
    let by_name = format!("localhost:{}", target.address().port());
    let gateway = program
        .gate_with(&["--ssl-target"], &[&by_name], |command| {
            command.env("SSL_CERT_FILE", file("ca.pem"));
        })
        .await;
    let mut client = gateway.connect().await;
    chat(&mut client).await;
    assert_eq!(target.report().await, Ok(Some("localhost".to_owned())), "SNI");
    leave(client).await;
}

async fn a_target_of_tls_that_is_not_trusted_is_told_after_the_handshake(program: Subject) {
    let target = tls_clients::echo().await;
    let by_name = format!("localhost:{}", target.address().port());
    let gateway = program.gate(&["--ssl-target"], &[&by_name]).await;
    let (code, reason) = hear_close(&mut gateway.connect().await).await;
    assert_eq!(code, 1011);
    assert!(reason.starts_with("Failed to connect to downstream server"), "{reason}");
}

pub(crate) async fn tls_1_1(program: Subject) {
    let options = ["--cert", &file("both.pem"), "--ssl-version", "tlsv1_1"];
    match program {
        Subject::Websockify => {
            let gateway = gateway(program, &options).await;
            Tls::default().upgrade(&gateway).await;
        }
        Subject::Wsferry => {
            let words = [&options[..], &["127.0.0.1:0", "127.0.0.1:1"]].concat();
            let exit = program.start(&words).exit().await;
            assert_eq!(exit.status.code(), Some(2), "{}", exit.stderr);
            assert!(exit.stderr.contains("tlsv1_2"), "what is possible: {}", exit.stderr);
        }
    }
}

pub(crate) async fn a_cipher_that_does_not_exist(program: Subject) {
    let options = ["--cert", &file("both.pem"), "--ssl-ciphers", "ECDHE-NOBODY-AES256"];
    never_speaks_tls(program, &options, "ECDHE-NOBODY-AES256").await;
}

pub(crate) async fn a_key_that_cannot_be_opened(program: Subject) {
    let (cert, key) = (file("server.pem"), file("pkcs8-aes.key"));
    let wrong = ["--cert", &cert, "--key", &key, "--key-password", "wrong"];
    never_speaks_tls(program, &wrong, &key).await;
    if program == Subject::Wsferry {
        let none = ["--cert", &*cert, "--key", &key];
        never_speaks_tls(program, &none, "--key-password").await;
    }
}

pub(crate) async fn a_key_encrypted_in_the_traditional_form(program: Subject) {
    let (cert, key) = (file("server.pem"), file("sec1-aes.key"));
    let options = ["--cert", &*cert, "--key", &key, "--key-password", PASSWORD];
    match program {
        Subject::Websockify => {
            let gateway = gateway(program, &options).await;
            Tls::default().connect(gateway.address()).await.unwrap();
        }
        Subject::Wsferry => {
            never_speaks_tls(program, &options, &key).await;
            never_speaks_tls(program, &options, "openssl pkcs8 -topk8").await;
        }
    }
}

/// websockify starts and no handshake comes to its end; wsferry does not start, and says why.
async fn never_speaks_tls(program: Subject, options: &[&str], named: &str) {
    match program {
        Subject::Websockify => {
            let gateway = gateway(program, options).await;
            assert!(Tls::default().connect(gateway.address()).await.is_err());
        }
        Subject::Wsferry => {
            let words = [options, &["127.0.0.1:0", "127.0.0.1:1"]].concat();
            let exit = program.start(&words).exit().await;
            assert!(!exit.status.success());
            assert!(exit.stderr.contains(named), "{named} is not in {}", exit.stderr);
        }
    }
}

pub(crate) async fn a_plain_client_where_only_tls_is_welcome(program: Subject) {
    let gateway = gateway(program, &["--cert", &file("both.pem"), "--ssl-only"]).await;
    let refusal = gateway.try_connect("/", &[]).await.err();
    match program {
        Subject::Websockify => assert_eq!(refusal, Some(Refusal::Ended)),
        Subject::Wsferry => assert_eq!(refusal, Some(Refusal::Status(403))),
    }
    Tls::default().upgrade(&gateway).await;
}

pub(crate) async fn a_plain_client_where_certificates_are_asked_for(program: Subject) {
    let options = ["--cert", &file("both.pem"), "--verify-client", "--cafile", &file("ca.pem")];
    let gateway = gateway(program, &options).await;
    let refusal = gateway.try_connect("/", &[]).await.err();
    match program {
        Subject::Websockify => assert_eq!(refusal, None),
        Subject::Wsferry => assert_eq!(refusal, Some(Refusal::Status(403))),
    }
}

/// A gateway whose target does not matter.
async fn gateway(program: Subject, options: &[&str]) -> Gateway {
    program.gate_to(targets::refusing().await, options).await
}
