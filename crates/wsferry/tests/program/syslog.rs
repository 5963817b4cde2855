//! `--syslog`: the bytes of the datagrams, by RFC 5424 and by RFC 3164.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use tokio::process::Command;
use wsferry_testkit::patience::PATIENCE;
use wsferry_testkit::program::{Program, Signal};

use crate::support::{connect, exchange, leave, spell, wsferry};

/// A server that takes datagrams of either kind.
enum Server {
    Local(UnixDatagram),
    Udp(UdpSocket),
}

impl Server {
    fn local(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self::Local(socket)
    }

    fn udp() -> (Self, String) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let address = socket.local_addr().unwrap().to_string();
        (Self::Udp(socket), address)
    }

    /// The next datagram.
    fn next(&self) -> String {
        let mut room = vec![0; 70_000];
        loop {
            let length = match self {
                Self::Local(socket) => socket.recv(&mut room),
                Self::Udp(socket) => socket.recv(&mut room),
            };
            match length {
                Ok(length) => return String::from_utf8(room[..length].to_vec()).unwrap(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {} // a child has ended
                Err(error) => panic!("no datagram comes: {error}"),
            }
        }
    }

    /// The first datagram that holds `part`.
    fn find(&self, part: &str) -> String {
        loop {
            let datagram = self.next();
            if datagram.contains(part) {
                return datagram;
            }
        }
    }
}

fn host() -> String {
    let name = std::process::Command::new("uname").arg("-n").output().unwrap().stdout;
    String::from_utf8(name).unwrap().trim().to_owned()
}

/// Whether a text is made as a pattern says: `9` is a digit, `A` a letter, `_` a digit or a blank.
fn is_like(text: &str, pattern: &str) -> bool {
    let fits = |(c, p): (char, char)| match p {
        '9' => c.is_ascii_digit(),
        'A' => c.is_ascii_alphabetic(),
        '_' => c.is_ascii_digit() || c == ' ',
        p => c == p,
    };
    text.chars().count() == pattern.chars().count() && text.chars().zip(pattern.chars()).all(fits)
}

/// A session and a refusal, so that there are lines of two severities.
async fn make_lines(program: &Program) {
    let port = program.port().await;
    leave(connect(port).await).await;
    let request = "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    assert!(exchange(port, request.as_bytes()).await.starts_with("HTTP/1.1 403 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_have_the_form_of_rfc_5424() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let local = Server::local(&path);
    let (udp, address) = Server::udp();
    for (server, name) in [(local, spell(&path)), (udp, &address)] {
        let program = wsferry(&["127.0.0.1:0", "echo:", "--syslog", name]);
        let process = program.id().to_string();
        make_lines(&program).await;
        for (part, priority) in [("session started", "<14>1"), ("refused", "<12>1")] {
            let datagram = server.find(part);
            let fields: Vec<_> = datagram.splitn(8, ' ').collect();
            assert_eq!(fields[0], priority, "{datagram}"); // user, info or warning
            assert!(is_like(fields[1], "9999-99-99T99:99:99.999Z"), "{datagram}");
            assert_eq!(fields[2..7], [&host(), "wsferry", &process, "-", "-"], "{datagram}");
            assert!(fields[7].starts_with(part), "{datagram}");
            assert!(!datagram.contains(['\n', '\x1b']), "{datagram:?}");
        }
        program.line(&["session started"]).await; // standard error has them too
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_form_has_the_host_on_its_way_to_another_machine_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let local = Server::local(&path);
    let (udp, address) = Server::udp();
    let host = format!("{} ", host());
    for (server, name, host) in [(local, spell(&path), ""), (udp, &address, &*host)] {
        let program = wsferry(&["127.0.0.1:0", "echo:", "--legacy-syslog", "--syslog", name]);
        let process = program.id();
        make_lines(&program).await;
        for (part, priority) in [("session started", "<14>"), ("refused", "<12>")] {
            let datagram = server.find(part);
            let rest = datagram.strip_prefix(priority).expect(&datagram);
            assert!(is_like(&rest[..15], "AAA _9 99:99:99"), "{datagram}");
            let header = format!(" {host}wsferry[{process}]: {part}");
            assert!(rest[15..].starts_with(&header), "{header:?}: {datagram}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_websockifys_place_it_has_its_name() {
    let (server, address) = Server::udp();
    for (form, header) in [(&[][..], " websockify "), (&["--legacy-syslog"], " websockify[")] {
        let words = [&["websockify", "--syslog", &address, "127.0.0.1:0", "echo:"], form].concat();
        let program = wsferry(&words);
        leave(connect(program.port().await).await).await;
        let datagram = server.find("session started");
        assert!(datagram.contains(header), "{datagram}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_line_is_cut_to_what_a_datagram_may_hold() {
    let (server, address) = Server::udp();
    for (form, longest) in [(&[][..], 2048), (&["--legacy-syslog"], 1024)] {
        let words = [&["-v", "--web", ".", "--syslog", &address, "127.0.0.1:0", "echo:"], form];
        let program = wsferry(&words.concat());
        let path = format!("/{}", "a".repeat(4000));
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        exchange(program.port().await, request.as_bytes()).await;
        assert_eq!(server.find("aaaa").len(), longest);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_costs_nothing_and_one_that_is_back_gets_lines_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let server = Server::local(&path);
    let program = wsferry(&["127.0.0.1:0", "echo:", "--syslog", spell(&path)]);
    let port = program.port().await;
    leave(connect(port).await).await;
    server.find("session ended");
    drop(server);
    std::fs::remove_file(&path).unwrap();
    leave(connect(port).await).await;
    program.line(&["session ended", "session=2"]).await;
    let server = Server::local(&path);
    leave(connect(port).await).await;
    server.find("session started session=3"); // lines of the one before may come before it
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_stuck_or_refuses_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let stuck = Server::local(&path); // it reads nothing
    let (refusing, address) = Server::udp();
    drop(refusing);
    for name in [spell(&path), &address] {
        let program = wsferry(&["127.0.0.1:0", "echo:", "--syslog", name]);
        let port = program.port().await;
        for _ in 0..20 {
            leave(connect(port).await).await; // more lines than a queue takes
        }
        program.signal(Signal::Terminate).await;
        let exit = program.exit_within(Duration::from_secs(20)).await;
        assert_eq!(exit.status.code(), Some(0), "{}", exit.stderr);
    }
    drop(stuck);
}

#[tokio::test]
async fn a_server_that_is_not_there_at_the_start_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("log");
    let cases = [(spell(&missing), "start it"), ("nowhere.invalid:514", "does not resolve")];
    for (name, part) in cases {
        let exit = wsferry(&["127.0.0.1:0", "echo:", "--syslog", name]).exit().await;
        assert_eq!(exit.status.code(), Some(1), "{}", exit.stderr);
        assert!(exit.stderr.contains(name) && exit.stderr.contains(part), "{}", exit.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_logs_to_a_server_that_was_named_by_a_relative_path() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::local(&folder.path().join("log"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_wsferry"));
    command.current_dir(folder.path());
    command.args(["-D", "--run-once", "--syslog", "./log", "127.0.0.1:0", "echo:"]);
    let starter = Program::spawn(command);
    let port = starter.port().await;
    assert!(starter.exit().await.status.success());
    leave(connect(port).await).await;
    server.find("session ended");
}
