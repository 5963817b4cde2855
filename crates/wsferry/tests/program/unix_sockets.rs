//! `--unix-listen` and `--unix-target`.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;

use futures_util::SinkExt;
use tokio::net::{TcpListener, UnixStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use wsferry_testkit::patience::soon;
use wsferry_testkit::program::{Program, Signal};

use crate::support::{
    connect, connect_unix, hear, hear_close, leave, say, spell, upgrade, wsferry,
};

/// A gateway on a Unix socket, when it listens.
async fn listening(path: &Path, options: &[&str]) -> Program {
    let program = wsferry(&[&["--unix-listen", spell(path), "echo:"], options].concat());
    program.line(&["WebSocket", "ws://"]).await;
    program
}

fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|there| there.file_type().is_socket())
}

/// Status 1 and a sentence.
async fn assert_refused(path: &Path, part: &str) {
    let exit = wsferry(&["--unix-listen", spell(path), "echo:"]).exit().await;
    assert_eq!(exit.status.code(), Some(1), "{}", exit.stderr);
    assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
    assert!(exit.stderr.contains(spell(path)) && exit.stderr.contains(part), "{}", exit.stderr);
}

#[tokio::test]
async fn a_session_runs_and_the_socket_has_its_rights_and_goes_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gate.sock");
    for (options, mode) in [(&[][..], 0o600), (&["--unix-listen-mode", "0666"], 0o666)] {
        let program = listening(&path, options).await;
        assert!(is_socket(&path));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
        let mut client = connect_unix(&path, "localhost").await;
        soon(client.send(Message::binary(&b"hello"[..]))).await.unwrap();
        hear(&mut client, "hello").await;
        leave(client).await;
        program.line(&["session started", "client=unix"]).await;
        program.line(&["session ended", "client=unix", "cause=client_closed"]).await;
        program.signal(Signal::Terminate).await;
        let exit = program.exit().await;
        assert_eq!(exit.status.code(), Some(0), "{}", exit.stderr);
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test]
async fn what_a_killed_process_left_behind_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gate.sock");
    listening(&path, &[]).await.kill().await;
    assert!(is_socket(&path), "nobody could remove it");
    let program = listening(&path, &[]).await;
    leave(connect_unix(&path, "localhost").await).await;
    program.signal(Signal::Terminate).await;
    assert_eq!(program.exit().await.status.code(), Some(0));
    assert!(!path.exists());
}

#[tokio::test]
async fn a_socket_in_use_is_refused_and_goes_on_working() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gate.sock");
    let first = listening(&path, &[]).await;
    assert_refused(&path, "another program listens on it").await;
    leave(connect_unix(&path, "localhost").await).await;
    drop(first);
}

#[tokio::test]
async fn a_program_whose_queue_is_full_listens_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gate.sock");
    let address = socket2::SockAddr::unix(&path).unwrap();
    let stream = || {
        let kind = socket2::Type::STREAM;
        let socket = socket2::Socket::new(socket2::Domain::UNIX, kind, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    };
    let busy = stream();
    busy.bind(&address).unwrap();
    busy.listen(0).unwrap();
    let mut queued = Vec::new();
    loop {
        let next = stream();
        if next.connect(&address).is_err() {
            break;
        }
        queued.push(next);
    }
    assert_refused(&path, "another program listens on it").await;
}

#[tokio::test]
async fn what_is_no_socket_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    fs::write(&file, "important").unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let directory = folder.path().join("directory");
    fs::create_dir(&directory).unwrap();
    for path in [&file, &link, &directory] {
        assert_refused(path, "a file that is not a socket already exists there").await;
    }
    assert_eq!(fs::read_to_string(&link).unwrap(), "important");
    assert!(directory.is_dir());
}

#[tokio::test]
async fn of_many_that_start_at_once_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gate.sock");
    for _ in 0..3 {
        drop(UnixListener::bind(&path).unwrap()); // left behind by somebody
        let start = || wsferry(&["--unix-listen", spell(&path), "--run-once", "echo:"]);
        let programs: Vec<_> = (0..6).map(|_| start()).collect();
        let mut losers = tokio::task::JoinSet::new();
        for program in programs {
            losers.spawn(program.exit());
        }
        for _ in 0..5 {
            let exit = soon(losers.join_next()).await.unwrap().unwrap();
            assert_eq!(exit.status.code(), Some(1), "{}", exit.stderr);
            assert!(exit.stderr.contains("another program listens on it"), "{}", exit.stderr);
        }
        leave(connect_unix(&path, "localhost").await).await;
        let winner = soon(losers.join_next()).await.unwrap().unwrap();
        assert_eq!(winner.status.code(), Some(0), "{}", winner.stderr);
        assert!(!path.exists());
    }
}

