//! Sources that fail or change while clients come.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wsferry_gateway::route::Dial;
use wsferry_testkit::patience::soon;
use wsferry_testkit::redis::Redis;
use wsferry_testkit::targets;

use super::{gateway, handshake};
use crate::support::Clock;

/// What an operator may do to a file, one after the other; at last it is whole.
fn change(file: &Path, whole: &str, step: usize) {
    let other = file.with_extension("new");
    match step % 6 {
        0 => fs::write(file, whole).unwrap(),
        1 => {
            fs::write(&other, whole).unwrap();
            fs::rename(&other, file).unwrap();
        }
        2 => {
            // In two pieces, and the first one ends within the port.
            let (first, second) = whole.split_at(whole.len() - 3);
            let mut file = fs::File::create(file).unwrap();
            file.write_all(first.as_bytes()).unwrap();
            std::thread::yield_now();
            file.write_all(second.as_bytes()).unwrap();
        }
        3 => fs::write(file, "").unwrap(),
        4 => fs::remove_file(file).unwrap(),
        _ => {
            fs::write(file, whole).unwrap();
            fs::File::options().write(true).open(file).unwrap().set_len(7).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_file_that_is_changed_while_clients_come_leads_nobody_astray() {
    let target = targets::echo().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    let whole = format!("# ours\nother: 127.0.0.1:1\ngood: {}\n", target.address());
    fs::write(&file, &whole).unwrap();
    let source = file.display().to_string();
    // A target that was read half would be one that nobody listens at: 502.
    let gateway = gateway("TokenFile", &source, |config| config.dial = Dial::BeforeAccept).await;
    let gateway = Arc::new(gateway);
    let is_over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (gateway, is_over) = (Arc::clone(&gateway), Arc::clone(&is_over));
            tokio::spawn(async move {
                let mut statuses = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    statuses.push(gateway.ask(handshake("/?token=good")).await.status);
                }
                statuses
            })
        })
        .collect();
    let clock = Clock::start(Duration::from_millis(100)).await;
    for step in 0..18 {
        change(&file, &whole, step);
        clock.tick().await;
    }
    is_over.store(true, Ordering::Relaxed);
    let mut all = Vec::new();
    for client in clients {
        all.extend(soon(client).await.unwrap());
    }
    let count = |status| all.iter().filter(|&&other| other == status).count();
    assert_eq!(count(101) + count(403) + count(503), all.len(), "{all:?}");
    assert!(count(101) > 0 && count(403) > 0 && count(503) > 0, "{all:?}");
    fs::write(&file, &whole).unwrap();
    assert_eq!(gateway.ask(handshake("/?token=good")).await.status, 101);
}

#[tokio::test]
async fn a_redis_that_is_away_is_503_for_clients_and_is_found_when_it_is_back() {
    let mut redis = Redis::start(&[]).await;
    let port = redis.port().to_string();
    redis.set("good", "echo:").await;
    let gateway = gateway("TokenRedis", &format!("127.0.0.1:{port}"), |_| {}).await;
    assert_eq!(gateway.ask(handshake("/?token=good")).await.status, 101);
    redis.stop().await;
    for token in ["good", "unknown"] {
        let answer = gateway.ask(handshake(&format!("/?token={token}"))).await;
        assert_eq!((answer.status, answer.field("retry-after")), (503, "5"));
        assert_eq!(answer.text(), "the token cannot be looked up now\n");
    }
    redis.run().await;
    redis.set("good", "echo:").await;
    let clock = Clock::start(Duration::from_millis(50)).await;
    soon(async {
        while gateway.ask(handshake("/?token=good")).await.status != 101 {
            clock.tick().await;
        }
    })
    .await;
    assert_eq!(gateway.ask(handshake("/?token=unknown")).await.status, 403);
}
