//! `wsferry SOURCE_PORT -- PROGRAM`: programs that nobody changed bind the port of the gateway, and
//! end with it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use futures_util::{SinkExt, StreamExt};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio_tungstenite::tungstenite::Message;
use wsferry_testkit::cpp::{binding_program, plain_program};
use wsferry_testkit::patience::soon;
use wsferry_testkit::program::{Program, ReservedPort, Signal, send_signal};
use wsferry_testkit::shim;

use crate::support::{
    Client, connect, connect_unix, hear, hear_close, leave, say, spell, upgrade, wsferry,
};

/// The program, made ready to wrap.
fn wrapping(options: &[&str], port: u16, program: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wsferry"));
    command.args(options).arg(format!("127.0.0.1:{port}")).arg("--").args(program);
    command.env("WSFERRY_REBIND", shim::path());
    command
}

fn wrap(options: &[&str], port: u16, program: &[&str]) -> Program {
    Program::spawn(wrapping(options, port, program))
}

/// The C++ echo server, wrapped, when it listens.
async fn echo(place: &ReservedPort) -> Program {
    let port = place.number();
    let program = wrap(&[], port, &[spell(plain_program()), &port.to_string()]);
    assert_eq!(program.port().await, port);
    let line = program.printed(&["listening on 127.0.0.1:"]).await;
    assert!(!line.ends_with(&format!(":{port}")), "the gateway's own port was given: {line}");
    program
}

/// Reads until one of `last` has come; what comes is given to `answer`, and what that gives is sent.
async fn hear_until(client: &mut Client, answer: impl Fn(&[u8]) -> Vec<u8>, last: &[&str]) {
    let mut heard = Vec::new();
    while !last.iter().any(|last| String::from_utf8_lossy(&heard).contains(last)) {
        match soon(client.next()).await {
            Some(Ok(Message::Binary(bytes))) => {
                let reply = answer(&bytes);
                if !reply.is_empty() {
                    soon(client.send(Message::binary(reply))).await.unwrap();
                }
                heard.extend_from_slice(&bytes);
            }
            other => panic!("{other:?} came behind {:?}", String::from_utf8_lossy(&heard)),
        }
    }
}

/// Does what a viewer without a password does, up to the first screen (RFC 6143 §7.1–7.3).
async fn view_desktop(port: u16) {
    let mut client = connect(port).await;
    hear(&mut client, "RFB 003.008\n").await;
    say(&mut client, "RFB 003.008\n").await;
    hear(&mut client, "\u{1}\u{1}").await; // one security type: none
    say(&mut client, "\u{1}").await;
    hear(&mut client, "\0\0\0\0").await; // it is fine
    say(&mut client, "\u{1}").await; // shared
    hear_until(&mut client, |_| Vec::new(), &["the desktop"]).await;
}

#[tokio::test]
async fn the_echo_server_is_reached_and_ends_with_the_gateway() {
    let place = ReservedPort::new();
    let program = echo(&place).await;
    let mut client = connect(place.number()).await;
    say(&mut client, "hello").await;
    hear(&mut client, "hello").await;
    leave(client).await;
    program.signal(Signal::Terminate).await;
    let exit = program.exit().await; // all who hold its standard output have ended
    assert_eq!(exit.status.code(), Some(0), "{}", exit.stderr);
}

#[tokio::test]
async fn the_program_ends_with_a_gateway_that_is_killed() {
    let place = ReservedPort::new();
    let program = echo(&place).await;
    program.signal(Signal::Kill).await;
    program.exit().await;
}

#[tokio::test]
async fn the_gateway_exits_with_the_status_of_its_program() {
    let place = ReservedPort::new();
    for options in [&[][..], &["--wrap-mode", "exit"], &["--wrap-mode=exit"]] {
        let exit = wrap(options, place.number(), &["sh", "-c", "exit 7"]).exit().await;
        assert_eq!(exit.status.code(), Some(7), "{}", exit.stderr);
    }
}

#[tokio::test]
async fn with_ignore_a_program_that_ends_leaves_the_gateway_running() {
    let place = ReservedPort::new();
    let program = wrap(&["--wrap-mode", "ignore"], place.number(), &["true"]);
    program.line(&["program ended", "going on"]).await;
    assert_eq!(hear_close(connect(place.number()).await).await.0, 1011);
    program.signal(Signal::Terminate).await;
    assert_eq!(program.exit().await.status.code(), Some(0));
}

