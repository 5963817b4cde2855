//! Sockets that systemd opened (`LISTEN_FDS`), what it is told (`NOTIFY_SOCKET`), and the units in
//! `contrib/`.

use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;
use wsferry_gateway::config;
use wsferry_testkit::patience::{PATIENCE, soon};
use wsferry_testkit::program::{Program, ReservedPort, Signal};
use wsferry_testkit::raw::{FIN, Frame, Frames, TEXT, close, frame};

use crate::support::{connect, connect_unix, leave, spell, wsferry};

const GATE: &str = env!("CARGO_BIN_EXE_wsferry");

/// Hands a socket over as descriptor 3, as systemd does.
fn hand_over(socket: impl Into<OwnedFd>, words: &[&str]) -> Program {
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" \"$@\" 3<&0 </dev/null", GATE]).args(words);
    command.env("LISTEN_FDS", "1");
    Program::spawn_with_stdin(command, socket.into())
}

/// `systemd-socket-activate`, which starts the program when the first client comes.
async fn activate(options: &[&str], words: &[&str]) -> Program {
    let program = [&["--"][..], &[GATE], words].concat();
    let program = Program::start("systemd-socket-activate", &[options, &program[..]].concat());
    for _ in options.iter().filter(|option| **option == "-l") {
        program.line(&["Listening on"]).await;
    }
    program
}

#[tokio::test]
async fn systemds_sockets_are_used_in_place_of_the_port_that_was_typed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gate.sock");
    let (one, other) = (ReservedPort::new(), ReservedPort::new());
    let addresses = [&one, &other].map(|place| format!("127.0.0.1:{}", place.number()));
    let listen = ["-l", &addresses[0], "-l", spell(&path), "-l", &addresses[1]];
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let program = activate(&listen, &[&taken, "echo:"]).await;
    leave(connect(one.number()).await).await;
    leave(connect(other.number()).await).await;
    leave(connect_unix(&path, "localhost").await).await;
    let listening = program.line(&["listening", &addresses[0]]).await;
    assert!(listening.contains(&addresses[1]), "{listening}");
    program.signal(Signal::Terminate).await;
    let exit = program.exit().await;
    assert_eq!(exit.status.code(), Some(0), "{}", exit.stderr);
    assert!(path.exists(), "it belongs to systemd");
}

#[tokio::test]
async fn a_unix_socket_of_systemd_is_behind_a_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gate.sock");
    let program = activate(&["-l", spell(&path)], &["27016", "echo:", "--run-once"]).await;
    leave(connect_unix(&path, "any.example").await).await;
    assert_eq!(program.exit().await.status.code(), Some(0));
}

#[tokio::test]
async fn with_accept_each_client_has_a_process_by_standard_input_or_by_descriptor() {
    let ways: [(&[&str], &[&str]); 2] =
        [(&["--inetd", "-a"], &["--inetd", "echo:"]), (&["-a"], &["27016", "echo:"])];
    for (options, words) in ways {
        let place = ReservedPort::new();
        let address = format!("127.0.0.1:{}", place.number());
        let options = [options, &["-l", &address]].concat();
        let _program = activate(&options, words).await;
        for _ in 0..2 {
            let stream = soon(tokio::net::TcpStream::connect(&address)).await.unwrap();
            let mut frames = Frames::open(stream).await;
            let mut sent = frame(FIN | TEXT, b"hello");
            sent.extend(close(1000, b""));
            tokio::io::AsyncWriteExt::write_all(frames.stream(), &sent).await.unwrap();
            assert_eq!(soon(frames.next()).await, Ok(Frame::new(FIN | TEXT, *b"hello")));
            assert_eq!(soon(frames.next()).await, Ok(Frame::close(1000, "")));
            assert!(soon(frames.next()).await.is_err());
        }
    }
}

#[tokio::test]
async fn a_connection_that_was_handed_over_is_the_only_one() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let program = hand_over(listener.accept().unwrap().0, &["27016", "echo:"]);
    client.set_nonblocking(true).unwrap();
    let client = tokio::net::TcpStream::from_std(client).unwrap();
    leave(crate::support::upgrade(client, "ws://localhost/").await.unwrap()).await;
    assert_eq!(program.exit().await.status.code(), Some(0));
}

#[tokio::test]
async fn sockets_for_another_process_are_not_taken() {
    let given = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" \"$@\" 3<&0 </dev/null", GATE, "127.0.0.1:0", "echo:"]);
    command.env("LISTEN_FDS", "1").env("LISTEN_PID", "1");
    let port = given.local_addr().unwrap().port();
    let program = Program::spawn_with_stdin(command, OwnedFd::from(given));
    assert_ne!(program.port().await, port);
}

