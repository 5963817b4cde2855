//! Rules that are exchanged while sessions run.

use std::net::SocketAddr;

use tokio::net::TcpStream;
use wsferry_gateway::config::ListenAddress;
use wsferry_gateway::gateway::Gateway;
use wsferry_gateway::route::{DestinationSettings, Reached};
use wsferry_gateway::web::Files;
use wsferry_gateway::wrap::{self, WrapMode};
use wsferry_testkit::patience::soon;
use wsferry_testkit::raw::{BINARY, FIN, Raw};

use crate::routes::{handshake, led_to, named, route, settings};
use crate::support::Running;

#[tokio::test]
async fn a_session_keeps_its_target_and_the_next_one_gets_the_new_one() {
    let (old, new) = (named("old").await, named("new").await);
    let gateway = Gateway::bind(settings(vec![route("r", &old, &[], "/")])).await.unwrap();
    let handle = gateway.handle();
    let gateway = Running::of(gateway);
    let mut session = gateway.client().await;
    assert_eq!(session.payload(3).await, b"old");
    handle.replace(settings(vec![route("r", &new, &[], "/")])).await.unwrap();
    session.send_frame(FIN | BINARY, b"still there").await;
    assert_eq!(session.payload(11).await, b"still there");
    assert_eq!(led_to(gateway.raw().await, "localhost", "/", 3).await, "new");
}

#[tokio::test]
async fn a_connection_that_waits_for_its_next_request_keeps_the_rules_that_it_came_under() {
    let target = named("game").await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "a file").unwrap();
    let mut with_files = route("r", &target, &[], "/");
    with_files.web = Some(Files::Directory(folder.path().to_owned()));
    let gateway = Gateway::bind(settings(vec![with_files])).await.unwrap();
    let handle = gateway.handle();
    let gateway = Running::of(gateway);
    let request = "GET /a.txt HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut waiting = gateway.raw().await;
    waiting.send(request).await;
    assert_eq!(waiting.answer().await.status, 200);
    handle.replace(settings(vec![route("r", &target, &[], "/")])).await.unwrap();
    waiting.send(request).await;
    assert_eq!(waiting.answer().await.status, 200);
    assert_eq!(gateway.ask(request).await.status, 426);
}

#[tokio::test]
async fn settings_with_a_fault_change_nothing() {
    let (old, new) = (named("old").await, named("new").await);
    let gateway = Gateway::bind(settings(vec![route("r", &old, &[], "/")])).await.unwrap();
    let handle = gateway.handle();
    let gateway = Running::of(gateway);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let no_files = {
        let mut route = route("r", &new, &[], "/");
        route.web = Some(Files::Directory("/nowhere/at/all".into()));
        settings(vec![route])
    };
    let port_in_use = {
        let mut settings = settings(vec![route("r", &new, &[], "/")]);
        let address = taken.local_addr().unwrap().to_string();
        settings.listeners[0].listen = address.parse::<ListenAddress>().unwrap().into();
        settings
    };
    let same_requests = settings(vec![route("a", &new, &[], "/"), route("b", &new, &[], "/")]);
    let program = {
        let mut route = route("r", &new, &[], "/");
        let program = wrap::Settings {
            program: "true".into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            shims: Vec::new(),
            mode: WrapMode::Exit,
            grace: std::time::Duration::from_secs(1),
        };
        let at = Reached::At(Box::new(route.destination.clone()));
        route.destination = DestinationSettings::Wrapped { program, reached: at };
        settings(vec![route])
    };
    for (fault, word) in [
        (no_files, "/nowhere/at/all"),
        (port_in_use, "in use"),
        (same_requests, "\"a\" and \"b\""),
        (program, "wrapped"),
    ] {
        let said = handle.replace(fault).await.unwrap_err().to_string();
        assert!(said.contains(word), "{said}");
        assert_eq!(led_to(gateway.raw().await, "localhost", "/", 3).await, "old");
    }
}