#[tokio::test]
async fn with_respawn_a_program_that_ends_at_once_is_started_three_times_and_given_up() {
    let place = ReservedPort::new();
    let program = wrap(&["--wrap-mode", "respawn"], place.number(), &["echo", "started"]);
    let exit = program.exit().await;
    assert_eq!(exit.status.code(), Some(1));
    assert_eq!(exit.stdout.matches("started\n").count(), 3, "{}", exit.stdout);
    assert!(exit.stderr.contains("giving up"), "{}", exit.stderr);
}

#[tokio::test]
async fn a_start_that_fails_says_what_to_do() {
    let place = ReservedPort::new();
    let exit = wrap(&[], place.number(), &["no-such-program"]).exit().await;
    assert_eq!(exit.status.code(), Some(1));
    assert!(exit.stderr.contains("no-such-program"), "{}", exit.stderr);

    let mut command = wrapping(&[], place.number(), &["true"]);
    command.env("WSFERRY_REBIND", "/no/such/shim.so");
    let exit = Program::spawn(command).exit().await;
    assert_eq!(exit.status.code(), Some(1));
    assert!(exit.stderr.contains("there is no /no/such/shim.so"), "{}", exit.stderr);
}

/// Refuses every option that a telnet server asks for (RFC 854, RFC 1143).
fn refuse_options(bytes: &[u8]) -> Vec<u8> {
    const DONT: u8 = 254;
    const DO: u8 = 253;
    const WONT: u8 = 252;
    const WILL: u8 = 251;
    const IAC: u8 = 255;
    let commands = bytes.windows(3).filter(|command| command[0] == IAC);
    commands
        .filter_map(|command| match command[1] {
            DO => Some([IAC, WONT, command[2]]),
            WILL => Some([IAC, DONT, command[2]]),
            _ => None,
        })
        .flatten()
        .collect()
}

#[tokio::test]
async fn a_telnet_daemon_gives_a_shell() {
    let place = ReservedPort::new();
    let port = place.number();
    let folder = tempfile::tempdir().unwrap();
    let services = folder.path().join("inetd.conf");
    let user = std::process::Command::new("id").arg("-un").output().unwrap().stdout;
    let user = String::from_utf8(user).unwrap();
    let server = "/usr/sbin/telnetd telnetd -h -E /bin/sh";
    let line = format!("{port} stream tcp4 nowait {} {server}\n", user.trim());
    fs::write(&services, line).unwrap();
    let pid_file = format!("--pidfile={}", spell(&folder.path().join("pid")));
    let inetd = ["/usr/sbin/inetutils-inetd", "-d", &pid_file, spell(&services)];
    let program = wrap(&[], port, &inetd);
    program.line(&["registered /usr/sbin/telnetd"]).await;

    let mut client = connect(port).await;
    hear_until(&mut client, refuse_options, &["# ", "$ "]).await;
    say(&mut client, "echo the answer is $((40 + 2))\r\n").await;
    hear_until(&mut client, refuse_options, &["the answer is 42"]).await;
    say(&mut client, "exit\r\n").await;
    drop(client);
    program.signal(Signal::Terminate).await;
    program.exit().await;
}

#[tokio::test]
async fn a_vnc_server_shows_its_desktop() {
    let place = ReservedPort::new();
    let port = place.number().to_string();
    let server = ["Xtigervnc", "-displayfd", "1", "-rfbport", &port, "-SecurityTypes", "None"];
    let program = wrap(&[], place.number(), &[&server[..], &["-desktop", "the desktop"]].concat());
    program.line(&["Listening for VNC connections"]).await;
    view_desktop(place.number()).await;
    program.signal(Signal::Terminate).await;
    program.exit().await;
}

/// A home for the `vncserver` script, and a session that lasts as long as the home is there; the
/// desktop ends with its session.
fn home() -> (TempDir, String) {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let session = home.path().join("session");
    fs::write(&session, "#!/bin/sh\nwhile [ -e \"$0\" ]; do sleep 0.1; done\n").unwrap();
    fs::set_permissions(&session, fs::Permissions::from_mode(0o755)).unwrap();
    let session = spell(&session).to_owned();
    (home, session)
}

