//! `--timeout` and `--idle-timeout`: the program ends by itself. What `--close-timeout` says in the log.

use std::time::{Duration, Instant};

use futures_util::SinkExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use wsferry_testkit::patience::soon;
use wsferry_testkit::raw::{self, close};
use wsferry_testkit::targets;

use crate::support::{connect, hear, leave, try_connect, wsferry};

/// More than any test takes.
const NEVER: &str = "600";

#[tokio::test]
async fn when_the_time_is_over_nobody_new_comes_in_and_the_last_session_ends_by_itself() {
    let begun = Instant::now();
    let program = wsferry(&["127.0.0.1:0", "echo:", "--timeout", "1.5"]);
    let port = program.port().await;
    let mut client = connect(port).await;
    program.line(&["limit=\"timeout\""]).await;
    soon(async { while TcpStream::connect(("127.0.0.1", port)).await.is_ok() {} }).await;
    soon(client.send(Message::binary(&b"still here"[..]))).await.unwrap();
    hear(&mut client, "still here").await;
    leave(client).await;
    let exit = program.exit().await;
    assert_eq!(exit.status.code(), Some(0), "{}", exit.stderr);
    assert!(begun.elapsed() >= Duration::from_millis(1500));
}

#[tokio::test]
async fn without_a_session_the_idle_time_ends_the_program() {
    let begun = Instant::now();
    let program = wsferry(&["127.0.0.1:0", "echo:", "--idle-timeout", "0.5"]);
    let exit = program.exit().await;
    assert_eq!(exit.status.code(), Some(0), "{}", exit.stderr);
    assert!(begun.elapsed() >= Duration::from_millis(500));
    assert!(exit.stderr.contains("limit=\"idle_timeout\""), "{}", exit.stderr);
}

#[tokio::test]
async fn a_session_in_progress_keeps_it_alive_and_the_time_counts_from_the_end_of_the_last() {
    let idle = Duration::from_millis(700);
    let program = wsferry(&["127.0.0.1:0", "echo:", "--idle-timeout", "0.7"]);
    let port = program.port().await;
    let (first, second) = (connect(port).await, connect(port).await);
    // Longer than the idle time: another program's end tells when it is over.
    let clock = wsferry(&["127.0.0.1:0", "echo:", "--timeout", "1.5"]);
    assert!(clock.exit().await.status.success());
    leave(first).await;
    leave(second).await;
    let left = Instant::now();
    let exit = program.exit().await;
    // The client sees the end a little before the session is over.
    assert!(left.elapsed() >= idle, "{:?}", left.elapsed());
    assert_eq!(exit.status.code(), Some(0), "{}", exit.stderr);
    assert_eq!(exit.stderr.matches("cause=client_closed").count(), 2, "{}", exit.stderr);
}

#[tokio::test]
async fn a_refused_client_is_no_session() {
    let program = wsferry(&["127.0.0.1:0", "echo:", "--idle-timeout", "0.5"]);
    let port = program.port().await;
    try_connect(port, Some("https://evil.example")).await.unwrap_err();
    assert_eq!(program.exit().await.status.code(), Some(0));
}

#[tokio::test]
async fn zero_is_no_limit() {
    let words = ["127.0.0.1:0", "echo:", "--idle-timeout", "0", "--timeout", "0", "--run-once"];
    let program = wsferry(&words);
    leave(connect(program.port().await).await).await;
    let exit = program.exit().await;
    assert!(exit.status.success() && !exit.stderr.contains("the time is up"), "{}", exit.stderr);
}

#[tokio::test]
async fn with_run_once_whatever_comes_first_ends_the_program() {
    let late = ["127.0.0.1:0", "echo:", "--run-once", "--timeout", NEVER, "--idle-timeout", NEVER];
    let program = wsferry(&late);
    leave(connect(program.port().await).await).await;
    assert_eq!(program.exit().await.status.code(), Some(0));
    for limit in ["--timeout", "--idle-timeout"] {
        let program = wsferry(&["127.0.0.1:0", "echo:", "--run-once", limit, "0.3"]);
        assert_eq!(program.exit().await.status.code(), Some(0), "{limit}");
    }
}

#[tokio::test]
async fn a_time_longer_than_a_clock_can_tell_is_taken() {
    let words = ["127.0.0.1:0", "echo:", "--run-once", "--timeout", "1e9", "--idle-timeout", "1e9"];
    let program = wsferry(&words);
    leave(connect(program.port().await).await).await;
    assert_eq!(program.exit().await.status.code(), Some(0));
}

#[tokio::test]
async fn a_client_that_does_not_take_its_end_is_logged_as_cut_with_1006() {
    let mut target = targets::Target::start(|mut stream: TcpStream| async move {
        let piece = vec![b'd'; 64 * 1024];
        while stream.write_all(&piece).await.is_ok() {}
    })
    .await;
    for begins in [close(1000, b"bye"), vec![0x82, 0x01, b'x']] {
        let address = target.address().to_string();
        let limits = ["--write-timeout", "0", "--close-timeout", "0.3", "--linger", "0.1"];
        let program = wsferry(&[&["127.0.0.1:0", &address], &limits[..]].concat());
        let port = program.port().await;
        let mut client = raw::Client::open(([127, 0, 0, 1], port).into()).await;
        client.until_full().await;
        client.send(&begins).await;
        program.line(&["session ended", "close_code=1006", "cut: the client"]).await;
        target.report().await;
    }
}
