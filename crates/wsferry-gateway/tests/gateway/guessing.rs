//! A source that shows wrong passwords or unknown tokens is blocked for a while.

use crate::config::Config;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::AsyncWriteExt;
use wsferry_gateway::auth;
use wsferry_gateway::route::DestinationSettings;
use wsferry_gateway::route::TokenPlace;
use wsferry_gateway::web::Files;
use wsferry_testkit::raw::{Answer, HANDSHAKE};
use wsferry_testkit::targets;

use crate::service::{Service, answer};
use crate::support::{Running, auth_plugin, config_with, token_plugin};

/// What `--auth-plugin BasicHTTPAuth --auth-source anna:secret` sets.
fn with_password(config: &mut Config) {
    config.auth_plugin = Some(auth_plugin("BasicHTTPAuth", Some("anna:secret")).unwrap());
}

/// A handshake with these fields beside its own.
fn with(fields: &str) -> String {
    HANDSHAKE.replace("Upgrade: websocket", &format!("{fields}\r\nUpgrade: websocket"))
}

fn password(word: &str) -> String {
    with(&format!("Authorization: Basic {}", STANDARD.encode(format!("anna:{word}"))))
}

fn token(word: &str) -> String {
    HANDSHAKE.replace("/chat", &format!("/?token={word}"))
}

/// A gateway with one good token.
async fn by_token(change: impl FnOnce(&mut Config)) -> (Running, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, "good: echo:\n").unwrap();
    let source = token_plugin("TokenFile", tokens.to_str()).unwrap();
    let gateway = Running::start(config_with("echo:", |config| {
        config.route = DestinationSettings::Token { source, place: TokenPlace::Query };
        change(config);
    }))
    .await;
    (gateway, folder)
}

async fn expect(gateway: &Running, times: usize, request: &str, status: u16) {
    for number in 0..times {
        assert_eq!(gateway.ask(request).await.status, status, "{number}: {request}");
    }
}

fn assert_blocked(answer: &Answer) {
    assert_eq!(answer.status, 429, "{answer:?}");
    let seconds: u64 = answer.field("retry-after").parse().unwrap();
    assert!((1..=10).contains(&seconds), "{seconds}");
    assert_eq!(answer.field("connection"), "close");
    assert!(!answer.has("www-authenticate"));
}

#[tokio::test]
async fn after_ten_wrong_passwords_the_right_one_gets_429_and_when_to_come_again() {
    let gateway = Running::start(config_with("echo:", with_password)).await;
    expect(&gateway, 9, &password("wrong"), 401).await;
    expect(&gateway, 1, &password("secret"), 101).await; // forgives half
    expect(&gateway, 6, &password("wrong"), 401).await;
    for request in [password("secret"), password("wrong"), HANDSHAKE.to_owned()] {
        assert_blocked(&gateway.ask(request).await);
    }
}

#[tokio::test]
async fn after_ten_unknown_tokens_a_known_one_gets_429() {
    let (gateway, _folder) = by_token(|_| {}).await;
    expect(&gateway, 10, &token("unknown"), 403).await;
    assert_blocked(&gateway.ask(token("good")).await);
}

#[tokio::test]
async fn no_credentials_no_token_and_a_foreign_origin_or_host_are_no_failures() {
    let (gateway, _folder) = by_token(|_| {}).await;
    expect(&gateway, 20, HANDSHAKE, 403).await;
    let evil = token("unknown").replace("Upgrade: w", "Origin: http://evil\r\nUpgrade: w");
    expect(&gateway, 20, &evil, 403).await;
    let host = token("unknown").replace("Host: localhost", "Host: evil.example");
    expect(&gateway, 20, &host, 403).await;
    expect(&gateway, 1, &token("good"), 101).await;
    let gateway = Running::start(config_with("echo:", with_password)).await;
    expect(&gateway, 20, HANDSHAKE, 401).await;
    expect(&gateway, 1, &password("secret"), 101).await;
}

#[tokio::test]
async fn whoever_has_a_password_cannot_guess_tokens_without_end() {
    let (gateway, _folder) = by_token(with_password).await;
    let unknown = password("secret").replace("/chat", "/?token=unknown");
    expect(&gateway, 10, &unknown, 403).await;
    assert_blocked(&gateway.ask(password("secret").replace("/chat", "/?token=good")).await);
}

#[tokio::test]
async fn files_behind_the_password_are_refused_too_and_open_ones_are_not() {
    for web_auth in [true, false] {
        let gateway = Running::start(config_with("echo:", |config| {
            with_password(config);
            config.web = Some(Files::Page("<!doctype html>"));
            config.web_auth = web_auth;
        }))
        .await;
        let page = |word: &str| password(word).replace("/chat", "/").replace("Upgrade", "X-No");
        if web_auth {
            expect(&gateway, 10, &page("wrong"), 401).await;
            assert_blocked(&gateway.ask(page("secret")).await);
        } else {
            expect(&gateway, 10, &password("wrong"), 401).await;
            expect(&gateway, 1, &page("secret"), 200).await;
        }
        assert_blocked(&gateway.ask(password("secret")).await);
    }
}

#[tokio::test]
async fn a_service_that_says_no_counts_where_something_was_shown() {
    let service = Service::start(|head| match head.contains("known") {
        true => answer("200 OK", "", ""),
        false => answer("403 Forbidden", "", ""),
    })
    .await;
    for shown in ["Authorization: Bearer x", "X-Api-Key: x", ""] {
        let url = format!("http://127.0.0.1:{}/", service.port());
        let gateway = Running::start(config_with("echo:", |config| {
            let mut settings: auth::http::Settings = url.parse().unwrap();
            settings.fields.push("X-Api-Key".parse().unwrap());
            config.auth_plugin = Some(auth::PluginSettings::Http(settings));
        }))
        .await;
        expect(&gateway, 20, &with("Cookie: theme=dark"), 403).await;
        let guess = if shown.is_empty() { token("guess") } else { with(shown) };
        expect(&gateway, 10, &guess, 403).await;
        assert_blocked(&gateway.ask(with("X-User: known")).await);
    }
}

#[tokio::test]
async fn of_many_guesses_at_once_the_right_one_gets_no_answer_either() {
    let mut service = targets::by_hand().await;
    let url = format!("http://{}/", service.address());
    let gateway = Running::start(config_with("echo:", |config| {
        config.auth_plugin = Some(auth::PluginSettings::Http(url.parse().unwrap()));
    }))
    .await;
    // The service answers none of them before it has been asked about all.
    let mut right = gateway.raw().await;
    right.send(with("Authorization: Bearer right")).await;
    let mut about_right = service.report().await;
    let (mut wrong, mut about_wrong) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        let mut client = gateway.raw().await;
        client.send(with("Authorization: Bearer wrong")).await;
        wrong.push(client);
        about_wrong.push(service.report().await);
    }
    for (client, about) in wrong.iter_mut().zip(&mut about_wrong) {
        about.write_all(answer("401 Unauthorized", "", "").as_bytes()).await.unwrap();
        assert_eq!(client.answer().await.status, 401);
    }
    about_right.write_all(answer("200 OK", "", "").as_bytes()).await.unwrap();
    assert_blocked(&right.answer().await);
}

#[tokio::test]
async fn with_the_limit_off_nobody_is_blocked() {
    let gateway = Running::start(config_with("echo:", |config| {
        with_password(config);
        config.failures_per_source = 0;
    }))
    .await;
    expect(&gateway, 30, &password("wrong"), 401).await;
    expect(&gateway, 1, &password("secret"), 101).await;
}