#[tokio::test]
async fn the_vncserver_script_goes_to_the_background_and_its_desktop_is_reached() {
    let place = ReservedPort::new();
    let port = place.number().to_string();
    let (home, session) = home();
    let script = ["vncserver", "-rfbport", &port, "-xstartup", &session, "-localhost", "no"];
    let open = ["-SecurityTypes", "None", "--I-KNOW-THIS-IS-INSECURE", "-desktop", "the desktop"];
    let options = ["--wrap-mode", "ignore"];
    let mut command = wrapping(&options, place.number(), &[&script[..], &open].concat());
    command.env("HOME", home.path());
    let program = Program::spawn(command);
    program.line(&["program ended", "exit status: 0"]).await;
    view_desktop(place.number()).await;
    program.signal(Signal::Terminate).await;
    program.exit().await;
}

/// What answers every client on a Unix socket with what it sent.
fn echo_on(socket: &Path) -> [String; 3] {
    ["socat".to_owned(), format!("UNIX-LISTEN:{},fork", spell(socket)), "EXEC:cat".to_owned()]
}

fn words(program: &[String]) -> Vec<&str> {
    program.iter().map(String::as_str).collect()
}

async fn echoes<S: AsyncRead + AsyncWrite + Unpin>(mut client: Client<S>) {
    soon(client.send(Message::binary(&b"hello"[..]))).await.unwrap();
    hear(&mut client, "hello").await;
    leave(client).await;
}

/// As jupyter-remote-desktop-proxy does.
#[tokio::test]
async fn a_program_that_listens_on_a_unix_socket_is_started_and_dialled_there_without_a_shim() {
    let place = ReservedPort::new();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("desktop.sock");
    let server = echo_on(&socket);
    let options = ["--unix-target", spell(&socket)];
    let mut command = wrapping(&options, place.number(), &words(&server));
    command.env("WSFERRY_REBIND", "/no/such/shim.so");
    let program = Program::spawn(command);
    program.line(&["WebSocket", "->  Unix socket", "socat"]).await;
    // Right after the start: socat does not listen yet.
    echoes(connect(program.port().await).await).await;
    program.signal(Signal::Terminate).await;
    assert_eq!(program.exit().await.status.code(), Some(0));
}

#[tokio::test]
async fn a_gateway_on_a_unix_socket_starts_its_program_and_leads_to_the_port_it_binds() {
    let folder = tempfile::tempdir().unwrap();
    let listen = folder.path().join("gate.sock");
    for given in [true, false] {
        let place = ReservedPort::new();
        let port = place.number().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_wsferry"));
        command.args(["--unix-listen", spell(&listen)]).args(given.then_some(&port));
        command.args(["--", spell(plain_program()), &port]);
        command.env("WSFERRY_REBIND", shim::path());
        let program = Program::spawn(command);
        let line = program.printed(&["listening on 127.0.0.1:"]).await;
        assert!(!line.ends_with(&format!(":{port}")), "it was not moved: {line}");
        echoes(connect_unix(&listen, "localhost").await).await;
        program.signal(Signal::Terminate).await;
        assert_eq!(program.exit().await.status.code(), Some(0));
    }
}

#[tokio::test]
async fn a_program_is_dialled_where_the_target_or_the_token_says() {
    let place = ReservedPort::new();
    let port = place.number().to_string();
    let target = format!("127.0.0.1:{port}");
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    fs::write(&tokens, format!("one: {target}\n")).unwrap();
    let listen = folder.path().join("gate.sock");
    let server = ["--", spell(plain_program()), &port];
    let token = ["--token-plugin", "TokenFile", "--token-source", spell(&tokens)];
    for (before, path) in [
        (&["127.0.0.1:0", &target][..], "/"),
        (&["--unix-listen", spell(&listen), &target], "/"),
        (&[&["127.0.0.1:0"], &token[..]].concat(), "/?token=one"),
        (&["127.0.0.1:0", "--allow-address", &target], &format!("/?address={target}")),
    ] {
        let program = wsferry(&[before, &server].concat());
        program.line(&["program started"]).await;
        if before.contains(&"--unix-listen") {
            echoes(connect_unix(&listen, "localhost").await).await;
        } else {
            let port = program.port().await;
            let stream = soon(TcpStream::connect(("127.0.0.1", port))).await.unwrap();
            let request = format!("ws://127.0.0.1:{port}{path}");
            echoes(upgrade(stream, request).await.unwrap()).await;
        }
        program.signal(Signal::Terminate).await;
        assert_eq!(program.exit().await.status.code(), Some(0));
    }
}

