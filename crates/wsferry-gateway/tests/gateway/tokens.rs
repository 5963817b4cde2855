//! Tokens in files, in the names of files and in the names of sockets: which lead where, which
//! nowhere, and what happens while somebody changes them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::{TempDir, tempdir};
use wsferry_gateway::address::Address;
use wsferry_gateway::token::{
    LookUpError, ReadOnlyTokenFile, Token, TokenFile, TokenFileName, TokenSource,
    UnixDomainSocketDirectory,
};
use wsferry_testkit::patience::soon;

use crate::support::Clock;

/// Where a token leads, as text; `unknown` or `unavailable`.
async fn target(source: &dyn TokenSource, token: &str) -> String {
    let Some(token) = Token::new(token) else { return "unknown".to_owned() };
    match soon(source.look_up(&token)).await {
        Ok(target) => target.to_string(),
        Err(LookUpError::Unknown(_)) => "unknown".to_owned(),
        Err(LookUpError::Unavailable(_)) => "unavailable".to_owned(),
    }
}

/// Each token must lead where it says.
async fn all(source: &dyn TokenSource, expected: &[(&str, &str)]) {
    for (token, to) in expected {
        assert_eq!(target(source, token).await, *to, "{token:?}");
    }
}

/// Puts a new file in the place of an old one, as careful writers do.
fn replace(path: &Path, text: impl AsRef<[u8]>) {
    let parent = path.parent().unwrap();
    let mut file = tempfile::Builder::new().prefix(".new").tempfile_in(parent).unwrap();
    file.write_all(text.as_ref()).unwrap();
    file.persist(path).unwrap();
}

fn file_with(text: impl AsRef<[u8]>) -> (TempDir, std::path::PathBuf) {
    let directory = tempdir().unwrap();
    let path = directory.path().join("tokens");
    fs::write(&path, text).unwrap();
    (directory, path)
}

/// What no token may ever lead to, whatever the source.
fn hostile() -> Vec<String> {
    let mut tokens: Vec<String> = [
        "../x",
        "..",
        ".",
        "/",
        "/etc/hostname",
        "a/../a",
        "a/",
        "./a",
        "//a",
        "..\\x",
        "a\0",
        "\0",
        "%2e%2e%2fx",
        "a\n\n",
        "a\r",
        " a",
        "a ",
        "A",
        "*",
        "#",
        ":",
        "a:",
        "~",
        "con",
        "\u{202e}a",
    ]
    .map(str::to_owned)
    .into();
    tokens.push("x".repeat(8 * 1024));
    tokens.push("x".repeat(8 * 1024 + 1));
    tokens.push("../".repeat(2000) + "etc/hostname");
    tokens
}

#[tokio::test]
async fn a_file_of_lines_leads_each_token_to_its_target() {
    let lines = "# ours\n\na: h:1\r\nb:\t[::1]:2\n c :  unix_socket:/run/c \na: h:3\nbad\nd: h:4";
    let (_directory, path) = file_with(lines);
    let expected = [
        ("a", "h:3"),
        ("b", "[::1]:2"),
        ("c", "unix_socket:/run/c"),
        ("d", "h:4"),
        ("bad", "unknown"),
        ("# ours", "unknown"),
    ];
    all(&TokenFile::new(&path), &expected).await;
    all(&ReadOnlyTokenFile::new(&path), &expected).await;
    for token in hostile() {
        assert_eq!(target(&TokenFile::new(&path), &token).await, "unknown", "{token:?}");
    }
}

