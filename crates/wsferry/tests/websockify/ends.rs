//! How the program begins and ends: inetd, one session, time limits, signals.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio_tungstenite::tungstenite::Message;
use wsferry_testkit::patience::{soon, until};
use wsferry_testkit::program::{Program, Signal, listens};
use wsferry_testkit::targets;

use crate::client::{chat, hear_close, leave};
use crate::subject::{Gateway, Subject};
use crate::web::{path, site};

same! {
    inetd_gives_the_listening_socket
    run_once_ends_after_one_session_and_not_after_a_page
    the_listener_ends_after_its_timeout
    sessions_outlive_the_timeout_of_the_listener
    an_idle_program_ends_and_one_with_a_session_does_not
    interrupt_and_terminate_end_it_in_order
}

async fn inetd_gives_the_listening_socket(program: Subject) {
    let target = targets::echo().await.address().to_string();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let command = program.command(&["--inetd", &target]);
    let _running = Program::spawn_with_stdin(command, OwnedFd::from(listener));
    for _ in 0..2 {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let mut client = crate::client::upgrade(stream, address.port(), "/", &[]).await.unwrap();
        chat(&mut client).await;
        leave(client).await;
    }
}

async fn run_once_ends_after_one_session_and_not_after_a_page(program: Subject) {
    let site = site();
    let target = targets::echo().await;
    let options = ["--run-once", "--web", path(&site)];
    let gateway = program.gate_to(target.address(), &options).await;
    for _ in 0..2 {
        assert_eq!(gateway.load("/").await.status, 200);
    }
    let mut client = gateway.connect().await;
    chat(&mut client).await;
    leave(client).await;
    assert_eq!(gateway.program.exit().await.status.code(), Some(0));
}

async fn the_listener_ends_after_its_timeout(program: Subject) {
    let begin = Instant::now();
    let gateway = program.gate_to(targets::refusing().await, &["--timeout", "1"]).await;
    let exit = gateway.program.exit().await;
    assert_eq!(exit.status.code(), Some(0), "{}", exit.stderr);
    assert!(begin.elapsed() >= Duration::from_secs(1));
}

async fn sessions_outlive_the_timeout_of_the_listener(program: Subject) {
    let target = targets::echo().await;
    let mut gateway = program.gate_to(target.address(), &["--timeout", "1"]).await;
    let mut client = gateway.connect().await;
    chat(&mut client).await;
    match program {
        // Its sessions hold its socket open.
        Subject::Websockify => {
            gateway.program.line(&["listener exit due to --timeout"]).await;
        }
        Subject::Wsferry => until(|| !listens(gateway.port())).await,
    }
    chat(&mut client).await;
    assert!(!gateway.program.has_ended());
    leave(client).await;
    assert_eq!(gateway.program.exit().await.status.code(), Some(0));
}

async fn an_idle_program_ends_and_one_with_a_session_does_not(program: Subject) {
    let target = targets::echo().await;
    let options = ["--idle-timeout", "1", "--heartbeat", "1"];
    let mut gateway = program.gate_to(target.address(), &options).await;
    let mut client = gateway.connect().await;
    for _ in 0..2 {
        // The clock of this test.
        assert!(matches!(soon(client.next()).await, Some(Ok(Message::Ping(_)))));
    }
    assert!(!gateway.program.has_ended());
    chat(&mut client).await;
    leave(client).await;
    let exit = gateway.program.exit().await;
    assert_eq!(exit.status.code(), Some(0), "{}", exit.stderr);
}

async fn interrupt_and_terminate_end_it_in_order(program: Subject) {
    for signal in [Signal::Interrupt, Signal::Terminate] {
        let mut gateway = program.gate_to(targets::refusing().await, &[]).await;
        ready_for_signals(program, &gateway).await;
        gateway.end_by(signal, program).await;
        let exit = gateway.program.exit().await;
        assert_eq!(exit.status.code(), Some(0), "{signal:?}: {}", exit.stderr);
    }
}

pub(crate) async fn a_session_at_the_end_of_the_listener(program: Subject) {
    let target = targets::echo().await;
    let mut gateway = program.gate_to(target.address(), &[]).await;
    let mut client = gateway.connect().await;
    chat(&mut client).await;
    gateway.end_by(Signal::Terminate, program).await;
    match program {
        Subject::Websockify => {
            let end = soon(client.next()).await;
            assert!(matches!(end, Some(Err(_)) | None), "{end:?}");
        }
        Subject::Wsferry => assert_eq!(hear_close(&mut client).await.0, 1001),
    }
    assert_eq!(gateway.program.exit().await.status.code(), Some(0));
}

/// websockify takes signals in hand only after it listens, and after its first connection for sure.
async fn ready_for_signals(program: Subject, gateway: &Gateway) {
    if program == Subject::Websockify {
        gateway.connect().await;
    }
}