#[tokio::test]
async fn a_first_client_waits_for_a_program_that_needs_time_to_listen() {
    let place = ReservedPort::new();
    let port = place.number();
    let folder = tempfile::tempdir().unwrap();
    let go = folder.path().join("go");
    // What it waits for comes when its first client has been let in and was refused by nobody.
    let script = "echo process $$; while ! [ -e \"$2\" ]; do sleep 0.05; done; exec \"$0\" \"$1\"";
    let server = ["sh", "-c", script, spell(plain_program()), &port.to_string(), spell(&go)];
    let program = wrap(&["--wrap-mode", "respawn", "--connect-timeout", "30"], port, &server);
    let process = program.printed(&["process "]).await;
    let process = process.trim_start_matches("process ").parse().unwrap();
    let mut client = connect(program.port().await).await;
    say(&mut client, "hello").await;
    program.line(&["session started"]).await;
    fs::write(&go, "").unwrap();
    hear(&mut client, "hello").await;
    leave(client).await;

    // The same when it is started again.
    fs::remove_file(&go).unwrap();
    send_signal(Signal::Kill, &[process]).await;
    program.line(&["starting it again"]).await;
    let mut client = connect(port).await;
    say(&mut client, "hello").await;
    fs::write(&go, "").unwrap();
    hear(&mut client, "hello").await;
    program.signal(Signal::Terminate).await;
    program.exit().await;
}

#[tokio::test]
async fn what_is_meant_for_the_gateway_alone_does_not_reach_the_program() {
    let place = ReservedPort::new();
    let mut command = wrapping(&[], place.number(), &["env"]);
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDNAMES", "LISTEN_PID"] {
        command.env(name, "1");
    }
    command.env("WSFERRY_SECRET", "sesame").env("OF_THE_PROGRAM", "kept").env("LD_PRELOAD", "");
    let exit = Program::spawn(command).exit().await;
    for name in ["NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_", "WSFERRY_", "sesame"] {
        assert!(!exit.stdout.contains(name), "{name} is in {}", exit.stdout);
    }
    for line in ["OF_THE_PROGRAM=kept", "LD_PRELOAD=/", "REBIND_OLD_PORT=", "REBIND_NEW_PORT="] {
        assert!(exit.stdout.contains(line), "{line} is not in {}", exit.stdout);
    }
}

/// The user of the test programs that are somebody else's.
const NOBODY: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/// A folder with a copy of the shim and of a program: another user may not be let into the folder of
/// the tests.
fn copies(program: &Path) -> (TempDir, PathBuf, PathBuf) {
    let open = fs::Permissions::from_mode(0o755);
    let folder = tempfile::Builder::new().permissions(open).tempdir().unwrap();
    let copy = |file: &Path| {
        let copy = folder.path().join(file.file_name().unwrap());
        // By a process of its own: what another test starts at this moment would inherit the open
        // file, and a program that is open for writing does not start (ETXTBSY).
        let status = std::process::Command::new("cp").args([file, &copy]).status();
        assert!(status.unwrap().success(), "{} can be copied", file.display());
        copy
    };
    let (shim, program) = (copy(&shim::path()), copy(program));
    (folder, shim, program)
}