#[tokio::test]
async fn a_hundred_thousand_lines_are_read_once_for_a_thousand_look_ups() {
    let lines: String =
        (0..100_000).map(|n| format!("token-{n}: 10.0.0.1:{}\n", n % 60_000 + 1)).collect();
    let (_directory, path) = file_with(lines);
    let source = TokenFile::new(&path);
    for n in 0..1000 {
        let n = n * 97;
        let to = format!("10.0.0.1:{}", n % 60_000 + 1);
        assert_eq!(target(&source, &format!("token-{n}")).await, to);
        assert_eq!(target(&source, &format!("no-{n}")).await, "unknown");
    }
    assert_eq!(source.reads(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clients_that_come_together_wait_for_one_reading() {
    let (_directory, path) = file_with("a: h:1\n");
    let source = Arc::new(TokenFile::new(&path));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let source = Arc::clone(&source);
        tasks.spawn(async move { target(&*source, "a").await });
    }
    assert!(soon(tasks.join_all()).await.iter().all(|to| to == "h:1"));
    assert_eq!(source.reads(), 1);
}

#[tokio::test]
async fn clients_that_go_away_do_not_make_the_file_be_read_again() {
    let (_directory, path) = file_with("a: h:1\n");
    let source = TokenFile::new(&path);
    let token = Token::new("a").unwrap();
    for _ in 0..100 {
        let _ = futures_util::poll!(source.look_up(&token)); // begins it, and drops it
    }
    assert_eq!(target(&source, "a").await, "h:1");
    assert_eq!(source.reads(), 1);
}

#[tokio::test]
async fn a_changed_file_counts_from_the_next_look_up_on() {
    let (_directory, path) = file_with("a: h:1\nold: h:1\n");
    let source = TokenFile::new(&path);
    all(&source, &[("a", "h:1"), ("old", "h:1"), ("new", "unknown")]).await;
    for port in 2..7 {
        // In place, and of the same length.
        fs::write(&path, format!("a: h:{port}\nnew: h:1\n")).unwrap();
        assert_eq!(target(&source, "a").await, format!("h:{port}"));
        all(&source, &[("old", "unknown"), ("new", "h:1")]).await;
        replace(&path, format!("a: i:{port}\nold: h:1\n"));
        assert_eq!(target(&source, "a").await, format!("i:{port}"));
        all(&source, &[("old", "h:1"), ("new", "unknown")]).await;
    }
    let mut file = fs::File::options().append(true).open(&path).unwrap();
    file.write_all(b"late: h:9\n").unwrap();
    all(&source, &[("late", "h:9"), ("a", "i:6")]).await;
    fs::write(&path, "").unwrap();
    all(&source, &[("late", "unknown"), ("a", "unknown")]).await;
}

#[tokio::test]
async fn a_file_that_is_put_back_with_its_old_time_is_read_again() {
    let (_directory, path) = file_with("a: h:1\n");
    let source = TokenFile::new(&path);
    all(&source, &[("a", "h:1")]).await;
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "a: h:2\n").unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    all(&source, &[("a", "h:2")]).await;
}

#[tokio::test]
async fn half_a_line_never_leads_anywhere() {
    let mut proofs = 0;
    for _ in 0..200 {
        let (_directory, path) = file_with("a: 10.0.0.1:5900\n");
        let source = Arc::new(TokenFile::new(&path));
        all(&*source, &[("a", "10.0.0.1:5900")]).await;
        let began = Instant::now();
        let mut file = fs::File::create(&path).unwrap();
        file.write_all(b"a: 10.0.0.1:59").unwrap();
        let other = Arc::clone(&source);
        let mut looking = tokio::spawn(async move { target(&*other, "a").await });
        let early = tokio::time::timeout(Duration::from_millis(10), &mut looking).await;
        file.write_all(b"11\n").unwrap();
        // A machine that slept meanwhile proves nothing.
        let took = began.elapsed();
        if took < Duration::from_millis(30) {
            assert!(early.is_err(), "it does not wait until the file is still: {early:?}");
            assert_eq!(soon(looking).await.unwrap(), "10.0.0.1:5911");
            proofs += 1;
        }
        if proofs == 3 {
            return;
        }
    }
    panic!("this machine is too slow to tell");
}

#[tokio::test]
async fn a_source_that_cannot_be_read_lets_nobody_in_until_it_is_back() {
    let (_directory, path) = file_with("a: h:1\n");
    let source = TokenFile::new(&path);
    all(&source, &[("a", "h:1")]).await;
    fs::remove_file(&path).unwrap();
    all(&source, &[("a", "unavailable"), ("b", "unavailable")]).await;
    symlink("nowhere", &path).unwrap();
    all(&source, &[("a", "unavailable")]).await;
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    all(&source, &[("a", "unknown")]).await;
    fs::remove_dir(&path).unwrap();
    fs::write(&path, "a: h:2\n").unwrap();
    all(&source, &[("a", "h:2"), ("b", "unknown")]).await;
    let never = ReadOnlyTokenFile::new(path.with_extension("never"));
    all(&never, &[("a", "unavailable")]).await;
    fs::write(path.with_extension("never"), "a: h:3\n").unwrap();
    all(&never, &[("a", "h:3")]).await;
}

/// Makes a pipe without a writer: opening one to read waits for ever.
fn make_fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

#[tokio::test]
async fn a_pipe_as_token_file_does_not_hang_the_gateway() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("a");
    make_fifo(&path);
    all(&TokenFile::new(&path), &[("a", "unavailable")]).await;
    all(&ReadOnlyTokenFile::new(&path), &[("a", "unavailable")]).await;
    all(&TokenFile::new("/dev/zero"), &[("a", "unavailable")]).await;
    all(&TokenFileName::new(directory.path()).unwrap(), &[("a", "unknown")]).await;
    fs::write(directory.path().join("b"), "t: h:1\n").unwrap();
    all(&TokenFile::new(directory.path()), &[("t", "h:1"), ("a", "unknown")]).await;
}

