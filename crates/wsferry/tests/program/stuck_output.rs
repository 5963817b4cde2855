//! Nobody reads what the program writes, or it cannot be written: it starts, serves and stops.

use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::Message;
use wsferry_testkit::patience::{soon, until};
use wsferry_testkit::program::{Program, ReservedPort, Signal, listens, send_signal};

use crate::support::{connect, hear_close, hear_text, say, try_connect, wsferry};

const GATE: &str = env!("CARGO_BIN_EXE_wsferry");
/// What a pipe holds (pipe(7)).
const PIPE: usize = 65536;
/// More lines than a queue takes.
const REFUSALS: usize = 5000;

/// A pipe that is full.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[b'x'; PIPE]).unwrap();
    (reader, writer)
}

/// A gateway whose standard output and error go somewhere.
struct Mute {
    child: Child,
    place: ReservedPort,
}

impl Mute {
    async fn start(stdout: impl Into<Stdio>, stderr: impl Into<Stdio>, more: &[&str]) -> Self {
        let place = ReservedPort::new();
        let mut command = Command::new(GATE);
        command.args([&place.address().to_string(), "echo:"]).args(more);
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).kill_on_drop(true);
        let child = command.spawn().unwrap();
        let port = place.number();
        until(|| listens(port)).await;
        Self { child, place }
    }

    async fn refuse(&self, times: usize, origin: &str) {
        for _ in 0..times {
            assert_eq!(try_connect(self.place.number(), Some(origin)).await.unwrap_err(), 403);
        }
    }

    async fn signal(&self, signal: Signal) {
        send_signal(signal, &[self.child.id().unwrap()]).await;
    }

    async fn exit(mut self) -> Option<i32> {
        soon(self.child.wait()).await.unwrap().code()
    }
}

