//! What an operator reads: a line at the start and one at the end of each session, refusals, and
//! nothing that a client made up.

use std::fs;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use wsferry_testkit::patience::soon;
use wsferry_testkit::program::{Program, ReservedPort, Signal};
use wsferry_testkit::raw::HANDSHAKE;

use crate::support::{
    Client, address, connect, exchange, get, hear, hear_close, leave, say, site, spell,
    try_connect, wsferry,
};

/// A gateway, the target behind it in the test's own hand, and a session.
struct Stage {
    program: Program,
    target: TcpStream,
    client: Client,
    target_name: String,
}

async fn stage() -> Stage {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target_name = listener.local_addr().unwrap().to_string();
    let program = wsferry(&["127.0.0.1:0", &target_name]);
    let client = connect(program.port().await).await;
    let (target, _) = soon(listener.accept()).await.unwrap();
    Stage { program, target, client, target_name }
}

/// Stops the program: the log lines of its only session, which are two.
async fn lines_of_the_session(program: Program) -> [String; 2] {
    program.line(&["session ended"]).await;
    program.signal(Signal::Terminate).await;
    let log = program.exit().await.stderr;
    let lines: Vec<_> = log.lines().filter(|line| line.contains("session=")).collect();
    lines.iter().map(ToString::to_string).collect::<Vec<_>>().try_into().expect(&log)
}

fn assert_holds(line: &str, parts: &[&str]) {
    for part in parts {
        assert!(line.contains(part), "{part} is not in {line}");
    }
}

#[tokio::test]
async fn a_session_has_a_line_at_its_start_and_one_at_its_end() {
    let Stage { program, mut target, mut client, target_name } = stage().await;
    let client_name = format!("client={}", address(&client));
    say(&mut client, "hello").await;
    let mut read = [0; 5];
    soon(target.read_exact(&mut read)).await.unwrap();
    target.write_all(b"hello yourself").await.unwrap();
    hear(&mut client, "hello yourself").await;
    let close = CloseFrame { code: 4001.into(), reason: "enough".into() };
    client.close(Some(close)).await.unwrap();
    assert_eq!(soon(target.read(&mut read)).await.unwrap(), 0, "FIN");
    drop(target);
    assert_eq!(hear_close(client).await, (4001, "enough".to_owned()));

    let [start, end] = lines_of_the_session(program).await;
    let target = format!("target={target_name}");
    assert_holds(&start, &["INFO", "session started", "session=1", &client_name, &target]);
    let bytes = ["to_target=5 ", "to_client=14 "];
    assert_holds(&end, &["INFO", "session ended", "session=1", &client_name, &target]);
    assert_holds(&end, &bytes);
    assert_holds(&end, &["close_code=4001", "cause=client_closed"]);
    let duration = end.split_once("duration=").and_then(|(_, rest)| rest.split_once("s "));
    let seconds: f64 = duration.expect("it has a duration").0.parse().expect("in seconds");
    assert!((0.0..60.0).contains(&seconds), "{end}");
}

#[tokio::test]
async fn a_target_that_ended_is_the_cause() {
    let Stage { program, target, client, .. } = stage().await;
    drop(target);
    assert_eq!(hear_close(client).await, (1000, "Target closed".to_owned()));
    let [_, end] = lines_of_the_session(program).await;
    assert_holds(&end, &["INFO", "close_code=1000", "cause=target_closed"]);
}

#[tokio::test]
async fn a_target_that_was_cut_is_a_warning() {
    let Stage { program, mut target, mut client, .. } = stage().await;
    target.write_all(b"half").await.unwrap();
    hear(&mut client, "half").await;
    socket2::SockRef::from(&target).set_linger(Some(Duration::ZERO)).unwrap(); // RST
    drop(target);
    assert_eq!(hear_close(client).await.0, 1011);
    let [_, end] = lines_of_the_session(program).await;
    assert_holds(&end, &["WARN", "close_code=1011", "cause=target_failed", "reset"]);
}