#[tokio::test]
async fn a_read_only_file_is_read_once() {
    let (_directory, path) = file_with("a: h:1\n");
    let source = ReadOnlyTokenFile::new(&path);
    all(&source, &[("a", "h:1")]).await;
    fs::write(&path, "a: h:2\nb: h:2\n").unwrap();
    all(&source, &[("a", "h:1"), ("b", "unknown")]).await;
    fs::remove_file(&path).unwrap();
    all(&source, &[("a", "h:1"), ("b", "unknown")]).await;
}

#[tokio::test]
async fn the_files_of_a_directory_count_together_and_the_later_name_wins() {
    let directory = tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("1"), "a: h:1\nboth: h:1\n").unwrap();
    fs::write(at("2"), "b: h:2\nboth: h:2\n").unwrap();
    fs::write(at(".hidden"), "hidden: h:3\n").unwrap();
    fs::write(at("2~"), "revoked: h:3\n").unwrap();
    fs::create_dir(at("sub")).unwrap();
    fs::write(at("sub/3"), "deep: h:3\n").unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    let _socket = UnixListener::bind(at("socket")).unwrap();
    let expected = [("a", "h:1"), ("b", "h:2"), ("both", "h:2")];
    let nothing = [("hidden", "unknown"), ("revoked", "unknown"), ("deep", "unknown")];
    let source = TokenFile::new(directory.path());
    all(&source, &expected).await;
    all(&source, &nothing).await;
    all(&ReadOnlyTokenFile::new(directory.path()), &expected).await;
}

#[tokio::test]
async fn a_change_in_a_directory_counts_from_the_next_look_up_on() {
    let directory = tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("1"), "a: h:1\n").unwrap();
    fs::write(at("2"), "b: h:2\n").unwrap();
    let source = TokenFile::new(directory.path());
    all(&source, &[("a", "h:1"), ("b", "h:2"), ("c", "unknown"), ("d", "unknown")]).await;
    let before = source.reads();
    fs::write(at("2"), "b: h:3\nc: h:3\n").unwrap(); // the directory itself does not change
    all(&source, &[("c", "h:3"), ("b", "h:3"), ("a", "h:1")]).await;
    assert_eq!(source.reads(), before + 1, "only what has changed is read");
    fs::write(at("3"), "d: h:4\n").unwrap();
    all(&source, &[("d", "h:4"), ("a", "h:1")]).await;
    fs::remove_file(at("1")).unwrap();
    all(&source, &[("a", "unknown"), ("b", "h:3")]).await;
    fs::rename(at("2"), at("4")).unwrap();
    all(&source, &[("b", "h:3"), ("c", "h:3")]).await;
    fs::remove_dir_all(directory.path()).unwrap();
    all(&source, &[("b", "unavailable"), ("d", "unavailable")]).await;
}

#[tokio::test]
async fn a_token_that_another_file_takes_over_leads_there_soon() {
    let directory = tempdir().unwrap();
    fs::write(directory.path().join("1"), "a: h:1\n").unwrap();
    let source = TokenFile::new(directory.path());
    all(&source, &[("a", "h:1")]).await;
    fs::write(directory.path().join("2"), "a: h:2\n").unwrap();
    let clock = Clock::start(Duration::from_millis(100)).await;
    soon(async {
        while target(&source, "a").await != "h:2" {
            clock.tick().await;
        }
    })
    .await;
}