#[tokio::test]
async fn a_descriptor_that_is_no_stream_socket_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let file = fs::File::create(folder.path().join("file")).unwrap();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    for socket in [OwnedFd::from(file), OwnedFd::from(datagrams)] {
        let exit = hand_over(socket, &["27016", "echo:"]).exit().await;
        assert_eq!(exit.status.code(), Some(1), "{}", exit.stderr);
        assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
        assert!(exit.stderr.contains("LISTEN_FDS") && exit.stderr.contains("ListenStream="));
    }
}

#[tokio::test]
async fn a_unix_listener_that_was_handed_over_keeps_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gate.sock");
    let program = hand_over(UnixListener::bind(&path).unwrap(), &["27016", "echo:"]);
    leave(connect_unix(&path, "localhost").await).await;
    program.signal(Signal::Terminate).await;
    assert_eq!(program.exit().await.status.code(), Some(0));
    assert!(path.exists());
}

/// The next word of a service that reports.
fn heard(manager: &UnixDatagram) -> String {
    let mut room = [0; 256];
    loop {
        match manager.recv(&mut room) {
            Ok(length) => return String::from_utf8(room[..length].to_vec()).unwrap(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {} // a child has ended
            Err(error) => panic!("the service says nothing: {error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_is_told_when_it_listens_and_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let name = format!("wsferry-test-{}", std::process::id());
    let abstract_name = SocketAddr::from_abstract_name(&name).unwrap();
    let managers = [
        (UnixDatagram::bind(&path).unwrap(), spell(&path).to_owned()),
        (UnixDatagram::bind_addr(&abstract_name).unwrap(), format!("@{name}")),
    ];
    for (manager, address) in managers {
        manager.set_read_timeout(Some(PATIENCE)).unwrap();
        let place = ReservedPort::new();
        let mut command = Command::new(GATE);
        command.args([&format!("127.0.0.1:{}", place.number()), "echo:"]);
        let program = Program::spawn({
            command.env("NOTIFY_SOCKET", &address);
            command
        });
        assert_eq!(heard(&manager), "READY=1\n");
        let _client = connect(place.number()).await; // without being told to wait
        program.signal(Signal::Terminate).await;
        assert_eq!(heard(&manager), "STOPPING=1\n");
    }
}

#[tokio::test]
async fn a_manager_that_does_not_listen_costs_nothing() {
    for address in ["/nonexistent/notify", "@nobody-is-here", "", "@"] {
        let mut command = Command::new(GATE);
        command.args(["127.0.0.1:0", "echo:", "--run-once"]).env("NOTIFY_SOCKET", address);
        let program = Program::spawn(command);
        leave(connect(program.port().await).await).await;
        assert_eq!(program.exit().await.status.code(), Some(0), "{address}");
    }
}

#[tokio::test]
async fn systemd_finds_no_fault_in_the_units() {
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contrib/systemd");
    let folder = tempfile::tempdir().unwrap();
    let names = ["wsferry.service", "wsferry.socket"];
    for name in names {
        let text = fs::read_to_string(units.join(name)).unwrap();
        let text = text.replace("/usr/bin/wsferry", GATE);
        fs::write(folder.path().join(name), text).unwrap();
    }
    let mut command = Command::new("systemd-analyze");
    command.current_dir(folder.path()).arg("verify").args(names);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = soon(command.output()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let about: Vec<_> = said.lines().filter(|line| line.contains("wsferry.s")).collect();
    assert!(output.status.success() && about.is_empty(), "{said}");
}

/// Else systemd kills what the drain still waits for.
#[test]
fn the_service_may_stop_for_longer_than_the_drain() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contrib/systemd/wsferry.service");
    let unit = fs::read_to_string(unit).unwrap();
    let limit = unit.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).unwrap();
    let (drain, grace) = (config::default::DRAIN_TIMEOUT, config::default::WRAP_GRACE);
    assert!(config::seconds(limit).unwrap() > drain + grace, "{limit}");
}

#[tokio::test]
async fn the_command_of_the_service_is_one_that_starts() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR"));
    let unit = fs::read_to_string(unit.join("../../contrib/systemd/wsferry.service")).unwrap();
    let command = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let mut words: Vec<_> = command.split(' ').skip(1).collect();
    words[0] = "127.0.0.1:0";
    wsferry(&words).port().await;
}
