//! Names of targets and services, and a resolver that does not answer.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use crate::config::Config;
use wsferry_gateway::auth;
use wsferry_gateway::net::Resolver;
use wsferry_gateway::route::DestinationSettings;
use wsferry_gateway::route::Dial;
use wsferry_gateway::token::redis::TokenRedis;
use wsferry_gateway::token::{Token, TokenSource};
use wsferry_gateway::web::Files;
use wsferry_testkit::patience::{soon, until};
use wsferry_testkit::raw::{BINARY, FIN, Frame, HANDSHAKE};
use wsferry_testkit::targets::{self, End};

use crate::service::{Service, answer};
use crate::support::{Running, config_with};

const TIMED_OUT: &str = "Failed to connect to downstream server: timed out";
/// What most resolvers have threads for.
const MANY: usize = 20;

/// A resolver that gives no answer for names that begin with `silent` while the test runs, and
/// 127.0.0.1 for others: it, what ends its silence, and the number of look-ups.
fn resolver() -> (Resolver, mpsc::Sender<()>, Arc<AtomicUsize>) {
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let resolver = Resolver::new(move |name| {
        counted.fetch_add(1, Ordering::SeqCst);
        if name.starts_with("silent") {
            let _ = held.lock().unwrap().recv();
            return Err(io::Error::other("no such name"));
        }
        Ok(vec![([127, 0, 0, 1], 0).into()])
    });
    (resolver, release, count)
}

/// A gateway whose clients choose among `targets`.
async fn gateway(
    targets: &[String],
    resolver: Resolver,
    change: impl FnOnce(&mut Config),
) -> Running {
    let targets = targets.iter().map(|target| target.parse().unwrap()).collect();
    Running::start(config_with("echo:", |config| {
        config.route = DestinationSettings::Listed(targets);
        config.resolver = resolver;
        change(config);
    }))
    .await
}

fn to(target: &str) -> String {
    HANDSHAKE.replace("/chat", &format!("/?address={target}"))
}

#[tokio::test]
async fn a_resolver_that_does_not_answer_touches_no_file_and_no_other_session() {
    const PAGE: &str = "<!doctype html><title>here</title>";
    let echo = targets::echo().await.address().to_string();
    let site = tempfile::tempdir().unwrap();
    std::fs::write(site.path().join("index.html"), PAGE).unwrap();
    let (resolver, _release, count) = resolver();
    let silent = "silent.example:1".to_owned();
    let gateway = gateway(&[silent.clone(), echo.clone()], resolver, |config| {
        config.web = Some(Files::Directory(site.path().to_owned()));
        config.session.connect_timeout = Duration::from_secs(20);
    })
    .await;
    let mut waiting = Vec::new();
    for _ in 0..500 {
        let mut client = gateway.raw().await;
        client.send(to(&silent)).await;
        assert_eq!(client.answer().await.status, 101);
        waiting.push(client);
    }
    until(|| count.load(Ordering::SeqCst) > 0).await;
    for _ in 0..20 {
        let page = gateway.ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert_eq!((page.status, page.text()), (200, PAGE.to_owned()));
        let mut client = gateway.raw().await;
        client.send(to(&echo)).await;
        assert_eq!(client.answer().await.status, 101);
        let mut client = client.into_client();
        client.send_frame(FIN | BINARY, b"hello").await;
        assert_eq!(client.payload(5).await, b"hello");
    }
    assert_eq!(count.load(Ordering::SeqCst), 1, "500 sessions to one name share a look-up");
}

#[tokio::test]
async fn names_that_the_resolver_has_no_time_for_time_out_within_connect_timeout() {
    let names: Vec<String> = (0..MANY).map(|number| format!("silent{number}:1")).collect();
    for dial in [Dial::AfterAccept, Dial::BeforeAccept] {
        let (resolver, release, _) = resolver();
        let gateway = gateway(&names, resolver, |config| {
            config.session.connect_timeout = Duration::from_millis(500);
            config.dial = dial;
        })
        .await;
        let mut clients = Vec::new();
        for name in &names {
            let mut client = gateway.raw().await;
            client.send(to(name)).await;
            clients.push(client);
        }
        for mut client in clients {
            let status = client.answer().await.status;
            if dial == Dial::BeforeAccept {
                assert_eq!(status, 504);
                continue;
            }
            assert_eq!(status, 101);
            let (frames, end) = client.into_client().leave().await;
            assert_eq!((frames, end), (vec![Frame::close(1011, TIMED_OUT)], End::Fin));
        }
        drop(release);
    }
}

#[tokio::test]
async fn web_services_and_redis_are_found_by_the_same_resolver() {
    let service = Service::start(|_| answer("200 OK", "", "")).await;
    let (resolver, _release, count) = resolver();
    let url = format!("http://service.example:{}/", service.port());
    let echo: SocketAddr = targets::echo().await.address();
    let gateway = gateway(&[echo.to_string()], resolver.clone(), |config| {
        config.auth_plugin = Some(auth::PluginSettings::Http(url.parse().unwrap()));
    })
    .await;
    assert_eq!(gateway.ask(to(&echo.to_string())).await.status, 101);
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let refusing = targets::refusing().await.port();
    for (number, url) in ["redis://", "redis-cluster://"].into_iter().enumerate() {
        let settings = format!("{url}redis{number}.example:{refusing}").parse().unwrap();
        let source = TokenRedis::new(settings, resolver.clone()).unwrap();
        let token = Token::new("token").unwrap();
        soon(source.look_up(&token)).await.unwrap_err();
        assert_eq!(count.load(Ordering::SeqCst), 2 + number, "{url}");
    }
}
