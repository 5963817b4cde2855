//! Who may connect: docs/protocol.md §5, hosts and origins with every trick.

use std::path::Path;

use crate::config::Config;
use wsferry_gateway::auth::{Failures, Policy};
use wsferry_gateway::config::ListenAddress;
use wsferry_gateway::config::{allow_host, allow_origin};
use wsferry_gateway::request::{Client, Request};
use wsferry_gateway::web::Files;
use wsferry_testkit::raw::HANDSHAKE;

use crate::support::{Running, config_with};

/// A handshake with this Host, and this Origin unless it is empty.
fn handshake(host: &str, origin: &str) -> String {
    let origin = if origin.is_empty() { String::new() } else { format!("\r\nOrigin: {origin}") };
    HANDSHAKE.replace("Host: localhost", &format!("Host: {host}{origin}"))
}

fn get(host: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

/// A gateway that serves a page beside `echo:`.
async fn serving(directory: &Path, change: impl FnOnce(&mut Config)) -> Running {
    std::fs::write(directory.join("index.html"), "the page").unwrap();
    let config = config_with("echo:", |config| {
        config.web = Some(Files::Directory(directory.to_owned()));
        change(config);
    });
    Running::start(config).await
}

/// Each host must get `status` for a handshake, 200 or `status` for a file.
async fn hosts(gateway: &Running, hosts: &[&str], is_let_in: bool) {
    let statuses = if is_let_in { (101, 200) } else { (403, 403) };
    for host in hosts {
        let port = gateway.address().port();
        for host in [(*host).to_owned(), format!("{host}:{port}"), format!("{host}:1")] {
            let upgrade = gateway.ask(handshake(&host, "")).await;
            assert_eq!(upgrade.status, statuses.0, "{host}");
            assert_eq!(gateway.ask(get(&host, "/")).await.status, statuses.1, "{host}");
            if !is_let_in {
                // Not even whether a file exists is told.
                assert_eq!(gateway.ask(get(&host, "/nothing")).await.status, 403, "{host}");
            }
        }
    }
}

#[tokio::test]
async fn on_loopback_only_names_of_loopback_are_served_files_too() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = serving(directory.path(), |_| {}).await;
    let own = [
        "localhost",
        "LocalHost",
        "localhost.",
        "a.localhost",
        "a.b.LOCALHOST",
        "127.0.0.1",
        "127.1.2.3",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
    ];
    hosts(&gateway, &own, true).await;
    let foreign = [
        "evil.example",
        "localhost.evil.example",
        "evillocalhost",
        "localhost-evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1.nip.io",
        "128.0.0.1",
        "192.168.1.1",
        "0.0.0.0",
        "[::]",
        "[::2]",
        "[fe80::1]",
        "local",
        "127.1",
        "0x7f.1",
        "2130706433",
        "xn--lcalhost-54a",
    ];
    hosts(&gateway, &foreign, false).await;
}

#[tokio::test]
async fn an_absolute_target_is_judged_by_its_host() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = serving(directory.path(), |_| {}).await;
    assert_eq!(gateway.ask(get("localhost", "http://localhost/")).await.status, 200);
    assert_eq!(gateway.ask(get("evil.example", "http://evil.example/")).await.status, 403);
    assert_eq!(gateway.ask(get("localhost", "http://evil.example/")).await.status, 400);
    assert_eq!(gateway.ask(get("evil.example", "http://localhost/")).await.status, 400);
}

#[tokio::test]
async fn allowed_hosts_are_served_on_loopback_and_no_others() {
    let directory = tempfile::tempdir().unwrap();
    let change = |config: &mut Config| {
        config.allow_host =
            vec![allow_host("play.example.com").unwrap(), allow_host("192.0.2.7").unwrap()];
    };
    let gateway = serving(directory.path(), change).await;
    hosts(&gateway, &["play.example.com", "PLAY.Example.com.", "192.0.2.7", "localhost"], true)
        .await;
    let foreign = ["example.com", "x.play.example.com", "play.example.com.evil", "192.0.2.8"];
    hosts(&gateway, &foreign, false).await;
    let any = |config: &mut Config| config.allow_host = vec![allow_host("*").unwrap()];
    let directory = tempfile::tempdir().unwrap();
    let gateway = serving(directory.path(), any).await;
    hosts(&gateway, &["evil.example", "192.0.2.8", "localhost"], true).await;
}