#[tokio::test]
async fn a_stderr_that_nobody_reads_holds_up_no_client_and_not_the_drain() {
    let (_reader, writer) = full_pipe();
    let gate = Mute::start(Stdio::null(), writer, &[]).await;
    let mut client = connect(gate.place.number()).await;
    gate.refuse(2000, "http://evil.example").await;
    say(&mut client, "hello").await;
    hear_text(&mut client, "hello").await;
    gate.signal(Signal::Terminate).await;
    assert_eq!(hear_close(client).await.0, 1001);
    assert_eq!(gate.exit().await, Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_also_when_nobody_reads() {
    let (_reader, writer) = full_pipe();
    let patience = ["--close-timeout", "600", "--drain-timeout", "600"];
    let gate = Mute::start(Stdio::null(), writer, &patience).await;
    let port = gate.place.number();
    let mut client = connect(port).await;
    say(&mut client, "hello").await; // and from now on it answers nothing
    hear_text(&mut client, "hello").await;
    gate.signal(Signal::Terminate).await;
    until(|| !listens(port)).await;
    gate.signal(Signal::Terminate).await;
    assert_eq!(gate.exit().await, Some(1));
}

#[tokio::test]
async fn lines_that_found_no_room_are_counted_and_told_when_there_is_room_again() {
    let (reader, writer) = full_pipe();
    let gate = Mute::start(Stdio::null(), writer, &[]).await;
    let origin = format!("http://{}example", "a.".repeat(100));
    gate.refuse(REFUSALS, &origin).await;
    let heard = Arc::new(Mutex::new(String::new()));
    let hearing = std::thread::spawn({
        let heard = Arc::clone(&heard);
        move || {
            let lines = BufReader::new(reader).lines().map_while(Result::ok);
            lines.for_each(|line| *heard.lock().unwrap() += &(line + "\n"));
        }
    });
    until(|| heard.lock().unwrap().contains("were lost")).await;
    gate.refuse(1, "http://last.example").await;
    gate.signal(Signal::Terminate).await;
    assert_eq!(gate.exit().await, Some(0));
    hearing.join().unwrap();
    let log = heard.lock().unwrap();
    let told = log.lines().filter(|line| line.contains("log lines were lost"));
    let told = told.map(|line| line.rsplit_once("lost=").expect(line).1.parse::<usize>().unwrap());
    let (told, written): (usize, _) = (told.sum(), log.matches("status=403").count());
    assert_eq!(told + written, REFUSALS + 1, "each line was written or counted");
    assert!(told > 100 && log.contains("http://last.example"), "{told} were lost");
}

#[tokio::test]
async fn it_starts_and_stops_where_nothing_can_be_written() {
    for streams in [
        "2>/dev/full",
        "2>/dev/full >&2",
        "2>&-",
        "2>&- >&- <&-",
        "2>&1 | true",
        "2>&1 | sleep 600",
    ] {
        let place = ReservedPort::new();
        let mut command = Command::new("sh");
        let script = format!("\"$0\" \"$@\" {streams}");
        command.args(["-c", &script, GATE, &place.address().to_string(), "echo:"]);
        let shell = Program::spawn_family(command);
        let port = place.number();
        until(|| listens(port)).await;
        let mut client = connect(port).await;
        for _ in 0..3 {
            try_connect(port, Some("http://evil.example")).await.unwrap_err();
        }
        say(&mut client, "hello").await;
        hear_text(&mut client, "hello").await;
        drop(shell);
    }
}

#[tokio::test]
async fn a_failed_start_and_a_wrong_usage_have_their_status_also_where_it_cannot_be_said() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    for streams in ["2>/dev/full", "2>&-", "2>&- >&- <&-"] {
        for (listen, status) in [(&*taken, 1), ("no port", 2)] {
            let mut command = Command::new("sh");
            let script = format!("exec \"$0\" \"$@\" {streams}");
            command.args(["-c", &script, GATE, listen, "echo:"]);
            let exit = Program::spawn(command).exit().await;
            assert_eq!(exit.status.code(), Some(status), "{streams}: {}", exit.stderr);
        }
    }
    let (_reader, writer) = full_pipe();
    let mut command = Command::new(GATE);
    command.args([&taken, "echo:"]).stdin(Stdio::null()).stderr(writer).kill_on_drop(true);
    assert_eq!(soon(command.spawn().unwrap().wait()).await.unwrap().code(), Some(1));
}

#[tokio::test]
async fn the_demo_starts_where_nobody_reads() {
    let (page, server) = (ReservedPort::new(), ReservedPort::new());
    let (_reader, writer) = full_pipe();
    let mut command = Command::new(GATE);
    command.args(["demo", "--port", &page.number().to_string()]);
    command.args(["--target-port", &server.number().to_string()]);
    command.stdin(Stdio::null()).stderr(writer).kill_on_drop(true);
    let mut demo = command.spawn().unwrap();
    until(|| listens(page.number())).await;
    drop(connect(page.number()).await);
    send_signal(Signal::Interrupt, &[demo.id().unwrap()]).await;
    assert_eq!(soon(demo.wait()).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn marks_of_traffic_that_nobody_reads_hold_up_neither_sessions_nor_the_drain() {
    // A few wait for a reader that never comes; many find no room.
    for pieces in [10, 6000] {
        let (_reader, writer) = full_pipe();
        // More than the test waits.
        let more = ["--traffic", "--drain-timeout", "600"];
        let gate = Mute::start(writer, Stdio::null(), &more).await;
        let mut client = connect(gate.place.number()).await;
        for _ in 0..pieces {
            soon(client.send(Message::text("hello"))).await.unwrap();
            assert!(soon(client.next()).await.unwrap().unwrap().is_text());
        }
        gate.signal(Signal::Terminate).await;
        assert_eq!(hear_close(client).await.0, 1001);
        assert_eq!(gate.exit().await, Some(0));
    }
}

#[tokio::test]
async fn what_waits_at_the_end_is_written_by_then() {
    let program = wsferry(&["127.0.0.1:0", "echo:"]);
    let port = program.port().await;
    for _ in 0..200 {
        try_connect(port, Some("http://evil.example")).await.unwrap_err();
    }
    program.signal(Signal::Terminate).await;
    let log = program.exit().await.stderr;
    assert_eq!(log.matches("status=403").count(), 200);
    assert!(log.contains("stopping"), "{log}");
}