fn is_root() -> bool {
    let id = std::process::Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

/// What a program gets that binds the port of 127.0.0.1, of all addresses and of `::1`. `shared`: it
/// sets `SO_REUSEPORT`, which the shim does for it.
fn taken(before: &[&str], port: &str, shared: bool) -> String {
    let (_folder, shim, program) = copies(binding_program());
    let program = spell(&program);
    let asked = if shared { "1" } else { port };
    let kinds = [["tcp4", "127.0.0.1"], ["tcp4", "0.0.0.0"], ["tcp6", "::"], ["tcp6only", "::"]];
    let words = kinds.iter().flat_map(|kind| [kind[0], kind[1], asked]);
    let line: Vec<&str> = before.iter().copied().chain([program]).chain(words).collect();
    let mut command = std::process::Command::new(line[0]);
    command.args(&line[1..]).env("REBIND_OLD_PORT", "1").env("REBIND_NEW_PORT", port);
    if shared {
        command.env("LD_PRELOAD", shim::preload(shim));
    }
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

#[tokio::test]
async fn nobody_else_gets_the_port_of_a_program_that_does_not_listen() {
    let place = ReservedPort::new();
    let script = "echo port $REBIND_NEW_PORT";
    let program = wrap(&["--wrap-mode", "ignore"], place.number(), &["sh", "-c", script]);
    program.line(&["program ended"]).await;
    let port = program.printed(&["port "]).await.replace("port ", "");
    let refused = "error 98\n".repeat(4); // EADDRINUSE
    assert_eq!(taken(&[], &port, false), refused);
    if is_root() {
        assert_eq!(taken(&NOBODY, &port, false), refused);
        assert_eq!(taken(&NOBODY, &port, true), refused);
    }
}

#[tokio::test]
async fn a_program_that_changes_its_user_is_reached_also_when_it_is_started_again() {
    if !is_root() {
        return; // only root can change the user of a program that loads the shim
    }
    let place = ReservedPort::new();
    let port = place.number().to_string();
    let script = "echo process $$; exec \"$@\"";
    let (_folder, shim, server) = copies(plain_program());
    let words = [&["sh", "-c", script, "sh"], &NOBODY[..], &[spell(&server), &port]].concat();
    let mut command = wrapping(&["--wrap-mode", "respawn"], place.number(), &words);
    command.env("WSFERRY_REBIND", shim);
    let program = Program::spawn(command);
    let process = program.printed(&["process "]).await;
    echoes(connect(program.port().await).await).await;
    send_signal(Signal::Kill, &[process.replace("process ", "").parse().unwrap()]).await;
    program.line(&["starting it again"]).await;
    echoes(connect(place.number()).await).await;
    program.signal(Signal::Terminate).await;
    program.exit().await;
}

#[tokio::test]
async fn a_program_that_changes_its_user_gets_a_socket_of_each_family() {
    if !is_root() {
        return;
    }
    let place = ReservedPort::new();
    let port = place.number().to_string();
    let sockets = ["tcp4", "0.0.0.0", &port, "tcp6", "::", &port, "tcp6only", "::", &port];
    let (_folder, shim, program) = copies(binding_program());
    let words = [&NOBODY[..], &[spell(&program)], &sockets].concat();
    let mut command = wrapping(&[], place.number(), &words);
    command.env("WSFERRY_REBIND", shim);
    let exit = Program::spawn(command).exit().await;
    let lines: Vec<_> = exit.stdout.lines().collect();
    let new = lines[0].trim_start_matches("127.0.0.1 ");
    assert_ne!(new, port);
    let [mapped, only] = ["::ffff:127.0.0.1", "::1"].map(|host| format!("{host} {new}"));
    assert_eq!(lines, [lines[0], &mapped, &only], "{}", exit.stdout);
}

/// They would let whoever inherits them listen where the gateway dials: a user's shell, which a telnet
/// server of root's starts.
#[tokio::test]
async fn a_program_that_binds_as_the_gateway_s_user_leaves_no_bound_socket_to_what_it_starts() {
    let place = ReservedPort::new();
    let port = place.number().to_string();
    let script = "echo sockets $REBIND_SOCKETS; exec \"$@\"";
    let listen = format!("TCP-LISTEN:{port},fork");
    let show = "SYSTEM:ls -l /proc/self/fd; echo end";
    let program = wrap(&[], place.number(), &["sh", "-c", script, "sh", "socat", &listen, show]);
    let told = program.printed(&["sockets"]).await;
    let inodes = told.trim_start_matches("sockets").trim().split(',');
    let inodes: Vec<_> = inodes.filter_map(|socket| socket.split_once(':')).collect();
    assert_eq!(!inodes.is_empty(), is_root(), "{told}");
    let mut client = connect(program.port().await).await;
    let mut heard = String::new();
    while !heard.contains("end\n") {
        let Some(Ok(Message::Binary(bytes))) = soon(client.next()).await else { break };
        heard.push_str(&String::from_utf8_lossy(&bytes));
    }
    assert!(heard.contains("socket:[") && heard.contains("end"), "{heard}");
    for (_, inode) in inodes {
        assert!(!heard.contains(inode), "{inode} is open in {heard}");
    }
    drop(client);
    program.signal(Signal::Terminate).await;
    program.exit().await;
}
