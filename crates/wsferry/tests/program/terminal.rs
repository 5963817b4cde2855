//! A terminal that the program was started from: it stops, it closes.

use wsferry_testkit::patience::soon;
use wsferry_testkit::program::{Program, Signal, port_behind, send_signal};

use crate::support::{connect, hear_close, hear_text, leave, say, try_connect};

const GATE: &str = env!("CARGO_BIN_EXE_wsferry");

/// A terminal with a program in it. It prints the program's number, its output and how it ended, and
/// is told to stop the output (Ctrl-S) or to close.
const TERMINAL: &str = r#"
import os, pty, select, signal, sys
pid, master = pty.fork()
if pid == 0:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may be run by nohup
    os.execvp(sys.argv[1], sys.argv[1:])
print("pid", pid, flush=True)
reading = [master, sys.stdin]
while True:
    ready = select.select(reading, [], [])[0]
    if sys.stdin in ready:
        word = sys.stdin.readline().strip()
        if word == "stop":
            reading.remove(master)
            os.write(master, b"\x13")
        elif word == "close":
            os.close(master)
            reading.remove(master)
            print("closed", flush=True)
        elif word == "wait":
            print("exit", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
            break
    elif master in ready:
        try:
            data = os.read(master, 65536)
        except OSError:  # the program has ended
            reading.remove(master)
            continue
        sys.stdout.write(data.decode())
        sys.stdout.flush()
"#;

struct Terminal {
    python: Program,
    process: u32,
    port: u16,
}

impl Terminal {
    async fn with(words: &[&str]) -> Self {
        let python = Program::start("python3", &[&["-c", TERMINAL], words].concat());
        let process = python.printed(&["pid "]).await;
        let process = process.trim_start_matches("pid ").trim().parse().unwrap();
        let port = port_behind(&python.printed(&["WebSocket", "ws://"]).await, "ws://");
        Self { python, process, port }
    }

    async fn signal(&self, signal: Signal) {
        send_signal(signal, &[self.process]).await;
    }

    /// Waits for the program's end, and gives its status.
    async fn exit(mut self) -> i32 {
        self.python.type_line("wait").await;
        let line = self.python.printed(&["exit "]).await;
        line.trim_start_matches("exit ").trim().parse().unwrap()
    }
}

#[tokio::test]
async fn when_it_closes_the_program_drains() {
    let mut terminal = Terminal::with(&[GATE, "127.0.0.1:0", "echo:"]).await;
    let client = connect(terminal.port).await;
    terminal.python.type_line("close").await;
    assert_eq!(hear_close(client).await, (1001, "Server is stopping".to_owned()));
    assert_eq!(terminal.exit().await, 0);
}

#[tokio::test]
async fn while_it_is_open_hup_reads_files_again() {
    let terminal = Terminal::with(&[GATE, "127.0.0.1:0", "echo:"]).await;
    let mut client = connect(terminal.port).await;
    terminal.signal(Signal::HangUp).await;
    terminal.python.printed(&["SIGHUP"]).await;
    say(&mut client, "hello").await;
    hear_text(&mut client, "hello").await;
    terminal.signal(Signal::Terminate).await;
    assert_eq!(hear_close(client).await.0, 1001);
    assert_eq!(terminal.exit().await, 0);
}

#[tokio::test]
async fn started_by_nohup_it_outlives_the_terminal() {
    let script = "trap '' HUP; exec \"$0\" \"$@\""; // what nohup(1) does, and no more
    let mut terminal = Terminal::with(&["sh", "-c", script, GATE, "127.0.0.1:0", "echo:"]).await;
    let mut client = connect(terminal.port).await;
    terminal.python.type_line("close").await;
    terminal.python.printed(&["closed"]).await;
    terminal.signal(Signal::HangUp).await;
    say(&mut client, "hello").await;
    hear_text(&mut client, "hello").await;
    leave(connect(terminal.port).await).await;
    terminal.signal(Signal::Terminate).await;
    assert_eq!(hear_close(client).await.0, 1001);
    assert_eq!(terminal.exit().await, 0);
}

#[tokio::test]
async fn when_its_output_is_stopped_clients_and_signals_go_on() {
    let mut terminal = Terminal::with(&[GATE, "127.0.0.1:0", "echo:"]).await;
    let mut client = connect(terminal.port).await;
    terminal.python.type_line("stop").await;
    for _ in 0..500 {
        try_connect(terminal.port, Some("http://evil.example")).await.unwrap_err();
    }
    say(&mut client, "hello").await;
    hear_text(&mut client, "hello").await;
    terminal.signal(Signal::Terminate).await;
    assert_eq!(hear_close(client).await.0, 1001);
    assert_eq!(soon(terminal.exit()).await, 0);
}
