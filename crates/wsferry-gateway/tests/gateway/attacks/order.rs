//! Host, origin, authentication, token, target: nothing is asked, looked up or dialled before what
//! stands in front of it has said yes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::config::Config;
use wsferry_gateway::route::DestinationSettings;
use wsferry_gateway::route::{Dial, TokenPlace};
use wsferry_gateway::web::Files;
use wsferry_testkit::raw::HANDSHAKE;
use wsferry_testkit::targets::{self, Target};

use super::{gateway, handshake};
use crate::service::{Service, answer, target};
use crate::support::{Running, auth_plugin};

/// A gateway whose every step is counted by a server of its own.
struct Stage {
    gateway: Running,
    auth: Service,
    /// What the auth service answers.
    says: Arc<AtomicU16>,
    tokens: Service,
    target: Target<tokio::net::TcpStream>,
}

impl Stage {
    async fn set(change: impl FnOnce(&mut Config)) -> Self {
        let says = Arc::new(AtomicU16::new(204));
        let status = Arc::clone(&says);
        let auth = Service::start(move |_| {
            answer(&format!("{} X", status.load(Ordering::Relaxed)), "", "")
        })
        .await;
        let target_ = targets::by_hand().await;
        let address = target_.address().to_string();
        let tokens = Service::start(move |head| match target(head) {
            "/good" | "/good.example" => answer("200 OK", "", &address),
            _ => answer("404 Not Found", "", ""),
        })
        .await;
        let url = format!("http://127.0.0.1:{}/%s", tokens.port());
        let check = format!("http://127.0.0.1:{}/", auth.port());
        let gateway = gateway("BaseTokenAPI", &url, |config| {
            config.auth_plugin = Some(auth_plugin("HttpAuth", Some(&check)).unwrap());
            config.dial = Dial::BeforeAccept;
            change(config);
        })
        .await;
        Self { gateway, auth, says, tokens, target: target_ }
    }

    /// The status of an answer, and how often each of the three was asked so far.
    async fn ask(&self, request: &str) -> (u16, [usize; 3]) {
        let status = self.gateway.ask(request).await.status;
        let dialled = usize::from(self.target.has_report());
        (status, [self.auth.heads().len(), self.tokens.heads().len(), dialled])
    }
}

#[tokio::test]
async fn nothing_is_asked_before_the_step_in_front_of_it_said_yes() {
    let stage = Stage::set(|_| {}).await;
    let good = handshake("/?token=good");
    let foreign_host = good.replace("Host: localhost", "Host: evil.example");
    assert_eq!(stage.ask(&foreign_host).await, (403, [0, 0, 0]));
    let foreign_page = good.replace("\r\n\r\n", "\r\nOrigin: https://evil.example\r\n\r\n");
    assert_eq!(stage.ask(&foreign_page).await, (403, [0, 0, 0]));
    let no_handshake = good.replace("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 12");
    assert_eq!(stage.ask(&no_handshake).await, (426, [0, 0, 0]));
    for (count, status) in [(1, 401), (2, 403)] {
        stage.says.store(status, Ordering::Relaxed);
        assert_eq!(stage.ask(&good).await, (status, [count, 0, 0]));
    }
    stage.says.store(500, Ordering::Relaxed);
    assert_eq!(stage.ask(&good).await, (503, [3, 0, 0]));
    stage.says.store(204, Ordering::Relaxed);
    assert_eq!(stage.ask(&handshake("/")).await, (403, [4, 0, 0]));
    assert_eq!(stage.ask(&handshake("/?token=bad")).await, (403, [5, 1, 0]));
    assert_eq!(stage.ask(&good).await, (101, [6, 2, 1]));
}

#[tokio::test]
async fn files_behind_a_password_ask_for_the_host_first() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::set(|config| {
        config.web = Some(Files::Directory(folder.path().to_owned()));
        config.web_auth = true;
    })
    .await;
    let file = |host: &str| format!("GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n");
    assert_eq!(stage.ask(&file("evil.example")).await, (403, [0, 0, 0]));
    assert_eq!(stage.ask(&file("localhost")).await, (404, [1, 0, 0]));
}