#[tokio::test]
async fn elsewhere_addresses_and_the_machines_names_are_served_and_no_others() {
    let directory = tempfile::tempdir().unwrap();
    let everywhere = || "0.0.0.0:0".parse::<ListenAddress>().unwrap();
    let change = |config: &mut Config| config.listen = everywhere().into();
    let gateway = serving(directory.path(), change).await;
    let name = gethostname::gethostname().to_string_lossy().into_owned();
    let short = name.split('.').next().unwrap().to_owned();
    let local = format!("{short}.local");
    let own =
        ["192.0.2.1", "10.0.0.1", "[2001:db8::1]", "localhost", "127.0.0.1", &name, &short, &local];
    hosts(&gateway, &own, true).await;
    hosts(&gateway, &["evil.example", &format!("{short}.evil.example"), "a.local"], false).await;
}

/// Whether a page of this origin may connect to this host.
async fn origin(gateway: &Running, host: &str, origin: &str, is_let_in: bool) {
    let answer = gateway.ask(handshake(host, origin)).await;
    let expected = if is_let_in { 101 } else { 403 };
    assert_eq!(answer.status, expected, "origin {origin:?}, host {host:?}");
    if !is_let_in {
        assert!(answer.text().contains("origin") || answer.text().contains("Origin"));
    }
}

#[tokio::test]
async fn pages_of_the_same_host_may_connect_from_any_port_and_scheme() {
    let gateway = Running::to("echo:").await;
    for (host, from) in [
        ("localhost:27016", "http://localhost:27016"),
        ("localhost:27016", "http://localhost:3000"),
        ("localhost:27016", "http://localhost"),
        ("localhost:27016", "https://localhost"),
        ("localhost", "HTTP://LOCALHOST"),
        ("LOCALHOST", "http://localhost"),
        ("localhost.", "http://localhost"),
        ("localhost", "http://localhost.:80"),
        ("a.localhost", "https://a.localhost:8443"),
        ("127.0.0.1", "http://127.0.0.1:5173"),
        ("[::1]:27016", "http://[::1]:3000"),
        ("[::1]", "http://[0:0:0:0:0:0:0:1]"),
        ("localhost", "chrome-extension://localhost"),
        ("localhost", "http://localhost/"),
        ("localhost", "http://localhost/path"),
        ("play.localhost", "http://play.localhost:1/@evil.example"),
    ] {
        origin(&gateway, host, from, true).await;
    }
}

#[tokio::test]
async fn names_of_loopback_are_one_another_on_a_connection_over_loopback() {
    let gateway = Running::to("echo:").await;
    let names =
        ["localhost", "a.localhost", "127.0.0.1", "127.1.2.3", "[::1]", "[::ffff:127.0.0.1]"];
    for host in names {
        for name in names {
            origin(&gateway, &format!("{host}:27016"), &format!("http://{name}:5173"), true).await;
            origin(&gateway, host, &format!("https://{name}"), true).await;
        }
        for foreign in ["http://localhost.evil.example", "http://192.168.1.5", "null"] {
            origin(&gateway, host, foreign, false).await;
        }
    }
}

/// Whether the rules let a page connect, over a connection from this address.
async fn admits(client: &str, host: &str, from: &str) -> bool {
    let settings = wsferry_gateway::auth::Settings::default();
    let policy = Policy::new(settings, None);
    let head = http::Request::get("/").header("host", host).header("origin", from);
    let head = head.body(()).unwrap().into_parts().0;
    let address: std::net::SocketAddr = client.parse().unwrap();
    let client = Client { address: address.into(), common_names: &[] };
    policy.admit(&Request::read(client, &head).unwrap(), &Failures::new(0)).await.is_ok()
}

