//! Several routes and several listeners: which requests lead where.

use tokio::io::AsyncWriteExt;
use wsferry_gateway::auth::AllowHost;
use wsferry_gateway::config::ListenAddress;
use wsferry_gateway::gateway::{Gateway, Settings};
use wsferry_gateway::route::{Matches, RouteSettings};
use wsferry_gateway::web::Files;
use wsferry_testkit::raw::Raw;
use wsferry_testkit::targets::{self, Target};

use crate::support::{Running, config};

/// A target that says its name first, and echoes then.
pub(crate) async fn named(name: &'static str) -> Target<()> {
    Target::start(move |mut stream| async move {
        let _ = stream.write_all(name.as_bytes()).await;
        targets::echoing(stream).await;
    })
    .await
}

/// A route to a target, for these hosts and this path.
pub(crate) fn route(name: &str, target: &Target<()>, hosts: &[&str], path: &str) -> RouteSettings {
    let mut settings = Settings::from(config(target.address()));
    let mut route = settings.routes.remove(0);
    route.name = name.to_owned();
    let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
    route.matches = Matches { hosts, path: path.parse().unwrap() };
    route
}

/// Settings with these routes, on a listener for every host name.
pub(crate) fn settings(routes: Vec<RouteSettings>) -> Settings {
    let mut settings = Settings::from(config("echo:"));
    settings.listeners[0].allow_host = vec![AllowHost::Any];
    settings.routes = routes;
    settings
}

/// What a client asks for that wants a session.
pub(crate) fn handshake(host: &str, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// Where a handshake leads: the name of a target, or the status of the refusal.
pub(crate) async fn led_to(mut raw: Raw, host: &str, path: &str, length: usize) -> String {
    raw.send(handshake(host, path)).await;
    let answer = raw.answer().await;
    if answer.status != 101 {
        return answer.status.to_string();
    }
    let name = raw.into_client().payload(length).await;
    String::from_utf8(name).unwrap()
}

#[tokio::test]
async fn host_and_path_choose_the_route_and_what_none_matches_is_404() {
    let (game, vnc, rest) = (named("game").await, named("desk").await, named("rest").await);
    let gateway = settings(vec![
        route("game", &game, &["play.example.com"], "/game"),
        route("desk", &vnc, &["*.example.com"], "/"),
        route("rest", &rest, &[], "/other"),
    ]);
    let gateway = Running::of(Gateway::bind(gateway).await.unwrap());
    for (host, path, expected) in [
        ("play.example.com", "/game", "game"),
        ("play.example.com:8080", "/game/x?y", "game"),
        ("PLAY.example.com", "/%67ame", "game"),
        ("play.example.com", "/gamers", "desk"),
        ("a.b.example.com", "/game", "desk"),
        ("example.com", "/other/x", "rest"),
        ("example.com", "/x/../other", "rest"),
        ("example.com", "/", "404"),
        ("example.com", "/game", "404"),
    ] {
        let led = led_to(gateway.raw().await, host, path, 4).await;
        assert_eq!(led, expected, "{host}{path}");
    }
    let file = gateway.ask("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n").await;
    assert_eq!(file.status, 404);
}

#[tokio::test]
async fn a_host_that_a_route_names_needs_no_other_permission() {
    let target = named("game").await;
    let routes =
        vec![route("game", &target, &["play.example.com"], "/"), route("any", &target, &[], "/")];
    let mut settings = settings(routes);
    settings.listeners[0].allow_host.clear();
    let gateway = Running::of(Gateway::bind(settings).await.unwrap());
    for (host, expected) in
        [("play.example.com", "game"), ("localhost", "game"), ("other.example.com", "403")]
    {
        assert_eq!(led_to(gateway.raw().await, host, "/", 4).await, expected, "{host}");
    }
}

#[tokio::test]
async fn files_of_a_route_with_a_path_are_below_it() {
    let target = named("game").await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "the page").unwrap();
    std::fs::write(folder.path().join("a.txt"), "a file").unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    let mut game = route("game", &target, &[], "/game");
    game.web = Some(Files::Directory(folder.path().to_owned()));
    let gateway = settings(vec![game, route("rest", &target, &[], "/")]);
    let gateway = Running::of(Gateway::bind(gateway).await.unwrap());
    let ask = async |path: &str| {
        gateway.ask(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await
    };
    for (path, text) in [
        ("/game/", "the page"),
        ("/game/a.txt", "a file"),
        ("//game/a.txt", "a file"),
        ("/%67ame/a.txt", "a file"),
    ] {
        let answer = ask(path).await;
        assert_eq!((answer.status, &*answer.text()), (200, text), "{path}");
    }
    for (path, location) in [
        ("/game", "/game/"),
        ("/game?x=1", "/game/?x=1"),
        ("/game/sub", "/game/sub/"),
        ("//game", "/game/"),
    ] {
        let answer = ask(path).await;
        assert_eq!((answer.status, answer.field("location")), (301, location), "{path}");
    }
    for path in ["/game/game/a.txt", "/game/../game/a.txt", "/x/../game/a.txt", "/game/./a.txt"] {
        assert_eq!(ask(path).await.status, 404, "{path}");
    }
    assert_eq!(ask("/a.txt").await.status, 426); // the other route has no files
}

#[tokio::test]
async fn a_listener_serves_the_routes_that_it_names() {
    let (one, other) = (named("one").await, named("two").await);
    let mut settings =
        settings(vec![route("one", &one, &[], "/one"), route("two", &other, &[], "/two")]);
    let mut second = settings.listeners[0].clone();
    second.listen = "127.0.0.2:0".parse::<ListenAddress>().unwrap().into();
    second.routes = Some(vec!["two".to_owned()]);
    settings.listeners.push(second);
    let gateway = Gateway::bind(settings.clone()).await.unwrap();
    let addresses = gateway.addresses();
    let _running = Running::of(gateway);
    for (address, path, expected) in [
        (addresses[0], "/one", "one"),
        (addresses[0], "/two", "two"),
        (addresses[1], "/two", "two"),
        (addresses[1], "/one", "404"),
    ] {
        let raw = Raw::connect(address).await;
        assert_eq!(led_to(raw, "localhost", path, 3).await, expected, "{address}{path}");
    }
    settings.listeners[1].routes = Some(vec!["three".to_owned()]);
    let said = Gateway::bind(settings).await.unwrap_err().to_string();
    assert!(said.contains("\"three\""), "{said}");
}

#[tokio::test]
async fn routes_that_match_the_same_requests_are_a_failed_start_that_names_both_and_the_host() {
    let target = named("game").await;
    let both = settings(vec![
        route("first", &target, &["a.example", "b.example"], "/game"),
        route("second", &target, &["b.example"], "/game/"),
    ]);
    let said = Gateway::bind(both).await.unwrap_err().to_string();
    for part in ["\"first\"", "\"second\"", "b.example", "/game"] {
        assert!(said.contains(part), "{said}");
    }
    let twice = settings(vec![route("a", &target, &[], "/a"), route("a", &target, &[], "/b")]);
    let said = Gateway::bind(twice).await.unwrap_err().to_string();
    assert!(said.contains("called \"a\""), "{said}");
}
