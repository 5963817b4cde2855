//! `wsferry demo`.

use std::fs::File;
use std::net::TcpListener;

use wsferry_testkit::program::{Program, ReservedPort, Signal, port_behind};

use crate::support::{connect, get, hear, leave, say, wsferry};

const PAGE_PORT: u16 = 27016;
const SERVER_PORT: u16 = 5000;

/// Only one test, of whatever process, has to do with the usual ports.
fn usual_ports() -> File {
    let lock = File::create(std::env::temp_dir().join("wsferry-test-usual-ports.lock")).unwrap();
    lock.lock().unwrap();
    lock
}

/// Where a demo says that its page and its server are.
async fn ports(program: &Program) -> (u16, u16) {
    program.line(&["stop", "Ctrl-C"]).await;
    let page = port_behind(&program.line(&["open", "http://localhost:"]).await, "http://");
    let server = program.line(&["TCP echo server"]).await;
    let server = server.split_once("127.0.0.1:").expect(&server).1;
    let server = server.split(' ').next().unwrap().parse().unwrap();
    assert_eq!(program.port().await, page, "one port for the page and its WebSocket");
    (page, server)
}

/// The whole story.
async fn assert_works(page: u16) {
    let answer = get(page, "/").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.ends_with(include_str!("../../../../demo/index.html")), "the page of demo/");
    let mut client = connect(page).await;
    say(&mut client, "hello").await;
    hear(&mut client, "hello from the server").await;
    leave(client).await;
}

async fn stop(program: Program) {
    program.signal(Signal::Interrupt).await;
    let exit = program.exit().await;
    assert_eq!(exit.status.code(), Some(0), "{}", exit.stderr);
}

#[tokio::test]
async fn it_says_what_it_started_and_what_to_open() {
    let _alone = usual_ports();
    let program = wsferry(&["demo"]);
    let (page, server) = ports(&program).await;
    let lines = program.lines().join("\n");
    // On this machine something else may have taken one of them.
    assert!((page == PAGE_PORT) != lines.contains("(port 27016 is taken)"), "{lines}");
    assert!((server == SERVER_PORT) != lines.contains("(port 5000 is taken)"), "{lines}");
    assert_works(page).await;
    stop(program).await;
}

#[tokio::test]
async fn a_usual_port_that_is_taken_is_replaced_by_a_free_one_and_said_so() {
    let _alone = usual_ports();
    // Where it fails, something else has taken the port already.
    let _page = TcpListener::bind(("127.0.0.1", PAGE_PORT));
    let _server = TcpListener::bind(("127.0.0.1", SERVER_PORT));
    let program = wsferry(&["demo"]);
    let (page, server) = ports(&program).await;
    assert!(page != PAGE_PORT && server != SERVER_PORT, "{:#?}", program.lines());
    program.line(&["ws://localhost:", "(port 27016 is taken)"]).await;
    program.line(&["TCP echo server", "(port 5000 is taken)"]).await;
    assert_works(page).await;
    stop(program).await;
}

#[tokio::test]
async fn ports_that_are_asked_for_are_used() {
    let (page, server) = (ReservedPort::new(), ReservedPort::new());
    let (page, server) = (page.number().to_string(), server.number().to_string());
    let program = wsferry(&["demo", "--port", &page, "--target-port", &server]);
    let (page_said, server_said) = ports(&program).await;
    assert_eq!((page_said.to_string(), server_said.to_string()), (page, server));
    assert!(!program.lines().join("\n").contains("taken"), "{:#?}", program.lines());
    assert_works(page_said).await;
    stop(program).await;
}

#[tokio::test]
async fn a_port_that_is_asked_for_and_taken_is_an_error() {
    let _alone = usual_ports(); // the other port is a usual one
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().port().to_string();
    for flag in ["--port", "--target-port"] {
        let exit = wsferry(&["demo", flag, &taken]).exit().await;
        assert_eq!(exit.status.code(), Some(1), "{flag}: {}", exit.stderr);
        assert_eq!(exit.stderr.lines().count(), 1, "{flag}: {}", exit.stderr);
        assert!(exit.stderr.contains(&taken), "{flag}: {}", exit.stderr);
        assert!(exit.stderr.contains("in use"), "{flag}: {}", exit.stderr);
    }
}

#[tokio::test]
async fn only_this_machine_reaches_it() {
    let (page, server) = (ReservedPort::new(), ReservedPort::new());
    let numbers = [page.number().to_string(), server.number().to_string()];
    let program = wsferry(&["demo", "--port", &numbers[0], "--target-port", &numbers[1]]);
    ports(&program).await;
    // Linux answers for all of 127/8; only what is bound to all addresses is reached there.
    for port in [page.number(), server.number()] {
        assert!(TcpListener::bind(("127.0.0.2", port)).is_ok(), "{port} is bound to all addresses");
    }
    stop(program).await;
}