#[tokio::test]
async fn a_target_that_refuses_is_a_warning() {
    let port = ReservedPort::new();
    let program = wsferry(&["127.0.0.1:0", &format!("127.0.0.1:{}", port.number())]);
    let client = connect(program.port().await).await;
    assert_eq!(hear_close(client).await.0, 1011);
    let [_, end] = lines_of_the_session(program).await;
    assert_holds(&end, &["WARN", "close_code=1011", "cause=target_unreachable"]);
    assert_holds(&end, &["connection refused"]);
}

#[tokio::test]
async fn a_client_that_was_lost_is_1006() {
    let Stage { program, mut target, client, .. } = stage().await;
    drop(client);
    assert_eq!(soon(target.read(&mut [0; 1])).await.unwrap(), 0, "FIN");
    drop(target);
    let [_, end] = lines_of_the_session(program).await;
    assert_holds(&end, &["INFO", "close_code=1006", "cause=client_lost"]);
}

#[tokio::test]
async fn a_refused_origin_names_the_flag_that_would_allow_it() {
    let program = wsferry(&["127.0.0.1:0", "echo:"]);
    let port = program.port().await;
    assert_eq!(try_connect(port, Some("http://evil.example")).await.err().unwrap(), 403);
    let line = program.line(&["WARN", "refused", "client=127.0.0.1:", "status=403"]).await;
    assert!(line.contains("--allow-origin http://evil.example"), "{line}");
}

#[tokio::test]
async fn a_refused_origin_is_in_the_log_and_nobody_is_told_to_allow_what_any_site_can_send() {
    for origin in ["null", "file://", "app://.", "about:blank"] {
        let program = wsferry(&["127.0.0.1:0", "echo:"]);
        assert_eq!(try_connect(program.port().await, Some(origin)).await.err().unwrap(), 403);
        let line = program.line(&["refused", "status=403", &format!("origin={origin}")]).await;
        assert!(!line.contains("--allow-origin"), "{line}");
    }
    let program = wsferry(&["127.0.0.1:0", "echo:"]);
    try_connect(program.port().await, Some("http://evil.example/path")).await.unwrap_err();
    program
        .line(&["WARN", "origin=http://evil.example/path", "--allow-origin http://evil.example"])
        .await;
}

#[tokio::test]
async fn an_origin_that_any_site_can_send_is_warned_of_at_the_start() {
    for (options, words) in [
        (&["--allow-origin", "null"][..], &["WARN", "--allow-origin null", "--web"][..]),
        (&["--allow-origin", "file://"], &["WARN", "--allow-origin file://", "--web"]),
        (&["--allow-origin", "*"], &["WARN", "--allow-origin '*'", "every page"]),
        (
            &["--auth-plugin", "ExpectOrigin", "--auth-source", "https://a.example null"],
            &["WARN", "ExpectOrigin", "--web"],
        ),
        (&["--auth-plugin", "ExpectOrigin", "--auth-source", "*"], &["WARN", "ExpectOrigin", "*"]),
    ] {
        let program = wsferry(&[&["127.0.0.1:0", "echo:"], options].concat());
        program.line(words).await;
    }
}

