//! A built program: started, listened to line by line, signalled, waited for. It never outlives its
//! test.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::patience::{PATIENCE, soon};

/// A running program. Dropping it kills it.
#[derive(Debug)]
pub struct Program {
    child: Child,
    /// Its group of processes, where that is its own.
    family: Option<u32>,
    stdin: Option<ChildStdin>,
    stdout: Lines,
    stderr: Lines,
}

/// What a program left behind.
#[derive(Debug)]
pub struct Exit {
    /// How it ended.
    pub status: ExitStatus,
    /// All it wrote to standard output.
    pub stdout: String,
    /// All it wrote to standard error.
    pub stderr: String,
}

/// A signal that a person or an init system sends.
#[derive(Clone, Copy, Debug)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// `kill` without a flag.
    Terminate,
    /// Ends a program without asking it.
    Kill,
    /// A terminal has closed, or files are to be read again.
    HangUp,
    /// Ctrl-\.
    Quit,
    /// Logs were rotated.
    User1,
    /// Nothing yet.
    User2,
    /// A timer.
    Alarm,
}

/// The lines of a stream so far, without their ends; closed when the stream has ended.
#[derive(Clone, Debug)]
struct Lines(watch::Receiver<Vec<String>>);

impl Program {
    /// Starts it with all its streams captured.
    pub fn start(program: impl AsRef<OsStr>, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments);
        Self::spawn(command)
    }

    /// Starts a command that was made ready by the caller.
    pub fn spawn(command: Command) -> Self {
        Self::spawn_in(command, Stdio::piped(), false)
    }

    /// Starts a command that gets something of the caller's as its standard input.
    pub fn spawn_with_stdin(command: Command, stdin: impl Into<Stdio>) -> Self {
        Self::spawn_in(command, stdin.into(), false)
    }

    /// Starts a command that starts others: they are killed with it.
    #[cfg(unix)]
    pub fn spawn_family(mut command: Command) -> Self {
        command.process_group(0);
        Self::spawn_in(command, Stdio::piped(), true)
    }

    fn spawn_in(mut command: Command, stdin: Stdio, is_family: bool) -> Self {
        command
            .env_remove("COLUMNS") // the width of the developer's terminal
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let family = child.id().filter(|_| is_family);
        let stdin = child.stdin.take();
        let stdout = Lines::of(child.stdout.take().expect("stdout is captured"));
        let stderr = Lines::of(child.stderr.take().expect("stderr is captured"));
        Self { child, family, stdin, stdout, stderr }
    }

    /// Waits for a line on standard error that holds all of `parts`.
    pub async fn line(&self, parts: &[&str]) -> String {
        self.stderr.first(parts).await
    }

    /// Waits for a line on standard output that holds all of `parts`.
    pub async fn printed(&self, parts: &[&str]) -> String {
        self.stdout.first(parts).await
    }

    /// The same, `None` when its output ends without such a line.
    pub async fn may_print(&self, parts: &[&str]) -> Option<String> {
        self.stdout.find(parts).await
    }

    /// The lines on standard error so far.
    pub fn lines(&self) -> Vec<String> {
        self.stderr.0.borrow().clone()
    }

    /// The port of a gateway, as its banner says it.
    pub async fn port(&self) -> u16 {
        port_behind(&self.line(&["WebSocket", "ws://"]).await, "ws://")
    }

    /// The number of its process.
    ///
    /// # Panics
    /// When it has ended.
    pub fn id(&self) -> u32 {
        self.child.id().expect("the program runs")
    }

    /// Types a line.
    pub async fn type_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("stdin is captured");
        stdin.write_all(format!("{line}\n").as_bytes()).await.expect("the program reads");
    }

    /// Sends a signal.
    pub async fn signal(&self, signal: Signal) {
        send_signal(signal, &[self.id()]).await;
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Waits until it has ended by itself.
    pub async fn exit(self) -> Exit {
        self.exit_within(PATIENCE).await
    }

    /// Waits until it has ended by itself, for as long as it may take.
    pub async fn exit_within(mut self, limit: Duration) -> Exit {
        let Ok(status) = timeout(limit, self.child.wait()).await else {
            panic!("the program still runs after {limit:?}; it said: {:#?}", self.lines());
        };
        let status = status.expect("a child can be waited for");
        Exit { status, stdout: self.stdout.all().await, stderr: self.stderr.all().await }
    }

    /// Kills it and waits until it is gone.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("a child can be killed");
    }
}

impl Drop for Program {
    /// What it said belongs to a test that failed.
    #[allow(clippy::print_stderr)]
    fn drop(&mut self) {
        if let Some(family) = self.family {
            // Nobody is left of it where the test waited for its end.
            let _ = kill_family(family).output();
        }
        if std::thread::panicking() {
            let (stdout, stderr) = (self.stdout.0.borrow(), self.stderr.0.borrow());
            eprintln!("program {:?} said {stdout:#?} {stderr:#?}", self.child.id());
        }
    }
}

