//! `-- PROGRAM`: a program is started, and its `bind()` of the source port is moved.

use std::fs;
use std::path::Path;

use futures_util::{SinkExt, StreamExt};
use tempfile::tempdir;
use tokio_tungstenite::tungstenite::Message;
use wsferry_testkit::cpp::plain_program;
use wsferry_testkit::patience::{soon, until};
use wsferry_testkit::program::{ReservedPort, Signal, kill_all_with, send_signal};

use crate::client::{chat, hear_close, leave};
use crate::subject::{Gateway, Subject};

same! {
    the_program_is_reached_on_the_port_that_it_did_not_get
    options_behind_the_dashes_are_the_programs
    exit_ends_with_the_program
    ignore_goes_on_without_it
    respawn_starts_it_again
    a_program_on_a_unix_socket_is_dialled_there
}

/// A wrapped program whose starts are written to a file, a process id a line.
struct Wrapped {
    gateway: Gateway,
    starts: std::path::PathBuf,
    _folder: Folder,
}

/// A directory that is on the command line of programs; it takes them along when it goes.
struct Folder(tempfile::TempDir);

impl Drop for Folder {
    fn drop(&mut self) {
        kill_all_with(self.0.path());
    }
}

impl Wrapped {
    /// Starts `script`, a line of shell in which `$1` is the port and `$2` the directory.
    async fn start(program: Subject, options: &[&str], script: &str) -> Self {
        let folder = Folder(tempdir().unwrap());
        let starts = folder.0.path().join("starts");
        let port = ReservedPort::new();
        let (source, number) = (format!("127.0.0.1:{}", port.number()), port.number().to_string());
        let script = format!("echo $$ >> $2/starts; {script}");
        // A copy, so that the directory is on the command line of what the shell becomes.
        fs::copy(plain_program(), folder.0.path().join("server")).unwrap();
        let place = folder.0.path().to_str().unwrap();
        let wrapped = ["--", "sh", "-c", &script, "wrapped", &number, place];
        let words = [options, &[&source], &wrapped].concat();
        let gateway = Gateway::listening(program.start(&words), port).await;
        Self { gateway, starts, _folder: folder }
    }

    fn starts(&self) -> Vec<u32> {
        ids(&self.starts)
    }

    /// Waits until the program listens, where it was moved to.
    async fn is_ready(&self) {
        let printed = self.gateway.program.printed(&["listening on 127.0.0.1:"]).await;
        let moved: u16 = printed.rsplit(':').next().unwrap().parse().unwrap();
        assert_ne!(moved, self.gateway.port());
    }

    async fn end_the_program(&self) {
        send_signal(Signal::Kill, &self.starts()[..1]).await;
    }
}

const SERVE: &str = "exec $2/server $1";

async fn the_program_is_reached_on_the_port_that_it_did_not_get(program: Subject) {
    let wrapped = Wrapped::start(program, &[], SERVE).await;
    wrapped.is_ready().await;
    for _ in 0..2 {
        let mut client = wrapped.gateway.connect().await;
        chat(&mut client).await;
        leave(client).await;
    }
    assert_eq!(wrapped.starts().len(), 1);
}

async fn options_behind_the_dashes_are_the_programs(program: Subject) {
    let script = "echo \"$REBIND_OLD_PORT $REBIND_NEW_PORT $3 $4\" > $2/words; exec $2/server $1";
    let folder = Folder(tempdir().unwrap());
    fs::copy(plain_program(), folder.0.path().join("server")).unwrap();
    let port = ReservedPort::new();
    let (source, number) = (format!("127.0.0.1:{}", port.number()), port.number().to_string());
    let place = folder.0.path().to_str().unwrap();
    let wrapped = ["--", "sh", "-c", script, "wrapped", &number, place, "--web", "--verbose"];
    let words = [&[&*source], &wrapped[..]].concat();
    let gateway = Gateway::listening(program.start(&words), port).await;
    let printed = gateway.program.printed(&["listening on 127.0.0.1:"]).await;
    let moved = printed.rsplit(':').next().unwrap();
    let words = fs::read_to_string(folder.0.path().join("words")).unwrap();
    assert_eq!(words, format!("{number} {moved} --web --verbose\n"));
}

