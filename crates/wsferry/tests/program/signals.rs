//! Ctrl-C, and what an init system sends.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wsferry_testkit::patience::soon;
use wsferry_testkit::program::Signal;

use crate::support::{connect, hear, hear_close, hear_text, say, site, spell, wsferry};

/// What an operator, a terminal and an init system end a program with.
#[cfg(unix)]
const ENDS: [Signal; 3] = [Signal::Interrupt, Signal::Terminate, Signal::Quit];
#[cfg(not(unix))]
const ENDS: [Signal; 2] = [Signal::Interrupt, Signal::Terminate];

#[tokio::test]
async fn at_the_first_signal_clients_get_1001_and_targets_fin_and_the_status_is_0() {
    for signal in ENDS {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap().to_string();
        let program = wsferry(&["127.0.0.1:0", &target]);
        let port = program.port().await;
        let mut client = connect(port).await;
        let (mut target, _) = soon(listener.accept()).await.unwrap();
        target.write_all(b"last words").await.unwrap();
        hear(&mut client, "last words").await;

        program.signal(signal).await;
        assert_eq!(hear_close(client).await, (1001, "Server is stopping".to_owned()));
        assert_eq!(soon(target.read(&mut [0; 1])).await.unwrap(), 0, "FIN");
        drop(target);
        let exit = program.exit().await;
        assert_eq!(exit.status.code(), Some(0), "{signal:?}: {}", exit.stderr);
        let ended = exit.stderr.lines().find(|line| line.contains("session ended"));
        let ended = ended.expect(&exit.stderr);
        assert!(ended.contains("close_code=1001") && ended.contains("cause=drained"), "{ended}");
        assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "nobody listens any more");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn signals_that_mean_nothing_end_nothing() {
    let program = wsferry(&["127.0.0.1:0", "echo:"]);
    let mut client = connect(program.port().await).await;
    for signal in [Signal::User2, Signal::Alarm, Signal::User1, Signal::HangUp] {
        program.signal(signal).await;
        say(&mut client, "still there").await;
        hear_text(&mut client, "still there").await;
    }
    program.line(&["SIGHUP"]).await; // taken while there is nothing to be read
    program.signal(Signal::Quit).await;
    assert_eq!(hear_close(client).await.0, 1001);
    assert_eq!(program.exit().await.status.code(), Some(0));
}

#[tokio::test]
async fn echo_sessions_get_1001_too() {
    let program = wsferry(&["127.0.0.1:0", "echo:"]);
    let client = connect(program.port().await).await;
    program.line(&["session started"]).await;
    program.signal(Signal::Interrupt).await;
    assert_eq!(hear_close(client).await.0, 1001);
    assert_eq!(program.exit().await.status.code(), Some(0));
}

#[tokio::test]
async fn without_a_session_the_first_signal_ends_the_program() {
    for signal in ENDS {
        let program = wsferry(&["127.0.0.1:0", "echo:"]);
        program.port().await;
        program.signal(signal).await;
        assert_eq!(program.exit().await.status.code(), Some(0), "{signal:?}");
    }
}

#[tokio::test]
async fn a_browser_that_keeps_its_connection_open_does_not_hold_the_program_up() {
    let folder = site("a page");
    let program = wsferry(&[
        "127.0.0.1:0",
        "echo:",
        "--web",
        spell(folder.path()),
        // More than the test waits.
        "--drain-timeout",
        "600",
        "--header-timeout",
        "600",
    ]);
    let port = program.port().await;
    let mut silent = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut idle = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    idle.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"a page") {
        assert_ne!(soon(idle.read_buf(&mut answer)).await.unwrap(), 0, "it is kept alive");
    }
    silent.write_all(b"GET ").await.unwrap();
    program.signal(Signal::Terminate).await;
    assert_eq!(program.exit().await.status.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_the_program_at_once() {
    // More than the test waits.
    let patience = ["--close-timeout", "600", "--drain-timeout", "600"];
    for second in ENDS {
        let program = wsferry(&[&["127.0.0.1:0", "echo:"], &patience[..]].concat());
        let mut client = connect(program.port().await).await;
        say(&mut client, "hello").await; // and from now on it answers nothing, no Close either
        program.line(&["session started"]).await;
        program.signal(Signal::Interrupt).await;
        program.line(&["stopping"]).await;
        program.signal(second).await;
        let exit = program.exit().await;
        assert_eq!(exit.status.code(), Some(1), "{}", exit.stderr);
        assert!(exit.stderr.contains("cut off"), "{}", exit.stderr);
    }
}

#[tokio::test]
async fn a_client_that_does_not_answer_is_waited_for_no_longer_than_the_drain() {
    let patience = ["--close-timeout", "600", "--drain-timeout", "0.2"];
    let program = wsferry(&[&["127.0.0.1:0", "echo:"], &patience[..]].concat());
    let _client = connect(program.port().await).await;
    program.line(&["session started"]).await;
    program.signal(Signal::Terminate).await;
    let exit = program.exit().await;
    assert_eq!(exit.status.code(), Some(0), "{}", exit.stderr);
    assert!(exit.stderr.contains("cut off"), "{}", exit.stderr);
}

/// HUP, INT, QUIT, USR1, USR2, ALRM, TERM, XFSZ (signal(7)), as a set.
#[cfg(target_os = "linux")]
const HANDLED: u64 = 1 | 1 << 1 | 1 << 2 | 1 << 9 | 1 << 11 | 1 << 13 | 1 << 14 | 1 << 24;
#[cfg(target_os = "linux")]
const PIPE: u64 = 1 << 12;

/// The signals that a line of `/proc/PID/status` names, a bit for each.
#[cfg(target_os = "linux")]
fn signals_in(status: &str, line: &str) -> u64 {
    let rest = status.split_once(line).expect(status).1;
    u64::from_str_radix(rest.split_whitespace().next().unwrap(), 16).unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn all_of_them_are_taken_in_hand_before_a_start_that_is_slow() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("session.1");
    let made = std::process::Command::new("mkfifo").arg(&recording).status().unwrap();
    assert!(made.success());
    let program = wsferry(&["replay", spell(&recording), "127.0.0.1:0"]); // nobody writes there
    let file = format!("/proc/{}/status", program.id());
    wsferry_testkit::patience::until(|| {
        let status = std::fs::read_to_string(&file).unwrap();
        signals_in(&status, "SigCgt:") & HANDLED == HANDLED
    })
    .await;
    for signal in [Signal::HangUp, Signal::User1, Signal::User2, Signal::Alarm] {
        program.signal(signal).await;
    }
    program.signal(Signal::Quit).await;
    assert_eq!(program.exit().await.status.code(), Some(0));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_wrapped_program_ignores_and_blocks_none_of_them() {
    let place = wsferry_testkit::program::ReservedPort::new();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_wsferry"));
    command.env("WSFERRY_REBIND", wsferry_testkit::shim::path());
    command.args([&place.number().to_string(), "--", "grep", "Sig", "/proc/self/status"]);
    let exit = wsferry_testkit::program::Program::spawn(command).exit().await;
    for line in ["SigIgn:", "SigBlk:"] {
        assert_eq!(signals_in(&exit.stdout, line) & (HANDLED | PIPE), 0, "{line} {}", exit.stdout);
    }
}