#[tokio::test]
async fn tls_on_a_port_without_a_certificate_is_one_line_that_names_cert() {
    let program = wsferry(&["127.0.0.1:0", "echo:"]);
    let port = program.port().await;
    let hello = [22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    exchange(port, &hello).await;
    try_connect(port, Some("http://last.example")).await.unwrap_err();
    program.line(&["--allow-origin http://last.example"]).await;
    let lines = program.lines();
    let about: Vec<_> = lines.iter().filter(|line| line.contains("TLS")).collect();
    assert_eq!(about.len(), 1, "{lines:#?}");
    assert_holds(about[0], &["WARN", "refused", "--cert FILE", "certificate"]);
}

#[tokio::test]
async fn a_refused_upgrade_of_http_1_0_names_the_setting_of_nginx_and_websockify_takes_it() {
    let upgrade = b"GET / HTTP/1.0\r\nHost: localhost\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let program = wsferry(&["127.0.0.1:0", "echo:"]);
    let answer = exchange(program.port().await, upgrade).await;
    assert!(answer.starts_with("HTTP/1.1 426 ") || answer.starts_with("HTTP/1.0 426 "), "{answer}");
    program.line(&["refused", "status=426", "proxy_http_version 1.1"]).await;
    let program = wsferry(&["websockify", "127.0.0.1:0", "echo:"]);
    let close = [&upgrade[..], &[0x88, 0x80, 0, 0, 0, 0]].concat();
    let answer = exchange(program.port().await, &close).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
}

#[tokio::test]
async fn a_refused_host_names_the_flag_that_would_allow_it() {
    let folder = site("a page");
    let program = wsferry(&["127.0.0.1:0", "echo:", "--web", spell(folder.path())]);
    let port = program.port().await;
    let request = b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    let answer = exchange(port, request).await;
    assert!(answer.starts_with("HTTP/1.1 403 ") && !answer.contains("a page"), "{answer}");
    program.line(&["WARN", "refused", "status=403", "--allow-host evil.example"]).await;
}

#[tokio::test]
async fn the_flag_that_a_refusal_names_lets_the_client_in() {
    for origin in ["http://evil.example", "https://a.example:8443", "http://[2001:db8::1]"] {
        let strict = wsferry(&["127.0.0.1:0", "echo:"]);
        try_connect(strict.port().await, Some(origin)).await.unwrap_err();
        let line = strict.line(&["refused", "--allow-origin"]).await;
        let flag = line.split_once("--allow-origin ").unwrap().1;
        let value = flag.split([' ', '"']).next().unwrap().trim_matches('\''); // as a shell does
        let open = wsferry(&["127.0.0.1:0", "echo:", "--allow-origin", value]);
        try_connect(open.port().await, Some(origin)).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_client_sends_cannot_forge_a_line() {
    let folder = site("a page");
    let program = wsferry(&["-v", "127.0.0.1:0", "echo:", "--web", spell(folder.path())]);
    let port = program.port().await;
    let forgeries: [&[u8]; 8] = [
        b"\x1b[31mred",                                       // escape sequences
        b"\xc2\x9b31mred", // and their one-character form, in UTF-8
        b"\x9b31mred",     // and bare
        "\u{202e}der\u{2028}INFO session started".as_bytes(), // other directions and line ends
        b"\nINFO session started",
        b"\rINFO session started",
        b"\r\n INFO session started", // a folded line
        b"\tINFO \x00session \x7fstarted",
    ];
    for forgery in forgeries {
        for (path, host, origin) in [
            (forgery, &b"127.0.0.1"[..], &b"http://evil.example"[..]),
            (b"", forgery, b"http://evil.example"),
            (b"", b"127.0.0.1", forgery),
        ] {
            let upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\
                Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
            let head = |rest: &[u8]| {
                let line = [b"GET /", path, b" HTTP/1.1\r\nHost: ", host].concat();
                [&line, &b"\r\nOrigin: x"[..], origin, b"\r\n", rest].concat()
            };
            for request in [head(upgrade), head(b"Connection: close\r\n\r\n")] {
                let answer = exchange(port, &request).await;
                assert!(!answer.starts_with("HTTP/1.1 101 "), "{answer}");
            }
        }
    }
    get(port, "/%0aINFO%20session%20started%1b[31m").await;
    try_connect(port, Some("http://last.example")).await.unwrap_err();
    program.line(&["--allow-origin http://last.example"]).await;
    let lines = program.lines();
    let log = &lines[5..]; // behind the banner
    assert!(log.len() > forgeries.len(), "there is something to forge: {log:#?}");
    for line in log {
        // 2030-01-31T23:59:59.123456Z
        let (time, rest) = line.split_once(' ').expect(line);
        assert!(time.len() == 27 && time.ends_with('Z'), "{line:?}");
        let level = rest.trim_start().split(' ').next().unwrap();
        assert!(["DEBUG", "INFO", "WARN"].contains(&level), "{line:?}");
        assert!(!rest.trim_start()[level.len()..].trim_start().starts_with("session"), "{line:?}");
        let is_odd = |c: char| c.is_control() || ['\u{202e}', '\u{2028}'].contains(&c);
        assert!(!line.contains(is_odd), "{line:?}");
    }
}

#[tokio::test]
async fn a_log_file_gets_the_lines_of_every_run_and_the_terminal_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wsferry.log");
    for run in 1..=2 {
        let program = wsferry(&["--run-once", "0", "echo:", "--log-file", spell(&file)]);
        let client = connect(program.port().await).await;
        leave(client).await;
        let exit = program.exit().await;
        assert!(exit.status.success(), "{}", exit.stderr);
        assert!(!exit.stderr.contains("session"), "{}", exit.stderr);
        let log = fs::read_to_string(&file).unwrap();
        assert_eq!(log.matches("session started").count(), run, "{log}");
        assert_eq!(log.matches("session ended").count(), run, "{log}");
        assert!(!log.contains('\x1b'), "{log}");
    }
}

#[tokio::test]
async fn requests_for_files_are_logged_when_asked_for() {
    let folder = site("a page");
    let web = spell(folder.path());
    for flags in [&[][..], &["--verbose"], &["-v"]] {
        let program = wsferry(&[flags, &["127.0.0.1:0", "echo:", "--web", web]].concat());
        let port = program.port().await;
        get(port, "/index.html").await;
        try_connect(port, Some("http://last.example")).await.unwrap_err();
        program.line(&["http://last.example"]).await;
        let lines = program.lines();
        let served = lines.iter().filter(|line| line.contains("served")).collect::<Vec<_>>();
        assert_eq!(served.len(), usize::from(!flags.is_empty()), "{lines:#?}");
        for line in served {
            assert_holds(line, &["client=127.0.0.1:", "status=200", "path=/index.html"]);
        }
    }
}

/// The banner goes to standard error, which nobody may see: a log elsewhere begins with the same.
#[tokio::test]
async fn a_log_file_begins_with_the_version_the_addresses_and_the_target() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wsferry.log");
    let options = ["--libserver", "--log-file", spell(&file)];
    let program = wsferry(&[&options[..], &["127.0.0.1:0", "localhost:5000"]].concat());
    let port = program.port().await;
    program.signal(Signal::Terminate).await;
    assert!(program.exit().await.status.success());
    let log = fs::read_to_string(&file).unwrap();
    let first = log.lines().next().expect("there is a line");
    let version = concat!("wsferry ", env!("CARGO_PKG_VERSION"));
    assert_holds(first, &[version, &format!("127.0.0.1:{port}"), "TCP localhost:5000"]);
    assert!(log.contains("--libserver has no effect"), "{log}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_terminal_gets_colours_unless_no_color_is_set() {
    for (no_color, is_coloured) in [("", true), ("1", false)] {
        let mut terminal = tokio::process::Command::new("python3");
        let spawn = "import pty, sys; pty.spawn(sys.argv[1:])";
        let gateway = [env!("CARGO_BIN_EXE_wsferry"), "127.0.0.1:0", "echo:", "--libserver"];
        terminal.args(["-c", spawn]).args(gateway).env("NO_COLOR", no_color);
        let terminal = Program::spawn_family(terminal);
        let note = terminal.printed(&["--libserver has no effect"]).await;
        assert_eq!(note.contains("\x1b["), is_coloured, "NO_COLOR={no_color}: {note:?}");
    }
}

#[tokio::test]
async fn a_source_that_is_blocked_is_told_once_with_its_failures_and_for_how_long() {
    let tokens = tempfile::NamedTempFile::new().unwrap();
    let arguments = ["--token-plugin", "TokenFile", "--token-source", spell(tokens.path())];
    let limit = ["127.0.0.1:0", "--auth-failures-per-source", "2"];
    let program = wsferry(&[&limit[..], &arguments].concat());
    let port = program.port().await;
    let request = HANDSHAKE.replace("/chat", "/?token=guess");
    for status in ["403", "403", "429", "429", "429"] {
        let answer = exchange(port, request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    program.line(&["WARN", "source blocked", "source=127.0.0.1", "failures=2", "seconds=10"]).await;
    program.signal(Signal::Terminate).await;
    let told = program.exit().await.stderr;
    assert_eq!(told.matches("source blocked").count(), 1, "{told}");
}
