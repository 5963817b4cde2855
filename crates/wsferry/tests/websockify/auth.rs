//! Auth plug-ins, and `--web-auth`.

use std::net::SocketAddr;

use wsferry_testkit::targets;

use crate::client::{Refusal, chat};
use crate::pki::file;
use crate::subject::{Gateway, Subject};
use crate::tls_clients::Tls;
use crate::web::{path, site};

same! {
    basic_lets_in_who_has_the_password
    basic_asks_those_who_have_none
    basic_passwords_may_hold_colons
    files_are_open_without_web_auth
    web_auth_closes_the_files_too
    basic_works_over_tls
    expect_origin_lets_in_the_origins_of_its_list
    client_certificates_are_let_in_by_their_common_name
}

const BASIC: [&str; 4] = ["--auth-plugin", "BasicHTTPAuth", "--auth-source", "me:secret"];
/// `me:secret`
const RIGHT: (&str, &str) = ("Authorization", "Basic bWU6c2VjcmV0");

async fn basic_lets_in_who_has_the_password(program: Subject) {
    let gateway = program.gate_to(targets::echo().await.address(), &BASIC).await;
    chat(&mut gateway.try_connect("/", &[RIGHT]).await.unwrap()).await;
    let wrong = [
        ("Basic bWU6", 401),             // me:
        ("Basic bWU6c2VjcmV0MQ==", 401), // me:secret1
        ("Basic OnNlY3JldA==", 401),     // :secret
        ("Basic eW91OnNlY3JldA==", 401), // you:secret
    ];
    for (credentials, status) in wrong {
        let result = gateway.try_connect("/", &[("Authorization", credentials)]).await;
        assert_eq!(result.err(), Some(Refusal::Status(status)), "{credentials}");
    }
}

pub(crate) async fn credentials_of_another_form(program: Subject) {
    let gateway = program.gate_to(targets::refusing().await, &BASIC).await;
    let status = match program {
        Subject::Websockify => 403,
        Subject::Wsferry => 401,
    };
    // `me`, without a colon
    for credentials in ["Basic bWU=", "Bearer bWU6c2VjcmV0"] {
        let result = gateway.try_connect("/", &[("Authorization", credentials)]).await;
        assert_eq!(result.err(), Some(Refusal::Status(status)), "{credentials}");
    }
}

async fn basic_asks_those_who_have_none(program: Subject) {
    let gateway = program.gate_to(targets::refusing().await, &BASIC).await;
    let fields = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
    ];
    let answer = gateway.ask("GET", "/", &fields).await.unwrap();
    assert_eq!(answer.status, 401);
    assert_eq!(answer.field("www-authenticate"), "Basic realm=\"Websockify\"");
}

async fn basic_passwords_may_hold_colons(program: Subject) {
    let options = ["--auth-plugin", "BasicHTTPAuth", "--auth-source", "me:se:cret"];
    let gateway = program.gate_to(targets::echo().await.address(), &options).await;
    let right = ("Authorization", "Basic bWU6c2U6Y3JldA==");
    chat(&mut gateway.try_connect("/", &[right]).await.unwrap()).await;
}

async fn files_are_open_without_web_auth(program: Subject) {
    let site = site();
    let options = [&BASIC[..], &["--web", path(&site)]].concat();
    let gateway = program.gate_to(targets::refusing().await, &options).await;
    assert_eq!(gateway.load("/").await.status, 200);
    assert_refused(&gateway, &[], 401).await;
}

async fn web_auth_closes_the_files_too(program: Subject) {
    let site = site();
    let options = [&BASIC[..], &["--web", path(&site), "--web-auth"]].concat();
    let gateway = program.gate_to(targets::echo().await.address(), &options).await;
    let answer = gateway.load("/").await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.field("www-authenticate"), "Basic realm=\"Websockify\"");
    assert_eq!(gateway.load("/missing").await.status, 401);
    let answer = gateway.ask("GET", "/", &[RIGHT]).await.unwrap();
    assert_eq!((answer.status, &*answer.text()), (200, "<title>desk</title>"));
    chat(&mut gateway.try_connect("/", &[RIGHT]).await.unwrap()).await;
}