#[tokio::test]
async fn names_of_loopback_are_different_hosts_on_a_connection_from_another_machine() {
    for (from, expected) in [
        ("http://127.0.0.1:27016", false),
        ("http://[::1]", false),
        ("http://a.localhost", false),
        ("http://localhost:3000", true),
    ] {
        assert_eq!(admits("192.0.2.7:1000", "localhost", from).await, expected, "{from}");
        assert_eq!(admits("[2001:db8::7]:1000", "localhost", from).await, expected, "{from}");
        for near in ["127.0.0.1:1000", "[::1]:1000", "[::ffff:127.0.0.1]:1000"] {
            assert!(admits(near, "localhost", from).await, "{near} {from}");
        }
    }
}

/// What Vite's `server.proxy` sends: the page's Origin as it is, and the Host of the page, or with
/// `changeOrigin` that of the proxy's target. Its connection comes over loopback.
#[tokio::test]
async fn a_page_behind_vites_proxy_connects_whatever_names_of_this_machine_are_used() {
    let gateway = Running::to("echo:").await;
    let pages = ["localhost:5173", "127.0.0.1:5173", "[::1]:5173"];
    for page in pages {
        origin(&gateway, page, &format!("http://{page}"), true).await; // changeOrigin: false
        for target in ["localhost:27016", "127.0.0.1:27016", "[::1]:27016"] {
            origin(&gateway, target, &format!("http://{page}"), true).await; // changeOrigin: true
        }
    }
    // Its page seen from another machine is foreign where the Host is changed, and its Host where not.
    let far = "http://192.168.1.5:5173";
    origin(&gateway, "localhost:27016", far, false).await;
    assert_eq!(gateway.ask(handshake("192.168.1.5:5173", far)).await.status, 403);
    let change = |config: &mut Config| {
        config.allow_host = vec![allow_host("192.168.1.5").unwrap()];
        config.auth.allow_origin = vec![allow_origin(far).unwrap()];
    };
    let gateway = Running::start(config_with("echo:", change)).await;
    origin(&gateway, "localhost:27016", far, true).await;
    origin(&gateway, "192.168.1.5:5173", far, true).await;
}

#[tokio::test]
async fn patterns_let_pages_of_many_origins_in() {
    let change = |config: &mut Config| {
        config.auth.allow_origin =
            ["https://*.example.com", "http://dev.example:*", "moz-extension://*", "app://."]
                .map(|text| allow_origin(text).unwrap())
                .to_vec();
    };
    let gateway = Running::start(config_with("echo:", change)).await;
    for from in [
        "https://a.example.com",
        "https://a.b.example.com:443/",
        "http://dev.example:5173",
        "moz-extension://6f1e0c1a-1c9e-4b0e-8d7a-0b9d0c0f3a11",
        "app://.",
    ] {
        origin(&gateway, "localhost", from, true).await;
    }
    for from in [
        "https://example.com",
        "https://evilexample.com",
        "https://a.example.com.evil.example",
        "https://evil.example/.example.com",
        "https://a.example.com:8443",
        "http://a.dev.example:5173",
        "chrome-extension://6f1e0c1a",
        "app://x",
        "null",
    ] {
        origin(&gateway, "localhost", from, false).await;
    }
}