#[tokio::test]
async fn a_host_that_may_be_a_token_is_looked_up_for_nobody_who_was_not_let_in() {
    for web in [None, Some(tempfile::tempdir().unwrap())] {
        let stage = Stage::set(|config| {
            config.web = web.as_ref().map(|folder| Files::Directory(folder.path().to_owned()));
            if let DestinationSettings::Token { place, .. } = &mut config.route {
                *place = TokenPlace::Host;
            }
        })
        .await;
        let file = |host: &str| format!("GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let page = HANDSHAKE.replace("Host: localhost", "Host: good.example");
        stage.says.store(401, Ordering::Relaxed);
        assert_eq!(stage.ask(&file("good.example")).await, (401, [1, 0, 0]));
        assert_eq!(stage.ask(&file("bad.example")).await, (401, [2, 0, 0]));
        assert_eq!(stage.ask(&page).await, (401, [3, 0, 0]));
        stage.says.store(204, Ordering::Relaxed);
        assert_eq!(stage.ask(&file("bad.example")).await, (403, [4, 1, 0]));
        let found = if web.is_some() { 404 } else { 426 };
        assert_eq!(stage.ask(&file("good.example")).await, (found, [5, 2, 0]));
        assert_eq!(stage.ask(&page).await, (101, [6, 3, 1]));
    }
}

#[tokio::test]
async fn what_a_client_says_in_the_fields_of_the_service_does_not_count() {
    let stage = Stage::set(|_| {}).await;
    let forged = "\r\nX-Target: echo:\r\nX_Target: echo:\r\nX-Identity: root\r\n\
        X-Forwarded-For: 10.0.0.1\r\nX_Forwarded_For: 10.0.0.1\r\n\r\n";
    let request = handshake("/?token=bad").replace("\r\n\r\n", forged);
    assert_eq!(stage.ask(&request).await.0, 403);
    let shown = stage.auth.heads().remove(0).to_lowercase();
    assert!(!shown.contains("10.0.0.1") && !shown.contains("root"), "{shown}");
    assert!(!shown.contains("target:"), "{shown}");
    assert!(shown.contains("\r\nx-forwarded-for: 127.0.0.1\r\n"), "{shown}");
}

/// The service is the operator's own: it may name every kind of target.
#[tokio::test]
async fn a_service_may_lead_to_the_echo_and_to_unix_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for name in ["echo:".to_owned(), format!("unix_socket:{}", socket.display())] {
        let field = format!("X-Target: {name}\r\n");
        let service = Service::start(move |_| answer("200 OK", &field, "")).await;
        let url = format!("http://127.0.0.1:{}/", service.port());
        let config = crate::support::config_with("127.0.0.1:1", |config| {
            config.auth_plugin = Some(auth_plugin("HttpAuth", Some(&url)).unwrap());
            config.dial = Dial::BeforeAccept;
        });
        let gateway = Running::start(config).await;
        assert_eq!(gateway.ask(HANDSHAKE).await.status, 101, "{name}");
    }
}

#[tokio::test]
async fn a_service_that_answers_too_much_garbage_or_elsewhere_lets_nobody_in() {
    let long = answer("200 OK", "", &"x".repeat(1 << 20));
    let endless = format!("HTTP/1.1 200 OK\r\n{}", "X-Filler: x\r\n".repeat(100_000));
    let continued = "HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000);
    for text in [
        long,
        endless,
        continued,
        "220 mail.example ESMTP\r\n".to_owned(),
        answer("302 Found", "Location: /\r\n", ""),
        answer("200 OK", "X-Target: a b\r\n", ""),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned(),
    ] {
        let shown = text[..text.len().min(60)].to_owned();
        let service = Service::start(move |_| text.clone()).await;
        let url = format!("http://127.0.0.1:{}/", service.port());
        let config = crate::support::config_with("echo:", |config| {
            config.auth_plugin = Some(auth_plugin("HttpAuth", Some(&url)).unwrap());
        });
        let answer = Running::start(config).await.ask(HANDSHAKE).await;
        assert_eq!((answer.status, answer.field("retry-after")), (503, "5"), "{shown}");
    }
}