/// A Kubernetes volume: files are links through `..data`, which is replaced.
#[tokio::test]
async fn a_volume_that_kubernetes_replaces_is_followed() {
    let directory = tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    for (version, port) in [("..1", 1), ("..2", 2)] {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("tokens"), format!("a: h:{port}\n")).unwrap();
        fs::write(at(version).join("vm"), format!("h:{port}\n")).unwrap();
    }
    symlink("..1", at("..data")).unwrap();
    symlink("..data/tokens", at("tokens")).unwrap();
    symlink("..data/vm", at("vm")).unwrap();
    let lines = TokenFile::new(directory.path());
    let names = TokenFileName::new(directory.path()).unwrap();
    all(&lines, &[("a", "h:1")]).await;
    all(&names, &[("vm", "h:1"), ("..data", "unknown")]).await;
    symlink("..2", at("..new")).unwrap();
    fs::rename(at("..new"), at("..data")).unwrap();
    all(&lines, &[("a", "h:2")]).await;
    all(&names, &[("vm", "h:2")]).await;
}

/// Ten thousands of files take seconds to make; the code has no limit at any number.
const MANY: usize = 20_000;

#[tokio::test]
async fn a_directory_of_many_files_is_read_once() {
    let directory = tempdir().unwrap();
    for n in 0..MANY {
        fs::write(directory.path().join(n.to_string()), format!("t{n}: h:{}\n", n % 60_000 + 1))
            .unwrap();
    }
    let source = TokenFile::new(directory.path());
    for n in (0..MANY).step_by(MANY / 1000) {
        assert_eq!(target(&source, &format!("t{n}")).await, format!("h:{}", n % 60_000 + 1));
    }
    assert_eq!(target(&source, "no").await, "unknown");
    assert_eq!(source.reads(), MANY as u64);
}

#[tokio::test]
async fn a_file_named_by_the_token_holds_the_target() {
    let directory = tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("a"), "h:1\n").unwrap();
    fs::write(at("a.b"), " h:2 \r\n").unwrap();
    fs::write(at("v6"), "[2001:db8::1]:5900").unwrap();
    fs::write(at("bare"), "2001:db8::1:5900").unwrap();
    fs::write(at("unix"), "unix_socket:/run/x\n").unwrap();
    fs::write(at("two"), "h:1\nh:2\n").unwrap();
    fs::write(at("empty"), "").unwrap();
    fs::write(at("long"), format!("{}h:1\n", " ".repeat(4096))).unwrap();
    fs::write(at("binary"), b"\xff\xfe:1").unwrap();
    fs::write(at(".hidden"), "h:1\n").unwrap();
    fs::create_dir(at("sub")).unwrap();
    let source = TokenFileName::new(directory.path()).unwrap();
    let good = [
        ("a", "h:1"),
        ("a\r\n", "h:1"),
        ("a.b", "h:2"),
        ("v6", "[2001:db8::1]:5900"),
        ("bare", "[2001:db8::1]:5900"),
        ("unix", "unix_socket:/run/x"),
    ];
    all(&source, &good).await;
    for token in ["two", "empty", "long", "binary", ".hidden", "sub", "none"] {
        assert_eq!(target(&source, token).await, "unknown", "{token:?}");
    }
    fs::write(at("a"), "h:7\n").unwrap();
    all(&source, &[("a", "h:7")]).await;
    fs::remove_file(at("a")).unwrap();
    all(&source, &[("a", "unknown")]).await;
}

