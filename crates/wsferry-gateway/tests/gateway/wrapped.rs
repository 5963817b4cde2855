//! A program that is wrapped: where it is reached, and what follows its end.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe;
use tokio_util::sync::CancellationToken;
use wsferry_gateway::Events;
use wsferry_gateway::Listen;
use wsferry_gateway::wrap::{Ended, Prepared, Settings, SourcePort, WrapMode, Wrapped};
use wsferry_testkit::cpp::plain_program;
use wsferry_testkit::patience::soon;
use wsferry_testkit::program::{ReservedPort, Signal, send_signal};
use wsferry_testkit::raw::{BINARY, Client, FIN, Frame};

use crate::support::{Running, config_with};

/// What programs print, line by line.
struct Printed {
    folder: TempDir,
    lines: BufReader<pipe::Receiver>,
}

impl Printed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("printed");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        // Open for writing too, so that it does not end between two programs.
        let pipe = pipe::OpenOptions::new().read_write(true).open_receiver(&path).unwrap();
        Self { folder, lines: BufReader::new(pipe) }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("printed")
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        soon(self.lines.read_line(&mut line)).await.unwrap();
        line.trim_end().to_owned()
    }

    /// A line that is a number.
    async fn process(&mut self) -> u32 {
        self.line().await.parse().unwrap()
    }

    /// A shell that prints here, before it runs anything.
    fn shell(&self, mode: WrapMode, script: &str) -> Settings {
        let script = format!("exec > '{}'\n{script}", self.path().display());
        Settings {
            program: "sh".into(),
            arguments: vec!["-c".into(), script.into()],
            environment: std::env::vars_os().collect(),
            shims: vec![wsferry_testkit::shim::path()],
            mode,
            grace: Duration::from_secs(30),
        }
    }
}

/// A gateway in front of the C++ echo server, as `wsferry PORT -- plain-echo PORT`.
struct Echo {
    gateway: Running,
    printed: Printed,
    wrapped: Wrapped,
    stop: CancellationToken,
    _port: ReservedPort,
}

impl Echo {
    async fn start(mode: WrapMode) -> Self {
        let (place, printed) = (ReservedPort::new(), Printed::new());
        let port = place.number();
        let script = format!("echo $$\nexec '{}' {port}", plain_program().display());
        let (prepared, target) = prepare(printed.shell(mode, &script), port);
        let config = config_with(target, |config| {
            config.listen = Listen::Tcp { host: "127.0.0.1".to_owned(), port };
        });
        let gateway = wsferry_gateway::gateway::Gateway::bind(config).await.unwrap();
        let stop = gateway.stop_token();
        let gateway = Running::of(gateway);
        assert_eq!(gateway.address().port(), port);
        let wrapped = prepared.start(Events::default()).await.unwrap();
        Self { gateway, printed, wrapped, stop, _port: place }
    }

    /// The process of the server, when it listens.
    async fn listens(&mut self) -> u32 {
        let process = self.printed.process().await;
        assert!(self.printed.line().await.starts_with("listening on 127.0.0.1:"));
        process
    }
}

async fn round_trip(client: &mut Client) {
    client.send_frame(FIN | BINARY, b"hello").await;
    assert_eq!(client.payload(5).await, b"hello");
}

fn prepare(settings: Settings, port: u16) -> (Prepared, SocketAddr) {
    let port = NonZeroU16::new(port).unwrap();
    Prepared::moved(settings, SourcePort::Is(port)).unwrap()
}

/// Starts a program, without a gateway.
async fn start(settings: Settings) -> Wrapped {
    prepare(settings, 1).0.start(Events::default()).await.unwrap()
}