#[tokio::test]
async fn a_socket_that_took_the_name_meanwhile_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gate.sock");
    let program = listening(&path, &[]).await;
    fs::remove_file(&path).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    program.signal(Signal::Terminate).await;
    assert_eq!(program.exit().await.status.code(), Some(0));
    assert!(is_socket(&path));
    drop(other);
}

#[tokio::test]
async fn a_path_may_be_as_long_as_an_address_and_no_longer() {
    let folder = tempfile::tempdir().unwrap();
    let length = |bytes: usize| {
        let name = bytes - spell(folder.path()).len() - 1;
        folder.path().join("s".repeat(name))
    };
    let program = listening(&length(107), &[]).await;
    leave(connect_unix(&length(107), "localhost").await).await;
    drop(program);
    assert_refused(&length(108), "Choose a path of at most about 100 bytes").await;
    assert_refused(&folder.path().join("missing/gate.sock"), "in a directory that exists").await;
}

#[tokio::test]
async fn behind_a_reverse_proxy_any_host_name_is_served_and_origins_still_count() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gate.sock");
    let _program = listening(&path, &[]).await;
    for (origin, status) in [("https://play.example", 101), ("https://evil.example", 403)] {
        let mut request = "ws://play.example/".into_client_request().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        let stream = UnixStream::connect(&path).await.unwrap();
        let answer = upgrade(stream, request).await;
        assert_eq!(answer.err().map_or(101, |refusal| refusal.as_u16()), status, "{origin}");
    }
}

#[tokio::test]
async fn a_target_may_be_a_unix_socket_by_option_and_by_address() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("target.sock");
    let target = tokio::net::UnixListener::bind(&path).unwrap();
    let address = format!("unix_socket:{}", spell(&path));
    for words in [["--unix-target", spell(&path), "0"], ["0", &address, "--no-splice"]] {
        let program = wsferry(&words);
        program.line(&["->", "Unix socket", spell(&path)]).await;
        let mut client = connect(program.port().await).await;
        let (mut connection, _) = soon(target.accept()).await.unwrap();
        say(&mut client, "hello").await;
        let mut read = [0; 5];
        soon(tokio::io::AsyncReadExt::read_exact(&mut connection, &mut read)).await.unwrap();
        assert_eq!(&read, b"hello");
        tokio::io::AsyncWriteExt::write_all(&mut connection, b"hello yourself").await.unwrap();
        hear(&mut client, "hello yourself").await;
        drop(connection);
        assert_eq!(hear_close(client).await, (1000, "Target closed".to_owned()));
    }
}

#[tokio::test]
async fn a_unix_target_that_is_missing_or_refuses_is_1011() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.sock");
    let dead = folder.path().join("dead.sock");
    drop(UnixListener::bind(&dead).unwrap());
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for (path, why) in [(missing, "no such"), (dead, "refused"), (file, "refused")] {
        let program = wsferry(&["--unix-target", spell(&path), "0"]);
        let (code, reason) = hear_close(connect(program.port().await).await).await;
        assert_eq!(code, 1011);
        assert!(reason.starts_with("Failed to connect to downstream server: "), "{reason}");
        assert!(reason.to_lowercase().contains(why), "{reason}");
        program.line(&["session ended", "cause=target_unreachable"]).await;
    }
}

#[tokio::test]
async fn nginx_in_front_reaches_it_by_its_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gate.sock");
    let program = listening(&path, &["--unix-listen-mode", "0666"]).await;
    let reserved = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = reserved.local_addr().unwrap().port();
    drop(reserved);
    let settings = folder.path().join("nginx.conf");
    let place = spell(folder.path());
    fs::write(
        &settings,
        format!(
            "daemon off; master_process off; pid {place}/pid; error_log stderr;\n\
             events {{}}\n\
             http {{ access_log off; client_body_temp_path {place}; proxy_temp_path {place};\n\
             fastcgi_temp_path {place}; uwsgi_temp_path {place}; scgi_temp_path {place};\n\
             server {{ listen 127.0.0.1:{port}; location / {{\n\
             proxy_pass http://unix:{}; proxy_http_version 1.1; proxy_set_header Host $host;\n\
             proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;\n\
             }} }} }}\n",
            spell(&path)
        ),
    )
    .unwrap();
    let mut nginx = Program::start("nginx", &["-e", "stderr", "-c", spell(&settings)]);
    let stream = soon(async {
        loop {
            match tokio::net::TcpStream::connect(("127.0.0.1", port)).await {
                Ok(stream) => return stream,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    let mut request = format!("ws://play.example:{port}/").into_client_request().unwrap();
    request.headers_mut().insert("origin", "https://play.example".parse().unwrap());
    let client = upgrade(stream, request).await.unwrap();
    program.line(&["session started", "client=unix"]).await;
    leave(client).await;
    program.line(&["session ended", "cause=client_closed"]).await;
    let _ = &mut nginx;
}