fn listens(address: SocketAddr) -> bool {
    std::net::TcpStream::connect(address).is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_listeners_are_opened_old_ones_closed_and_those_that_stay_are_not_touched() {
    let target = named("here").await;
    let routes = || vec![route("r", &target, &[], "/")];
    let free = std::net::TcpListener::bind("127.0.0.3:0").unwrap().local_addr().unwrap();
    let mut before = settings(routes());
    let mut goes = before.listeners[0].clone();
    goes.listen = "127.0.0.2:0".parse::<ListenAddress>().unwrap().into();
    before.listeners.push(goes);
    let mut after = settings(routes());
    let mut comes = after.listeners[0].clone();
    comes.listen = free.to_string().parse::<ListenAddress>().unwrap().into();
    after.listeners.push(comes);

    let gateway = Gateway::bind(before).await.unwrap();
    let (handle, addresses) = (gateway.handle(), gateway.addresses());
    let _running = Running::of(gateway);
    let mut raw = Raw::connect(addresses[1]).await;
    raw.send(handshake("localhost", "/")).await;
    assert_eq!(raw.answer().await.status, 101);
    let mut session = raw.into_client();
    assert_eq!(session.payload(4).await, b"here");
    handle.replace(after).await.unwrap();
    assert!(listens(addresses[0]) && !listens(addresses[1]) && listens(free));
    assert_eq!(led_to(Raw::connect(free).await, "localhost", "/", 4).await, "here");
    session.send_frame(FIN | BINARY, b"x").await; // its listener went, the session did not
    assert_eq!(session.payload(1).await, b"x");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listeners_that_were_asked_for_in_the_same_words_are_kept_each() {
    let target = named("here").await;
    let both = || {
        let mut settings = settings(vec![route("r", &target, &[], "/")]);
        settings.listeners.push(settings.listeners[0].clone()); // both on any free port
        settings
    };
    let gateway = Gateway::bind(both()).await.unwrap();
    let (handle, addresses) = (gateway.handle(), gateway.addresses());
    let _running = Running::of(gateway);
    handle.replace(both()).await.unwrap();
    assert_eq!(addresses.len(), 2);
    for address in addresses {
        assert_eq!(led_to(Raw::connect(address).await, "localhost", "/", 4).await, "here");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_no_session_and_no_handshake_notices_that_rules_are_exchanged() {
    let (old, new) = (named("old").await, named("new").await);
    let gateway = Gateway::bind(settings(vec![route("r", &old, &[], "/")])).await.unwrap();
    let handle = gateway.handle();
    let gateway = Running::of(gateway);
    let address = gateway.address();
    let mut sessions = Vec::new();
    for _ in 0..20 {
        let mut session = gateway.client().await;
        assert_eq!(session.payload(3).await, b"old");
        sessions.push(session);
    }
    let exchanging = tokio::spawn(async move {
        for round in 0..50 {
            let target = if round % 2 == 0 { &new } else { &old };
            handle.replace(settings(vec![route("r", target, &[], "/")])).await.unwrap();
        }
    });
    let talking = sessions.into_iter().map(|mut session| {
        tokio::spawn(async move {
            for round in 0..100u8 {
                session.send_frame(FIN | BINARY, [round; 64]).await;
                assert_eq!(session.payload(64).await, [round; 64]);
            }
        })
    });
    let mut tasks: Vec<_> = talking.collect();
    tasks.push(tokio::spawn(async move {
        for _ in 0..50 {
            let led = led_to(Raw::connect(address).await, "localhost", "/", 3).await;
            assert!(led == "old" || led == "new", "{led}");
        }
    }));
    for task in tasks {
        soon(task).await.unwrap();
    }
    soon(exchanging).await.unwrap();
}

#[tokio::test]
async fn a_gateway_that_has_stopped_takes_no_new_settings() {
    let target = named("game").await;
    let gateway = Gateway::bind(settings(vec![route("r", &target, &[], "/")])).await.unwrap();
    let handle = gateway.handle();
    let mut gateway = Running::of(gateway);
    handle.stop();
    gateway.ended().await;
    let said = handle.replace(settings(vec![route("r", &target, &[], "/")])).await;
    assert!(said.unwrap_err().to_string().contains("stopped"));
    assert!(TcpStream::connect(gateway.address()).await.is_err());
}