/// Whether a process is there and is not one that only waits to be waited for.
fn runs(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn is_there(process: u32) -> bool {
    Path::new(&format!("/proc/{process}")).exists()
}

/// Nothing tells a test that a process of others has ended: it is looked at again and again.
async fn gone(process: u32) {
    soon(async {
        while runs(process) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_program_that_binds_the_gateways_own_port_gets_its_clients() {
    let mut echo = Echo::start(WrapMode::Exit).await;
    let process = echo.listens().await;
    round_trip(&mut echo.gateway.client().await).await;

    let (ended, ()) = tokio::join!(echo.wrapped.supervise(&echo.stop), async {
        echo.stop.cancel();
    });
    assert_eq!(ended, Ended::Stopped);
    echo.gateway.ended().await;
    assert!(runs(process), "it is ended after the drain, not before");
    soon(echo.wrapped.end()).await;
    assert!(!is_there(process));
}

#[tokio::test]
async fn with_exit_the_gateway_stops_when_the_program_ends_and_exits_with_its_status() {
    let printed = Printed::new();
    for (script, code) in [("exit 7", 7), ("exit 0", 0), ("kill -9 $$", 137)] {
        let mut wrapped = start(printed.shell(WrapMode::Exit, script)).await;
        let stop = CancellationToken::new();
        let ended = soon(wrapped.supervise(&stop)).await;
        assert!(matches!(ended, Ended::Exited(_)), "{ended:?}");
        assert_eq!(ended.exit_code(), code, "{script}");
        assert!(stop.is_cancelled());
    }
}

#[tokio::test]
async fn with_ignore_the_gateway_goes_on_and_its_sessions_find_no_target() {
    let mut echo = Echo::start(WrapMode::Ignore).await;
    let process = echo.listens().await;
    let mut client = echo.gateway.client().await;
    round_trip(&mut client).await;

    let stop = echo.stop.clone();
    let supervised = tokio::spawn(async move {
        let ended = echo.wrapped.supervise(&echo.stop).await;
        echo.wrapped.end().await;
        ended
    });
    send_signal(Signal::Kill, &[process]).await;
    client.leave().await;
    let (frames, _) = echo.gateway.client().await.leave().await;
    assert_eq!(frames.last().map(Frame::code), Some(1011));
    assert!(!stop.is_cancelled());
    stop.cancel();
    assert_eq!(soon(supervised).await.unwrap(), Ended::Stopped);
    assert!(!is_there(process));
}

#[tokio::test]
async fn with_respawn_a_program_that_crashed_is_there_again() {
    let mut echo = Echo::start(WrapMode::Respawn).await;
    let first = echo.listens().await;
    round_trip(&mut echo.gateway.client().await).await;
    send_signal(Signal::Kill, &[first]).await;
    let gateway = &echo.gateway;
    let printed = &mut echo.printed;
    let stop = &echo.stop;
    tokio::join!(
        async {
            assert_eq!(echo.wrapped.supervise(stop).await, Ended::Stopped);
        },
        async {
            let second = printed.process().await;
            assert_ne!(first, second);
            assert!(printed.line().await.starts_with("listening on 127.0.0.1:"));
            round_trip(&mut gateway.client().await).await;
            assert!(!is_there(first));
            stop.cancel();
        }
    );
}

#[tokio::test]
async fn with_respawn_a_program_that_ends_three_times_at_once_is_given_up() {
    let mut printed = Printed::new();
    let script = "echo started; exit 3";
    let mut wrapped = start(printed.shell(WrapMode::Respawn, script)).await;
    let stop = CancellationToken::new();
    assert_eq!(soon(wrapped.supervise(&stop)).await, Ended::GaveUp);
    assert!(stop.is_cancelled());
    std::fs::write(printed.path(), "all\n").unwrap();
    for line in ["started", "started", "started", "all"] {
        assert_eq!(printed.line().await, line);
    }
}

#[tokio::test]
async fn with_respawn_what_a_program_left_behind_is_ended_before_it_is_started_again() {
    let mut printed = Printed::new();
    let script = "sleep 1000 & echo $!";
    let settings = printed.shell(WrapMode::Respawn, script);
    let mut wrapped = start(settings).await;
    let stop = CancellationToken::new();
    let (_, ()) = tokio::join!(wrapped.supervise(&stop), async {
        let left = printed.process().await;
        let second = printed.process().await;
        assert!(!runs(left), "the first one's child still runs beside {second}");
        stop.cancel();
    });
    wrapped.end().await;
}

#[tokio::test]
async fn a_program_is_asked_to_end_before_it_is_killed() {
    let mut printed = Printed::new();
    let script = "trap 'echo asked; exit' TERM; echo ready; while :; do sleep 0.01; done";
    let wrapped = start(printed.shell(WrapMode::Exit, script)).await;
    assert_eq!(printed.line().await, "ready");
    soon(wrapped.end()).await;
    assert_eq!(printed.line().await, "asked");
}

#[tokio::test]
async fn a_program_that_does_not_listen_to_sigterm_is_killed_with_all_it_started() {
    let mut printed = Printed::new();
    let script = "trap '' TERM; sleep 1000 & echo $$; echo $!; while :; do sleep 1000; done";
    let mut settings = printed.shell(WrapMode::Exit, script);
    settings.grace = Duration::from_millis(50);
    let wrapped = start(settings).await;
    let processes = [printed.process().await, printed.process().await];
    soon(wrapped.end()).await;
    assert!(!is_there(processes[0]), "it was not waited for");
    assert!(!runs(processes[1]), "what it started still runs");
}

#[tokio::test]
async fn with_ignore_what_went_to_the_background_lives_until_the_gateway_stops() {
    let mut printed = Printed::new();
    let background = "trap 'echo asked; exit' TERM; echo ready; while :; do sleep 0.01; done";
    let script = format!("echo $$; ({background}) & exit 0");
    let mut wrapped = start(printed.shell(WrapMode::Ignore, &script)).await;
    let program = printed.process().await;
    assert_eq!(printed.line().await, "ready");
    let stop = CancellationToken::new();
    let (ended, ()) = tokio::join!(wrapped.supervise(&stop), async {
        gone(program).await;
        stop.cancel();
    });
    assert_eq!(ended, Ended::Stopped);
    soon(wrapped.end()).await;
    assert_eq!(printed.line().await, "asked");
}

#[tokio::test]
async fn a_program_that_is_dropped_is_killed_with_all_it_started() {
    let mut printed = Printed::new();
    let script = "trap '' TERM; sleep 1000 & echo $$; echo $!; wait";
    let wrapped = start(printed.shell(WrapMode::Exit, script)).await;
    let processes = [printed.process().await, printed.process().await];
    drop(wrapped);
    for process in processes {
        gone(process).await;
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told_by_name() {
    let mut settings = Printed::new().shell(WrapMode::Exit, "");
    settings.program = OsString::from("no-such-program");
    let error = prepare(settings, 1).0.start(Events::default()).await.unwrap_err().to_string();
    assert!(error.contains("no-such-program") && error.contains("Check its name"), "{error}");
}