async fn basic_works_over_tls(program: Subject) {
    let cert = file("both.pem");
    let options = [&BASIC[..], &["--cert", &cert, "--ssl-only"]].concat();
    let gateway = program.gate_to(targets::echo().await.address(), &options).await;
    let tls = Tls::default();
    chat(&mut tls.try_upgrade(&gateway, "/", &[RIGHT]).await.unwrap()).await;
    let refusal = tls.try_upgrade(&gateway, "/", &[]).await.err();
    assert_eq!(refusal, Some(Refusal::Status(401)));
}

async fn expect_origin_lets_in_the_origins_of_its_list(program: Subject) {
    let list = "https://one.example http://two.example:8080";
    let options = ["--auth-plugin", "ExpectOrigin", "--auth-source", list];
    let gateway = program.gate_to(targets::echo().await.address(), &options).await;
    for origin in ["https://one.example", "http://two.example:8080"] {
        chat(&mut gateway.try_connect("/", &[("Origin", origin)]).await.unwrap()).await;
    }
    for origin in ["http://one.example", "https://one.example.net", "http://two.example", "null"] {
        assert_refused(&gateway, &[("Origin", origin)], 403).await;
    }
    assert_refused(&gateway, &[], 403).await;
}

const COMMON_NAMES: [&str; 4] = ["--auth-plugin", "ClientCertCNAuth", "--auth-source", "alice eve"];

async fn client_certificates_are_let_in_by_their_common_name(program: Subject) {
    let gateway = common_names(program, targets::echo().await.address()).await;
    let alice = Tls { identity: Some("alice"), ..Tls::default() };
    chat(&mut alice.upgrade(&gateway).await).await;
    let bob = Tls { identity: Some("bob"), ..Tls::default() };
    let refusal = bob.try_upgrade(&gateway, "/", &[]).await.err();
    assert_eq!(refusal, Some(Refusal::Status(403)));
    assert_refused(&gateway, &[], 403).await; // who comes without TLS shows no certificate
}

pub(crate) async fn a_common_name_that_a_header_claims(program: Subject) {
    let gateway = common_names(program, targets::refusing().await).await;
    let claim = [("ssl_client_s_dn_cn", "alice")];
    let bob = Tls { identity: Some("bob"), ..Tls::default() };
    let refusals =
        [gateway.try_connect("/", &claim).await, bob.try_upgrade(&gateway, "/", &claim).await];
    for refusal in refusals.map(Result::err) {
        match program {
            Subject::Websockify => assert_eq!(refusal, None),
            Subject::Wsferry => assert!(matches!(refusal, Some(Refusal::Status(400 | 403)))),
        }
    }
}

pub(crate) async fn credentials_that_are_no_base64(program: Subject) {
    let gateway = program.gate_to(targets::refusing().await, &BASIC).await;
    let result = gateway.try_connect("/", &[("Authorization", "Basic b")]).await;
    match program {
        Subject::Websockify => assert_eq!(result.err(), Some(Refusal::Ended)),
        Subject::Wsferry => assert!(matches!(result.err(), Some(Refusal::Status(401 | 403)))),
    }
}

async fn common_names(program: Subject, target: SocketAddr) -> Gateway {
    let (cert, authority) = (file("both.pem"), file("ca.pem"));
    let tls = ["--cert", &cert, "--verify-client", "--cafile", &authority];
    program.gate_to(target, &[&COMMON_NAMES[..], &tls].concat()).await
}

async fn assert_refused(gateway: &Gateway, fields: &[(&str, &str)], status: u16) {
    let refusal = gateway.try_connect("/", fields).await.err();
    assert_eq!(refusal, Some(Refusal::Status(status)), "{fields:?}");
}
