//! What no log line holds, however it was come by: tokens and passwords. And who guesses them.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wsferry_testkit::program::{Program, Signal};
use wsferry_testkit::raw::HANDSHAKE;
use wsferry_testkit::redis::Redis;
use wsferry_testkit::targets::Target;

use crate::support::{exchange, site, spell, wsferry};

/// The token that leads somewhere, one that does not, the password, one that is wrong.
const SECRETS: [&str; 4] = ["hush-good", "hush-bad", "hush-right", "hush-wrong"];

/// A service that repeats in its answer, wherever there is room, what it was asked.
async fn parrot(status: &'static str) -> Target<()> {
    Target::start(move |stream| repeat(stream, status)).await
}

async fn repeat(mut stream: TcpStream, status: &str) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let asked = head.split(' ').nth(1).unwrap_or_default();
    let answer = format!(
        "HTTP/1.1 {status}\r\nX-Target: {asked}\r\nLocation: {asked}\r\nConnection: close\r\n\r\n\
         no host for {head}"
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}

/// Base64 of `anna:` and a password.
fn basic(password: &str) -> &'static str {
    match password {
        "hush-right" => "YW5uYTpodXNoLXJpZ2h0",
        _ => "YW5uYTpodXNoLXdyb25n",
    }
}

/// Sends every secret in every place where a client can put one, and gives the log.
async fn log_of(arguments: &[&str]) -> String {
    let folder = site("a page");
    let always = ["-v", "127.0.0.1:0", "--web", spell(folder.path())];
    let program = wsferry(&[&always[..], arguments].concat());
    let port = program.port().await;
    for token in &SECRETS[..2] {
        let target = format!("/?token={token}");
        let handshake = HANDSHAKE.replace("/chat", &target);
        for password in &SECRETS[2..] {
            let field = format!("\r\nAuthorization: Basic {}\r\n\r\n", basic(password));
            let _ = session(port, &handshake.replace("\r\n\r\n", &field)).await;
        }
        let host = format!("Host: {token}\r\n");
        for request in [
            handshake.clone(),
            handshake.replace("Host: localhost\r\n", &host),
            handshake.replace("GET ", "POST "),
            handshake.replace("Version: 13", "Version: 12"),
            handshake.replace("HTTP/1.1", "HTTP/3"),
            handshake.replace(" HTTP/1.1", "\0 HTTP/1.1"),
            handshake.replace("\r\n\r\n", &format!("\r\nCookie\x01: {token}\r\n\r\n")),
            handshake.replace(&target, &format!("http://{token}@localhost{target}")),
            format!("GET /index.html?token={token} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            format!("GET /nothing?token={token} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            format!("GET {target}"),
        ] {
            let _ = session(port, &request).await;
        }
    }
    program.signal(Signal::Terminate).await;
    let log = program.exit().await.stderr;
    assert!(log.contains("stopping") && log.lines().count() > 15, "{log}");
    log
}

/// Sends a request, and ends whatever came of it.
async fn session(port: u16, request: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(request.as_bytes()).await?;
    stream.shutdown().await?;
    let mut rest = Vec::new();
    wsferry_testkit::patience::soon(stream.read_to_end(&mut rest)).await.map(drop)
}

fn assert_silent(log: &str, what: &str) {
    for secret in SECRETS.iter().chain(&[basic("hush-right"), basic("hush-wrong")]) {
        for line in log.lines() {
            // The name of a host that is not served is said, with the flag that would allow it;
            // but not where it may be a token.
            let is_host = line.contains(&format!("--allow-host {secret}"));
            let is_fine = is_host && !what.contains("--host-token");
            assert!(is_fine || !line.contains(secret), "{what}: {line}");
        }
    }
    for library in ["reqwest", "hyper", "connecting to", "reuse idle", "pooling idle"] {
        assert!(!log.contains(library), "{what}: a library logs: {log}");
    }
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    spell(&path).to_owned()
}

#[tokio::test]
async fn no_token_from_a_file_or_directory_is_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "hush-good: 127.0.0.1:1\nhush-bad: nowhere\nhush-bad\n\u{1}hush-bad: x y:1\n";
    let lines = write(folder.path(), "lines", lines);
    for name in ["names", "sockets"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let names = folder.path().join("names");
    write(&names, "hush-good", "127.0.0.1:1\n");
    write(&names, "hush-bad", "hush-bad\n");
    let sockets = folder.path().join("sockets");
    // Nobody accepts there any more.
    drop(UnixListener::bind(sockets.join("hush-good")).unwrap());
    let gone = folder.path().join("sockets").join("gone");
    for (class, source) in [
        ("TokenFile", &*lines),
        ("ReadOnlyTokenFile", &lines),
        ("TokenFileName", spell(&names)),
        ("UnixDomainSocketDirectory", spell(&sockets)),
        ("UnixDomainSocketDirectory", spell(&gone)),
    ] {
        for host_token in [&[][..], &["--host-token"]] {
            let plugin = ["--token-plugin", class, "--token-source", source];
            let arguments = [&plugin[..], host_token].concat();
            assert_silent(&log_of(&arguments).await, &arguments.join(" "));
        }
    }
}

#[tokio::test]
async fn no_token_that_was_asked_for_elsewhere_is_in_the_log() {
    let redis = Redis::start(&[]).await;
    redis.set("hush-good", "hush-good").await;
    redis.command(&["RPUSH", "hush-bad", "hush-bad"]).await;
    let redis = format!("127.0.0.1:{}", redis.port());
    let (yes, no, away, trouble) = (
        parrot("200 OK").await,
        parrot("404 Not Found").await,
        parrot("302 Found").await,
        parrot("500 hush-good").await,
    );
    let mut sources = vec![("TokenRedis", redis)];
    for service in [&yes, &no, &away, &trouble] {
        for class in ["BaseTokenAPI", "JSONTokenApi"] {
            sources.push((class, format!("http://{}/%s", service.address())));
            sources.push((class, format!("http://user:hush-right@{}/?q=%s", service.address())));
        }
        // It speaks no Redis.
        sources.push(("TokenRedis", format!("redis://:hush-right@{}", service.address())));
    }
    sources.push(("BaseTokenAPI", "http://user:hush-right@127.0.0.1:1/%s".to_owned()));
    sources.push(("BaseTokenAPI", "https://user:hush-right@127.0.0.1:1/%s".to_owned()));
    sources.push(("TokenRedis", "127.0.0.1:1:0:hush-right".to_owned()));
    for (class, source) in sources {
        let log = log_of(&["--token-plugin", class, "--token-source", &source]).await;
        assert_silent(&log, &format!("{class} {source}"));
    }
}

#[tokio::test]
async fn no_password_is_in_the_log_and_who_was_let_in_is() {
    let parrot = parrot("200 OK").await;
    let url = format!("http://{}/", parrot.address());
    let plugins = [("BasicHTTPAuth", "anna:hush-right"), ("HttpAuth", &*url)];
    for (class, source) in plugins {
        for files_too in [&[][..], &["--web-auth"]] {
            let plugin = ["echo:", "--auth-plugin", class, "--auth-source", source];
            let log = log_of(&[&plugin[..], files_too].concat()).await;
            assert_silent(&log, class);
            let is_named = log
                .lines()
                .any(|line| line.contains("session started") && line.contains("identity=\"anna\""));
            assert_eq!(is_named, class == "BasicHTTPAuth", "{log}");
        }
    }
}

/// Kibibytes of memory that a program has.
#[cfg(target_os = "linux")]
fn resident(program: &Program) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Passwords that are tried, and by how many at once.
#[cfg(target_os = "linux")]
const GUESSES: usize = 10_000;
#[cfg(target_os = "linux")]
const GUESSERS: usize = 16;

#[cfg(target_os = "linux")]
#[tokio::test]
async fn ten_thousand_guesses_never_get_in_cost_no_memory_and_keep_nobody_waiting() {
    use base64::Engine;
    // Without the limit of guesses, which ends this after ten.
    let auth = ["--auth-plugin", "BasicHTTPAuth", "--auth-source", "anna:7391-4"];
    let auth = [&auth[..], &["--auth-failures-per-source", "off"]].concat();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let program =
        wsferry(&[&["127.0.0.1:0", "echo:", "--log-file", spell(&log)], &auth[..]].concat());
    let port = program.port().await;
    let with = |password: &str| {
        let text = base64::engine::general_purpose::STANDARD.encode(format!("anna:{password}"));
        HANDSHAKE.replace("\r\n\r\n", &format!("\r\nAuthorization: Basic {text}\r\n\r\n"))
    };
    assert!(exchange(port, with("0000").as_bytes()).await.starts_with("HTTP/1.1 401 "));
    let guess = async |from: usize, to: usize| {
        for guess in from..to {
            let answer = exchange(port, with(&format!("{guess:04}")).as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        }
    };
    let crowd = async |from: usize, to: usize| {
        let share = (to - from) / GUESSERS;
        let guesses = (0..GUESSERS).map(|n| guess(from + n * share, from + (n + 1) * share));
        futures_util::future::join_all(guesses).await;
    };
    crowd(0, GUESSES / 5).await;
    let before = resident(&program);
    let others = async {
        for _ in 0..20 {
            let right = with("7391-4");
            assert!(session(port, &right).await.is_ok());
        }
    };
    tokio::join!(crowd(GUESSES / 5, GUESSES), others);
    let grown = resident(&program).saturating_sub(before);
    assert!(grown < 1024, "{grown} KiB more than before");
    program.signal(Signal::Terminate).await;
    program.exit().await;
    let log = fs::read_to_string(&log).unwrap();
    assert_eq!(log.matches("session started").count(), 20);
    assert_eq!(log.matches("status=401").count(), GUESSES + 1);
}
