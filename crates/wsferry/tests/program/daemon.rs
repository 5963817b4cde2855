//! `--daemon`: the program goes on in the background, and whoever started it knows how it went.

use std::fs;
use std::path::Path;
use std::process::Output;

use tokio::process::Command;
use wsferry_testkit::cpp::plain_program;
use wsferry_testkit::patience::soon;
use wsferry_testkit::program::{ReservedPort, Signal, send_signal};
use wsferry_testkit::shim;

use crate::support::{connect, get, hear, leave, say, site, spell};

/// A process in the background; it is ended with its test.
struct Daemon(u32);

impl Drop for Daemon {
    fn drop(&mut self) {
        let kill = format!("kill -KILL {} 2>/dev/null", self.0);
        let _ = std::process::Command::new("sh").args(["-c", &kill]).status();
    }
}

impl Daemon {
    /// What the pid file says, now that the starter has ended.
    fn of(pid_file: &Path) -> Self {
        let text = fs::read_to_string(pid_file).expect("it is written before the starter ends");
        Self(text.strip_suffix('\n').unwrap().parse().unwrap())
    }

    fn file(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.0)
    }

    /// Ends it as an init system does, and waits until it is gone.
    async fn stop(&self) {
        send_signal(Signal::Terminate, &[self.0]).await;
        self.gone().await;
    }

    async fn gone(&self) {
        // A process that nobody waits for is init's, or a zombie where there is no init.
        let is_there = || {
            let status = fs::read_to_string(self.file("stat"));
            status.is_ok_and(|status| !status.contains(") Z "))
        };
        soon(async {
            while is_there() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

/// Runs the starter to its end, in a directory.
async fn start(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wsferry"));
    command.current_dir(folder).env("WSFERRY_REBIND", shim::path());
    command.arg("-D").args(words).kill_on_drop(true);
    // Its streams are pipes: the output is complete when nobody holds them any more.
    soon(command.output()).await.unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn port(output: &Output) -> u16 {
    let stderr = stderr(output);
    let line = stderr.lines().find(|line| line.contains("ws://")).expect(&stderr);
    wsferry_testkit::program::port_behind(line, "ws://")
}

#[tokio::test]
async fn it_listens_when_the_starter_has_ended_and_stops_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["127.0.0.1:0", "echo:", "--pid-file", "gate.pid", "--log-file", "gate.log"];
    let output = start(folder.path(), &words).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(output.stdout, b"");
    let pid_file = folder.path().join("gate.pid");
    let daemon = Daemon::of(&pid_file);
    leave(connect(port(&output)).await).await;

    assert_eq!(fs::read_link(daemon.file("cwd")).unwrap(), Path::new("/"));
    for stream in ["fd/0", "fd/1", "fd/2"] {
        assert_eq!(fs::read_link(daemon.file(stream)).unwrap(), Path::new("/dev/null"));
    }
    let status = fs::read_to_string(daemon.file("stat")).unwrap();
    let fields: Vec<_> = status.rsplit(") ").next().unwrap().split(' ').collect();
    assert_eq!(fields[3], daemon.0.to_string(), "it leads a session of its own: {status}");
    assert_eq!(fields[4], "0", "it has no terminal: {status}");

    daemon.stop().await;
    assert!(!pid_file.exists());
    let log = fs::read_to_string(folder.path().join("gate.log")).unwrap();
    for part in ["session started", "session ended", "stopping"] {
        assert!(log.contains(part), "{log}");
    }
}

#[tokio::test]
async fn a_start_that_fails_is_the_starters_failure() {
    let folder = tempfile::tempdir().unwrap();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    let program = [&*ReservedPort::new().number().to_string(), "--", "/nonexistent/program"]
        .map(str::to_owned);
    let cases: [(&[&str], i32, &str); 5] = [
        (&[&taken, "echo:"], 1, "the port is in use"),
        (&["127.0.0.1:0", "echo:", "--log-file", "missing/log"], 1, "log file"),
        (&["127.0.0.1:0", "echo:", "--pid-file", "missing/pid"], 1, "pid file"),
        (&["127.0.0.1:0", "echo:", "--web", "missing"], 1, "missing"),
        (&["127.0.0.1:0", "echo:", "--bogus"], 2, "--bogus"),
    ];
    for (words, status, part) in cases {
        let output = start(folder.path(), words).await;
        assert_eq!(output.status.code(), Some(status), "{words:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(part), "{words:?}: {}", stderr(&output));
    }
    let words: Vec<_> = program.iter().map(String::as_str).collect();
    let pid_file = folder.path().join("gate.pid");
    let output = start(folder.path(), &[&["--pid-file", "gate.pid"], &words[..]].concat()).await;
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("cannot start the program"), "{}", stderr(&output));
    assert!(!pid_file.exists());
}

#[tokio::test]
async fn relative_paths_mean_the_directory_where_it_was_started() {
    let folder = site("a page");
    let unix = folder.path().join("target.sock");
    let _target = std::os::unix::net::UnixListener::bind(unix).unwrap();
    let place = ReservedPort::new();
    let listen = format!("127.0.0.1:{}", place.number());
    let paths = ["--web", ".", "--pid-file", "gate.pid", "--log-file", "gate.log"];
    let words = [&paths[..], &["--unix-target", "target.sock", &listen]].concat();
    let output = start(folder.path(), &words).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let daemon = Daemon::of(&folder.path().join("gate.pid"));
    assert!(get(place.number(), "/").await.ends_with("a page"));
    drop(connect(place.number()).await);
    daemon.stop().await;
    let log = fs::read_to_string(folder.path().join("gate.log")).unwrap();
    let target = format!("target=unix_socket:{}", spell(folder.path()));
    assert!(log.contains(&target) && !log.contains("target_unreachable"), "{log}");
}

#[tokio::test]
async fn a_wrapped_program_runs_where_it_was_typed_and_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(plain_program(), folder.path().join("echo")).unwrap();
    let place = ReservedPort::new();
    let port = place.number().to_string();
    let words = ["--pid-file", "gate.pid", "--log-file", "gate.log", &port, "--", "./echo", &port];
    let output = start(folder.path(), &words).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let daemon = Daemon::of(&folder.path().join("gate.pid"));
    let mut client = soon(async {
        loop {
            let mut client = connect(place.number()).await; // the program may not listen yet
            say(&mut client, "hello").await;
            let next = futures_util::StreamExt::next(&mut client).await;
            if matches!(next, Some(Ok(message)) if message.is_binary()) {
                return client;
            }
        }
    })
    .await;
    say(&mut client, "again").await;
    hear(&mut client, "again").await;
    daemon.stop().await;
    let log = fs::read_to_string(folder.path().join("gate.log")).unwrap();
    assert!(log.contains("program started"), "{log}");
}

#[tokio::test]
async fn it_ends_by_itself_as_it_does_in_the_foreground() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["127.0.0.1:0", "echo:", "--pid-file", "gate.pid", "--run-once"];
    let output = start(folder.path(), &words).await;
    let daemon = Daemon::of(&folder.path().join("gate.pid"));
    leave(connect(port(&output)).await).await;
    daemon.gone().await;
    assert!(!folder.path().join("gate.pid").exists());
}

#[tokio::test]
async fn a_lock_of_the_shell_that_started_it_is_not_held_on() {
    let folder = tempfile::tempdir().unwrap();
    let [lock, pid] = ["lock", "gate.pid"].map(|name| folder.path().join(name));
    let mut shell = Command::new("sh");
    let script = "exec 9>\"$1\"; flock 9; \"$0\" -D 127.0.0.1:0 echo: --pid-file \"$2\"";
    shell.args(["-c", script, env!("CARGO_BIN_EXE_wsferry"), spell(&lock), spell(&pid)]);
    let output = soon(shell.kill_on_drop(true).output()).await.unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let daemon = Daemon::of(&pid);
    fs::File::open(&lock).unwrap().try_lock().expect("the shell has left, and its lock with it");
    daemon.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_socket_that_was_given_to_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("gate.pid");
    let given = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = given.local_addr().unwrap().port();
    let mut shell = Command::new("sh");
    let script = "LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" -D 127.0.0.1:0 echo: --pid-file \"$1\" 3<&0 </dev/null";
    shell.args(["-c", script, env!("CARGO_BIN_EXE_wsferry"), spell(&pid)]);
    shell.stdin(std::os::fd::OwnedFd::from(given)).kill_on_drop(true);
    let output = soon(shell.output()).await.unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let daemon = Daemon::of(&pid);
    leave(connect(port).await).await;
    daemon.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn in_websockifys_place_it_is_found_under_that_name() {
    let folder = tempfile::tempdir().unwrap();
    let [link, pid] = ["websockify", "gate.pid"].map(|name| folder.path().join(name));
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_wsferry"), &link).unwrap();
    let words = ["-D", "127.0.0.1:0", "echo:", "--pid-file", spell(&pid)];
    let ways = [(spell(&link), &[][..]), (env!("CARGO_BIN_EXE_wsferry"), &["websockify"][..])];
    for (program, first) in ways {
        let mut command = Command::new(program);
        command.args(first).args(words).kill_on_drop(true);
        let output = soon(command.output()).await.unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let daemon = Daemon::of(&pid);
        assert_eq!(fs::read_to_string(daemon.file("comm")).unwrap(), "websockify\n");
        let words = fs::read(daemon.file("cmdline")).unwrap();
        let name = words.split(|byte| *byte == 0).next().unwrap();
        assert!(name.ends_with(b"websockify"), "{}", String::from_utf8_lossy(&words));
        daemon.stop().await;
    }
}