#[tokio::test]
async fn pages_of_other_hosts_may_not_connect_whatever_they_look_like() {
    let gateway = Running::to("echo:").await;
    for (host, from) in [
        ("localhost", "http://evil.example"),
        ("localhost", "http://localhost.evil.example"),
        ("localhost", "http://evillocalhost"),
        ("localhost", "http://localhostevil"),
        ("127.0.0.1", "http://127.0.0.1.evil.example"),
        ("localhost", "null"),
        ("localhost", "NULL"),
        ("localhost", "file://"),
        ("localhost", "about:blank"),
        ("localhost", "data:text/html,localhost"),
        ("localhost", "localhost"),
        ("localhost", "//localhost"),
        ("localhost", "http:localhost"),
        ("localhost", "http:///localhost"),
        ("localhost", "http://192.168.1.5"),
        ("127.0.0.1", "http://128.0.0.1"),
        ("localhost", "http:///localhost/"),
        ("localhost", "http://evil.example/http://localhost"),
        ("localhost", "http://localhost?x"),
        ("localhost", "http://localhost#x"),
        ("localhost", "http://user@localhost"),
        ("localhost", "http://localhost@evil.example"),
        ("localhost", "http://localhost:80@evil.example"),
        ("localhost", "http://evil.example/localhost"),
        ("localhost", "http://localhost:x"),
        ("localhost", "http://localhost:65536"),
        ("localhost", "http://local\tost"),
        ("localhost", "http://localhost http://evil.example"),
        ("localhost", "http://localhost, http://localhost"),
        ("localhost", "http://localhost\r\nOrigin: http://localhost"),
        ("localhost", "http://localhost\r\nOrigin: http://evil.example"),
        ("localhost", "http://evil.example\r\norigin: http://localhost"),
        ("localhost", "http://l\u{f6}calhost"),
        ("localhost", "http://localhost\u{ff}"),
        ("localhost", "http://local%68ost"),
        ("localhost", "://localhost"),
        ("localhost", "1http://localhost"),
    ] {
        origin(&gateway, host, from, false).await;
    }
    // An Origin without a value is one that has no host.
    let empty = HANDSHAKE.replace("Host: localhost", "Host: localhost\r\nOrigin:");
    assert_eq!(gateway.ask(empty).await.status, 403);
}

#[tokio::test]
async fn allowed_origins_may_connect_by_scheme_host_and_port() {
    let change = |config: &mut Config| {
        config.auth.allow_origin = ["https://app.example.com", "http://dev.example:3000", "null"]
            .map(|text| allow_origin(text).unwrap())
            .to_vec();
    };
    let gateway = Running::start(config_with("echo:", change)).await;
    for from in [
        "https://app.example.com",
        "https://app.example.com:443",
        "HTTPS://APP.example.com.",
        "http://dev.example:3000",
        "null",
        "http://localhost",
    ] {
        origin(&gateway, "localhost", from, true).await;
    }
    for from in [
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com.evil.example",
        "https://evil-app.example.com",
        "https://x.app.example.com",
        "https://example.com",
        "http://dev.example",
        "https://dev.example:3000",
        "http://dev.example:30000",
        "Null",
        "null, null",
        "null\r\nOrigin: null",
        "file://",
    ] {
        origin(&gateway, "localhost", from, false).await;
    }
}

#[tokio::test]
async fn an_allowed_star_lets_every_origin_in_but_not_every_host() {
    let change = |config: &mut Config| {
        config.auth.allow_origin = vec![allow_origin("*").unwrap()];
    };
    let gateway = Running::start(config_with("echo:", change)).await;
    for from in ["http://evil.example", "null", "file://", "anything at all", ""] {
        origin(&gateway, "localhost", from, true).await;
    }
    assert_eq!(gateway.ask(handshake("evil.example", "")).await.status, 403);
}

#[tokio::test]
async fn no_origin_is_let_in_unless_one_is_required() {
    let gateway = Running::to("echo:").await;
    origin(&gateway, "localhost", "", true).await;
    let change = |config: &mut Config| config.auth.require_origin = true;
    let gateway = Running::start(config_with("echo:", change)).await;
    origin(&gateway, "localhost", "", false).await;
    origin(&gateway, "localhost", "http://localhost", true).await;
    origin(&gateway, "localhost", "http://evil.example", false).await;
}

#[tokio::test]
async fn files_need_no_origin() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = serving(directory.path(), |config| config.auth.require_origin = true).await;
    assert_eq!(gateway.ask(get("localhost", "/")).await.text(), "the page");
    let foreign = "GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n";
    let answer = gateway.ask(foreign).await;
    assert!(!answer.has("access-control-allow-origin"));
}
