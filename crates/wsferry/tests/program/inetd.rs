//! `--inetd`: the standard input is the socket.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{ExitStatus, Stdio};

use tokio::io::AsyncReadExt;
use tokio::process::Command;
use wsferry_testkit::patience::soon;
use wsferry_testkit::program::{Program, ReservedPort, Signal};
use wsferry_testkit::raw::{FIN, Frame, Frames, TEXT, close, frame};

use crate::support::{connect, connect_unix, hear_close, leave, say, spell};

fn gate(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wsferry"));
    command.args(words);
    command
}

/// A connection, and the end of it that was accepted.
fn connection() -> (tokio::net::TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_nonblocking(true).unwrap();
    (tokio::net::TcpStream::from_std(client).unwrap(), listener.accept().unwrap().0)
}

/// Runs a command as inetd does: all three standard streams are the connection.
async fn run_on(connection: TcpStream, mut command: Command) -> ExitStatus {
    let copy = || Stdio::from(OwnedFd::from(connection.try_clone().unwrap()));
    command.stdin(copy()).stdout(copy()).stderr(copy()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    drop(command); // it holds the connection too
    drop(connection);
    soon(child.wait()).await.unwrap()
}

#[tokio::test]
async fn a_connection_is_served_with_nothing_on_it_but_the_protocol_and_then_the_program_ends() {
    let (client, server) = connection();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("wsferry.log");
    let command = gate(&["--inetd", "echo:", "--verbose", "--log-file", spell(&log)]);
    let running = tokio::spawn(run_on(server, command));
    let mut frames = Frames::open(client).await;
    let mut sent = frame(FIN | TEXT, b"hello");
    sent.extend(close(1000, b"bye"));
    tokio::io::AsyncWriteExt::write_all(frames.stream(), &sent).await.unwrap();
    assert_eq!(soon(frames.next()).await, Ok(Frame::new(FIN | TEXT, *b"hello")));
    assert_eq!(soon(frames.next()).await, Ok(Frame::close(1000, "bye")));
    assert!(soon(frames.next()).await.is_err(), "and that is all");
    drop(frames);
    assert_eq!(running.await.unwrap().code(), Some(0));
    let lines = fs::read_to_string(&log).unwrap();
    for part in ["session started", "client=127.0.0.1:", "session ended", "cause=client_closed"] {
        assert!(lines.contains(part), "{lines}");
    }
}

#[tokio::test]
async fn without_a_log_file_nothing_but_the_protocol_is_written_either() {
    let (client, server) = connection();
    let running = tokio::spawn(run_on(server, gate(&["--inetd", "echo:", "--verbose"])));
    let mut frames = Frames::open(client).await;
    tokio::io::AsyncWriteExt::write_all(frames.stream(), &close(1000, b"")).await.unwrap();
    assert_eq!(soon(frames.next()).await, Ok(Frame::close(1000, "")));
    assert!(soon(frames.next()).await.is_err());
    drop(frames);
    assert_eq!(running.await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_failed_start_and_wrong_usage_are_not_told_to_the_client() {
    let cases: [(&[&str], i32); 3] = [
        (&["--inetd", "echo:", "--cert", "/nonexistent/cert.pem"], 1),
        (&["--inetd", "echo:", "--bogus"], 2),
        (&["--inetd", "echo:", "--unix-listen", "x"], 2),
    ];
    for (words, status) in cases {
        let (mut client, server) = connection();
        let ended = run_on(server, gate(words)).await;
        assert_eq!(ended.code(), Some(status), "{words:?}");
        let mut read = String::new();
        soon(client.read_to_string(&mut read)).await.unwrap();
        assert_eq!(read, "", "{words:?}");
    }
}

#[tokio::test]
async fn a_connection_that_is_no_handshake_is_answered_and_the_program_ends() {
    let (mut client, server) = connection();
    let running = tokio::spawn(run_on(server, gate(&["--inetd", "echo:"])));
    tokio::io::AsyncWriteExt::write_all(&mut client, b"nonsense\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    soon(client.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    drop(client);
    assert_eq!(running.await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_unix_connection_is_served_too() {
    let (client, server) = UnixStream::pair().unwrap();
    client.set_nonblocking(true).unwrap();
    let program = Program::spawn_with_stdin(gate(&["--inetd", "echo:"]), OwnedFd::from(server));
    let mut frames = Frames::open(tokio::net::UnixStream::from_std(client).unwrap()).await;
    program.line(&["session started", "client=unix"]).await; // standard error is another one
    tokio::io::AsyncWriteExt::write_all(frames.stream(), &close(1000, b"")).await.unwrap();
    assert_eq!(soon(frames.next()).await, Ok(Frame::close(1000, "")));
    assert!(soon(frames.next()).await.is_err());
    drop(frames);
    assert_eq!(program.exit().await.status.code(), Some(0));
}

#[tokio::test]
async fn a_standard_error_that_is_another_socket_is_written_to() {
    // What a service's standard error is under systemd.
    let (journal, theirs) = UnixStream::pair().unwrap();
    journal.set_nonblocking(true).unwrap();
    let mut journal = tokio::net::UnixStream::from_std(journal).unwrap();
    let mut command = gate(&["127.0.0.1:0", "echo:"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(OwnedFd::from(theirs));
    let mut child = command.kill_on_drop(true).spawn().unwrap();
    drop(command);
    let mut text = Vec::new();
    while !String::from_utf8_lossy(&text).contains("->") {
        assert_ne!(soon(journal.read_buf(&mut text)).await.unwrap(), 0);
    }
    let text = String::from_utf8(text).unwrap();
    let port = wsferry_testkit::program::port_behind(&text, "ws://");
    leave(connect(port).await).await;
    let mut log = Vec::new();
    while !String::from_utf8_lossy(&log).contains("session ended") {
        assert_ne!(soon(journal.read_buf(&mut log)).await.unwrap(), 0);
    }
    child.kill().await.unwrap();
}

#[tokio::test]
async fn a_listening_socket_serves_one_client_after_the_other() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let program = Program::spawn_with_stdin(gate(&["--inetd", "echo:"]), OwnedFd::from(listener));
    for _ in 0..3 {
        leave(connect(port).await).await;
    }
    program.signal(Signal::Terminate).await;
    assert_eq!(program.exit().await.status.code(), Some(0));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[tokio::test]
async fn a_listening_unix_socket_is_served_and_its_name_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gate.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let words = ["--inetd", "echo:", "--run-once"];
    let program = Program::spawn_with_stdin(gate(&words), OwnedFd::from(listener));
    leave(connect_unix(&path, "any.example").await).await;
    assert_eq!(program.exit().await.status.code(), Some(0));
    assert!(path.exists(), "it belongs to whoever made it");
}

#[tokio::test]
async fn a_standard_input_that_is_no_socket_is_one_sentence() {
    let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let others = [Stdio::null(), Stdio::piped(), Stdio::from(OwnedFd::from(datagrams))];
    for stdin in others {
        let exit = Program::spawn_with_stdin(gate(&["--inetd", "echo:"]), stdin).exit().await;
        assert_eq!(exit.status.code(), Some(1), "{}", exit.stderr);
        assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
        assert!(exit.stderr.contains("standard input is not a socket"), "{}", exit.stderr);
        assert!(exit.stderr.contains("leave --inetd out"), "{}", exit.stderr);
    }
}

/// A real inetd with one service.
async fn inetd(port: u16, wait: &str, words: &str) -> (Program, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let services = folder.path().join("inetd.conf");
    let user = std::process::Command::new("id").arg("-un").output().unwrap().stdout;
    let user = String::from_utf8(user).unwrap();
    let log = spell(folder.path()).to_owned() + "/log";
    let program = env!("CARGO_BIN_EXE_wsferry");
    let line = format!(
        "127.0.0.1:{port} stream tcp4 {wait} {} {program} wsferry {words} --log-file {log}\n",
        user.trim()
    );
    fs::write(&services, line).unwrap();
    let pid_file = format!("--pidfile={}", spell(&folder.path().join("pid")));
    let words = ["-d", &pid_file, spell(&services)];
    let inetd = Program::start("/usr/sbin/inetutils-inetd", &words);
    inetd.line(&["registered"]).await;
    (inetd, folder)
}

#[tokio::test]
async fn a_real_inetd_gives_each_client_a_process_with_nowait() {
    let place = ReservedPort::new();
    let (_inetd, folder) = inetd(place.number(), "nowait", "--inetd echo: -v").await;
    let mut first = connect(place.number()).await;
    let second = connect(place.number()).await;
    say(&mut first, "hello").await;
    leave(second).await;
    drop(first);
    logged(&folder, "session ended", 2).await;
}

/// Waits until the log has words as often.
async fn logged(folder: &tempfile::TempDir, words: &str, times: usize) {
    let log = folder.path().join("log");
    soon(async {
        while fs::read_to_string(&log).unwrap_or_default().matches(words).count() < times {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_real_inetd_starts_it_again_when_it_has_ended_with_wait() {
    let place = ReservedPort::new();
    let words = "--inetd echo: --idle-timeout 0.3";
    let (_inetd, folder) = inetd(place.number(), "wait", words).await;
    for times in 1..3 {
        leave(connect(place.number()).await).await;
        logged(&folder, "the time is up", times).await;
    }
}

#[tokio::test]
async fn a_session_is_drained_when_the_program_is_stopped() {
    let (client, server) = UnixStream::pair().unwrap();
    client.set_nonblocking(true).unwrap();
    let program = Program::spawn_with_stdin(gate(&["--inetd", "echo:"]), OwnedFd::from(server));
    let client = tokio::net::UnixStream::from_std(client).unwrap();
    let client = crate::support::upgrade(client, "ws://localhost/").await.unwrap();
    program.line(&["session started"]).await;
    program.signal(Signal::Terminate).await;
    assert_eq!(hear_close(client).await.0, 1001);
    assert_eq!(program.exit().await.status.code(), Some(0));
}