impl Lines {
    fn of(stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let (sender, receiver) = watch::channel(Vec::new());
        tokio::spawn(async move {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while stream.read_until(b'\n', &mut line).await.is_ok_and(|length| length > 0) {
                let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line));
                sender.send_modify(|lines| lines.push(text.into_owned()));
                line.clear();
            }
        });
        Self(receiver)
    }

    async fn first(&self, parts: &[&str]) -> String {
        let line = self.find(parts).await;
        line.unwrap_or_else(|| panic!("no line holds {parts:?} in {:#?}", self.0.borrow()))
    }

    async fn find(&self, parts: &[&str]) -> Option<String> {
        let mut lines = self.0.clone();
        let is_it = |line: &&String| parts.iter().all(|part| line.contains(part));
        let found =
            timeout(PATIENCE, lines.wait_for(|lines| lines.iter().any(|line| is_it(&line))));
        match found.await {
            Ok(Ok(lines)) => lines.iter().find(is_it).cloned(),
            _ => None,
        }
    }

    /// All that was written, once the stream has ended.
    async fn all(&mut self) -> String {
        soon(async { while self.0.changed().await.is_ok() {} }).await;
        self.0.borrow().iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }
}

/// The port of the first `prefix` `host:port/` in a line.
pub fn port_behind(line: &str, prefix: &str) -> u16 {
    let authority = line.split_once(prefix).and_then(|(_, rest)| rest.split('/').next());
    let port = authority.and_then(|authority| authority.rsplit_once(':')?.1.parse().ok());
    port.unwrap_or_else(|| panic!("no {prefix}host:port/ in {line:?}"))
}

/// Sends a signal to processes, through the shell: the system call would need unsafe code.
pub async fn send_signal(signal: Signal, processes: &[u32]) {
    let mut command = Command::from(signal_command(signal, processes));
    let status = command.status().await.expect("there is a shell");
    assert!(status.success(), "{signal:?} was not delivered to {processes:?}");
}

pub(crate) fn signal_command(signal: Signal, processes: &[u32]) -> std::process::Command {
    let name = match signal {
        Signal::Interrupt => "INT",
        Signal::Terminate => "TERM",
        Signal::Kill => "KILL",
        Signal::HangUp => "HUP",
        Signal::Quit => "QUIT",
        Signal::User1 => "USR1",
        Signal::User2 => "USR2",
        Signal::Alarm => "ALRM",
    };
    let ids: Vec<_> = processes.iter().map(u32::to_string).collect();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &format!("kill -{name} {}", ids.join(" "))]);
    command
}

/// Whether a program listens on a port of 127.0.0.1. The system is asked, so that a program that
/// counts its connections sees none.
pub fn listens(port: u16) -> bool {
    listens_on((Ipv4Addr::LOCALHOST, port).into())
}

/// Whether a program listens on an address. Only on this one: the same port of another address may
/// be anybody's, also that of a connection.
pub fn listens_on(address: SocketAddr) -> bool {
    // With this option only a listening socket is in the way.
    bind_reusing(address).is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse)
}

fn bind_reusing(address: SocketAddr) -> std::io::Result<socket2::Socket> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Ends all programs that have a path on their command line, for those that nobody else takes along.
pub fn kill_all_with(path: &Path) {
    let path = path.as_os_str().as_encoded_bytes();
    let Ok(processes) = std::fs::read_dir("/proc") else { return };
    let belongs = |id: &u32| {
        let command_line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        command_line.windows(path.len()).any(|part| part == path)
    };
    let ids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let ids: Vec<u32> = ids.filter(belongs).collect();
    if !ids.is_empty() {
        // Some of them may be gone before their turn.
        let _ = signal_command(Signal::Kill, &ids).output();
    }
}

fn kill_family(family: u32) -> std::process::Command {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &format!("kill -KILL -{family}")]);
    command
}

/// A port of a loopback address where nothing listens, and that nobody else gets by chance for as
/// long as this lives. A server that sets `SO_REUSEADDR` can be told to listen there, and be told again.
#[derive(Debug)]
pub struct ReservedPort {
    socket: socket2::Socket,
}

impl ReservedPort {
    /// Takes a free port of 127.0.0.1.
    pub fn new() -> Self {
        Self::on(Ipv4Addr::LOCALHOST.into())
    }

    /// Takes a free port of an address.
    pub fn on(ip: IpAddr) -> Self {
        // Bound and not listening: connections are refused, and a listener may join later.
        let any = SocketAddr::new(ip, 0);
        Self { socket: bind_reusing(any).expect("there is a free port") }
    }

    /// The address with the port.
    pub fn address(&self) -> SocketAddr {
        let address = self.socket.local_addr().expect("it is bound");
        address.as_socket().expect("it is TCP")
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.address().port()
    }

    /// Listens there.
    pub async fn listen(&self) -> TcpListener {
        TcpListener::bind(self.address()).await.expect("nobody else listens there")
    }
}

impl Default for ReservedPort {
    fn default() -> Self {
        Self::new()
    }
}

/// The workspace's `target`, for what outlives a test on purpose.
pub(crate) fn target_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target")
}
