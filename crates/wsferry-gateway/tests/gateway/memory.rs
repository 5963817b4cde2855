//! Memory is a constant for each session, whoever stalls.

use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use wsferry_testkit::raw::{BINARY, FIN, frame};
use wsferry_testkit::targets::{self, Target};

use crate::support::Running;

/// Sessions that stall at once.
const SESSIONS: usize = 16;
/// What a stalled session may cost.
const LIMIT: usize = 1 << 20;

/// Bytes of memory that this process has.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// Writes until nothing is taken for a while, or far too much: how many bytes were taken.
async fn flood(write: &mut (impl AsyncWrite + Unpin), piece: &[u8]) -> usize {
    let mut taken = 0;
    while taken < 64 * LIMIT {
        match tokio::time::timeout(Duration::from_secs(1), write.write(piece)).await {
            Ok(written) => taken += written.unwrap(),
            Err(_) => break,
        }
    }
    taken
}

/// Slow downloads at once, and what one may cost.
const DOWNLOADS: usize = 256;
const DOWNLOAD: usize = 80 * 1024;

#[cfg(target_os = "linux")]
#[test]
fn a_stalled_session_costs_less_than_a_mebibyte_in_both_directions() {
    run_alone("memory::alone");
}

#[cfg(target_os = "linux")]
#[test]
fn a_slow_download_costs_less_than_80_kib() {
    run_alone("memory::downloads_alone");
}

/// The other tests of this binary use memory too: these run in a process of their own.
#[cfg(target_os = "linux")]
fn run_alone(test: &str) {
    let program = std::env::current_exe().unwrap();
    let output = std::process::Command::new(program)
        .args(["--exact", test, "--include-ignored", "--no-capture"])
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && shown.contains("1 passed"), "{shown}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "it is run by the test above, in a process of its own"]
async fn alone() {
    let mut target = Target::start(async |mut stream: tokio::net::TcpStream| {
        let mut first = [0];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut first).await.unwrap();
        if first == *b"e" {
            stream.write_all(&first).await.unwrap();
            targets::echoing(stream).await;
            return None;
        }
        let taken = flood(&mut stream, &[b'd'; 16 * 1024]).await;
        Some((stream, taken)) // it is kept open
    })
    .await;
    let gateway = Running::to(target.address()).await;
    let mut other = gateway.client().await;
    // Whatever is allocated once is allocated.
    other.send(frame(FIN | BINARY, &vec![b'e'; 300_000])).await;
    other.payload(300_000).await;
    let mut clients = Vec::new();
    for _ in 0..SESSIONS {
        clients.push(gateway.client().await);
    }
    let before = resident();

    let piece = frame(FIN | BINARY, &[b'f'; 16 * 1024]);
    let mut flooding = tokio::task::JoinSet::new();
    for mut client in clients {
        let piece = piece.clone();
        flooding.spawn(async move {
            let taken = flood(client.stream(), &piece).await;
            (client, taken)
        });
    }
    let (mut streams, mut sent) = (Vec::new(), 0);
    for _ in 0..SESSIONS {
        let (stream, taken) = target.report().await.unwrap();
        streams.push(stream);
        sent += taken;
    }
    let mut clients = Vec::new();
    while let Some(flooded) = flooding.join_next().await {
        let (client, taken) = flooded.unwrap();
        clients.push(client);
        sent += taken;
    }
    // All are stalled in both directions now, and another session goes on.
    other.send_frame(FIN | BINARY, b"still here").await;
    assert_eq!(other.payload(10).await, b"still here");
    let grown = resident().saturating_sub(before);
    println!("{} KiB for each session, {sent} bytes sent", grown / SESSIONS / 1024);
    assert!(grown < SESSIONS * LIMIT, "{grown} bytes for {SESSIONS} sessions");
    assert!(sent > SESSIONS * LIMIT / 2, "only {sent} bytes were sent: nothing was stalled");
    drop((clients, streams));
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "it is run by the test above, in a process of its own"]
async fn downloads_alone() {
    let site = tempfile::tempdir().unwrap();
    let large = std::fs::File::create(site.path().join("large")).unwrap();
    large.set_len(256 << 20).unwrap();
    let gateway = Running::start(crate::support::config_with("echo:", |config| {
        config.web = Some(wsferry_gateway::web::Files::Directory(site.path().to_owned()));
    }))
    .await;
    let mut held = Vec::new();
    let mut before = 0;
    for number in 0..=DOWNLOADS {
        let mut client = gateway.raw().await;
        client.send("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert_eq!(client.try_answer(false).await.unwrap().status, 200);
        held.push(client.into_stream());
        if number == 0 {
            settle().await; // whatever is allocated once is allocated
            before = resident();
        }
    }
    let grown = settle().await.saturating_sub(before);
    println!("{} KiB for each download", grown / DOWNLOADS / 1024);
    assert!(grown < DOWNLOADS * DOWNLOAD, "{grown} bytes for {DOWNLOADS} downloads");
}

/// Waits until memory does not grow any more: how much it is.
#[cfg(target_os = "linux")]
async fn settle() -> usize {
    loop {
        let before = resident();
        tokio::time::sleep(Duration::from_secs(1)).await;
        if resident() <= before {
            return before;
        }
    }
}