#[tokio::test]
async fn no_token_leaves_its_directory() {
    let root = tempdir().unwrap();
    let inside = root.path().join("inside");
    fs::create_dir_all(inside.join("sub")).unwrap();
    fs::create_dir(root.path().join("inside-too")).unwrap();
    for name in ["x", "inside-too/x", "inside/sub/x", "inside/a"] {
        fs::write(root.path().join(name), "h:1\n").unwrap();
    }
    let _sockets = ["y", "inside-too/y", "inside/sub/y", "inside/s"]
        .map(|name| UnixListener::bind(root.path().join(name)).unwrap());
    symlink("../x", inside.join("link")).unwrap();
    symlink("../inside-too/x", inside.join("link2")).unwrap();
    symlink(root.path(), inside.join("up")).unwrap();
    symlink("../y", inside.join("socket-link")).unwrap();
    symlink("loop", inside.join("loop")).unwrap();
    symlink("sub/x", inside.join("within")).unwrap();
    let names = TokenFileName::new(&inside).unwrap();
    let sockets = UnixDomainSocketDirectory::new(&inside);
    let whole = root.path().join("x").display().to_string();
    let links = ["link", "link2", "up", "up/x", "loop", "socket-link", "sub/x", "sub/y", &whole];
    let ways = ["../x", "../inside-too/x", "../y", "../inside-too/y", "sub/../../x", "..", "."];
    let tokens = links.iter().chain(&ways).map(|token| (*token).to_owned()).chain(hostile());
    for token in tokens {
        assert_eq!(target(&names, &token).await, "unknown", "{token:?}");
        assert_eq!(target(&sockets, &token).await, "unknown", "{token:?}");
    }
    all(&names, &[("a", "h:1"), ("within", "h:1"), ("s", "unknown")]).await;
    let own = Token::new("s").unwrap();
    let own = sockets.look_up(&own).await.unwrap();
    assert_eq!(own, Address::UnixByToken(inside.canonicalize().unwrap().join("s").into()));
    all(&sockets, &[("a", "unknown"), ("sub", "unknown")]).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_socket_that_is_exchanged_after_its_look_up_is_not_connected_to() {
    let root = tempdir().unwrap();
    let inside = root.path().join("inside");
    fs::create_dir(&inside).unwrap();
    let bind = |path: &str| UnixListener::bind(root.path().join(path)).unwrap();
    let (outside, meant) = (bind("outside"), bind("inside/s"));
    let sockets = UnixDomainSocketDirectory::new(&inside);
    let found = sockets.look_up(&Token::new("s").unwrap()).await.unwrap();
    fs::rename(inside.join("s"), inside.join("away")).unwrap();
    symlink("../outside", inside.join("s")).unwrap();
    let dialer = wsferry_gateway::dial::Dialer::new(
        None,
        wsferry_gateway::net::Resolver::default(),
        std::sync::Arc::new(tokio::sync::Semaphore::new(1)),
        Arc::default(),
    );
    let _stream = dialer.dial(&found, Duration::from_secs(5)).await.unwrap();
    for (listener, is_meant) in [(meant, true), (outside, false)] {
        listener.set_nonblocking(true).unwrap();
        assert_eq!(listener.accept().is_ok(), is_meant);
    }
    assert_eq!(target(&sockets, "s").await, "unknown");
}

#[tokio::test]
async fn a_directory_of_names_that_is_gone_lets_nobody_in() {
    let directory = tempdir().unwrap();
    let inside = directory.path().join("inside");
    let error = TokenFileName::new(&inside).unwrap_err().to_string();
    assert!(error.contains("inside\" is not a directory"), "{error}");
    fs::write(&inside, "").unwrap();
    assert!(TokenFileName::new(&inside).unwrap_err().to_string().contains("it is a file"));
    fs::remove_file(&inside).unwrap();
    fs::create_dir(&inside).unwrap();
    let names = TokenFileName::new(&inside).unwrap();
    let sockets = UnixDomainSocketDirectory::new(&inside);
    fs::remove_dir(&inside).unwrap();
    all(&names, &[("a", "unavailable")]).await;
    all(&sockets, &[("a", "unavailable")]).await;
}

#[tokio::test]
async fn no_source_shows_a_token_when_it_is_printed() {
    let (_directory, path) = file_with("hush: h:1\n");
    let source = TokenFile::new(&path);
    all(&source, &[("hush", "h:1")]).await;
    let socket = Address::UnixByToken(std::path::PathBuf::from("/run/vms/hush").into());
    assert_eq!(socket.to_string(), "unix_socket:/run/vms/…");
    let shown = format!("{source:?} {:?}", Token::new("hush"));
    assert!(!shown.contains("hush"), "{shown}");
}

#[tokio::test]
async fn a_token_file_that_becomes_a_pipe_keeps_its_tokens() {
    let (directory, path) = file_with("a: h:1\n");
    let source = TokenFile::new(&path);
    all(&source, &[("a", "h:1")]).await;
    fs::remove_file(&path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    all(&source, &[("a", "h:1"), ("b", "unknown")]).await;
    replace(&path, "a: h:2\n");
    all(&source, &[("a", "h:2")]).await;
    fs::remove_file(&path).unwrap();
    all(&source, &[("a", "unavailable")]).await;
    drop(directory);
}