async fn exit_ends_with_the_program(program: Subject) {
    for options in [&["--wrap-mode", "exit"][..], &[]] {
        let wrapped = Wrapped::start(program, options, SERVE).await;
        wrapped.is_ready().await;
        wrapped.end_the_program().await;
        wrapped.gateway.program.exit().await;
    }
}

async fn ignore_goes_on_without_it(program: Subject) {
    let wrapped = Wrapped::start(program, &["--wrap-mode", "ignore"], SERVE).await;
    wrapped.is_ready().await;
    wrapped.end_the_program().await;
    let id = wrapped.starts()[0];
    until(|| !is_alive(id)).await;
    let (code, _) = hear_close(&mut wrapped.gateway.connect().await).await;
    assert_eq!(code, 1011);
    assert_eq!(wrapped.starts().len(), 1);
}

async fn respawn_starts_it_again(program: Subject) {
    let wrapped = Wrapped::start(program, &["--wrap-mode", "respawn"], SERVE).await;
    wrapped.is_ready().await;
    wrapped.end_the_program().await;
    until(|| wrapped.starts().len() == 2).await;
    // It binds a moment later; until then the target refuses.
    loop {
        let mut client = wrapped.gateway.connect().await;
        let _ = soon(client.send(Message::binary(&b"hello"[..]))).await;
        if let Some(Ok(Message::Binary(bytes))) = soon(client.next()).await {
            assert_eq!(&bytes[..], b"hello");
            break;
        }
    }
}

/// As jupyter-remote-desktop-proxy does.
async fn a_program_on_a_unix_socket_is_dialled_there(program: Subject) {
    let folder = Folder(tempdir().unwrap());
    let socket = folder.0.path().join("target.sock");
    let port = ReservedPort::new();
    let source = format!("127.0.0.1:{}", port.number());
    let listens = format!("UNIX-LISTEN:{},fork", socket.display());
    let target = ["--unix-target", socket.to_str().unwrap()];
    let server = ["--", "socat", &listens, "EXEC:cat"];
    let words = [&[&*source], &target[..], &server].concat();
    let gateway = Gateway::listening(program.start(&words), port).await;
    until(|| std::os::unix::net::UnixStream::connect(&socket).is_ok()).await;
    let mut client = gateway.connect().await;
    chat(&mut client).await;
    leave(client).await;
}

pub(crate) async fn a_program_that_dies_too_often(program: Subject) {
    let folder = Folder(tempdir().unwrap());
    let starts = folder.0.path().join("starts");
    let port = ReservedPort::new();
    let source = format!("127.0.0.1:{}", port.number());
    let script = format!("echo $$ >> {}; exit 7", starts.display());
    let words = ["--wrap-mode", "respawn", &source, "--", "sh", "-c", &script];
    let mut running = program.start(&words);
    match program {
        Subject::Websockify => {
            running.line(&["too fast"]).await;
            assert!(!running.has_ended());
        }
        Subject::Wsferry => assert!(!running.exit().await.status.success()),
    }
    assert_eq!(ids(&starts).len(), 3);
}

pub(crate) async fn the_status_of_the_program(program: Subject) {
    let port = ReservedPort::new();
    let source = format!("127.0.0.1:{}", port.number());
    let exit = program.start(&[&*source, "--", "sh", "-c", "exit 7"]).exit().await;
    let status = match program {
        Subject::Websockify => 0,
        Subject::Wsferry => 7,
    };
    assert_eq!(exit.status.code(), Some(status), "{}", exit.stderr);
}

pub(crate) async fn the_program_at_the_end(program: Subject) {
    let wrapped = Wrapped::start(program, &[], SERVE).await;
    wrapped.is_ready().await;
    let id = wrapped.starts()[0];
    // The first session tells that websockify has taken signals in hand.
    leave(wrapped.gateway.connect().await).await;
    let Wrapped { mut gateway, starts: _, _folder } = wrapped;
    gateway.end_by(Signal::Terminate, program).await;
    match program {
        // It holds the streams of its parent open: waiting for their end would be for ever.
        Subject::Websockify => assert!(is_alive(id)),
        Subject::Wsferry => {
            gateway.program.exit().await;
            assert!(!is_alive(id));
        }
    }
}

fn is_alive(id: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    !status.is_empty() && !status.contains(") Z ")
}

fn ids(file: &Path) -> Vec<u32> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}
