//! Sessions that do not move: stalled on both sides, or idle.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use wsferry_proto::Opcode;
use wsferry_testkit::stream::Dice;

use crate::gateway::Gateway;
use crate::traffic::{connect, frame, listener};

/// Floods `to` until the socket takes no more for good, counting.
async fn flood(mut to: OwnedWriteHalf, sent: Arc<AtomicU64>) {
    let payload = vec![7; 64 * 1024];
    while to.write_all(&payload).await.is_ok() {
        sent.fetch_add(payload.len() as u64, Ordering::Relaxed);
    }
}

async fn flood_frames(mut to: OwnedWriteHalf) {
    let mut dice = Dice::new(3);
    while frame(&mut to, Opcode::Binary, true, &vec![7; 64 * 1024], &mut dice).await {}
}

pub(crate) async fn stall(seconds: u64) {
    let (listener, address) = listener().await;
    let gateway = Gateway::start(&address);
    // A session that goes on: its speed before and during the stall.
    let client = connect(gateway.address, 1).await;
    let (target, _) = listener.accept().await.unwrap();
    let (mut from_target, _to_target) = client.into_split();
    let (_from_client, to_client) = target.into_split();
    tokio::spawn(flood(to_client, Arc::default()));
    let read = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&read);
    tokio::spawn(async move {
        let mut room = vec![0; 256 * 1024];
        while let Ok(length @ 1..) = from_target.read(&mut room).await {
            counter.fetch_add(length as u64, Ordering::Relaxed);
        }
    });
    let speed = async |during: Duration| {
        let before = read.load(Ordering::Relaxed);
        tokio::time::sleep(during).await;
        (read.load(Ordering::Relaxed) - before) as f64 / during.as_secs_f64() / (1 << 20) as f64
    };
    let free = speed(Duration::from_secs(3)).await;
    let before = gateway.rss();
    let stalled = 20;
    let mut held = Vec::new();
    for _ in 0..stalled {
        let client = connect(gateway.address, 1).await;
        let (target, _) = listener.accept().await.unwrap();
        let (from_target, to_target) = client.into_split();
        let (from_client, to_client) = target.into_split();
        tokio::spawn(flood(to_client, Arc::default()));
        tokio::spawn(flood_frames(to_target));
        held.push((from_target, from_client)); // nobody reads these
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let during = speed(Duration::from_secs(3)).await;
    tokio::time::sleep(Duration::from_secs(seconds.saturating_sub(5))).await;
    let after = gateway.rss();
    // The readers come back: every session must still be there.
    let mut room = vec![0; 1 << 20];
    for (from_target, from_client) in &mut held {
        let mut total = 0;
        while total < 8 << 20 {
            let length = from_client.read(&mut room).await.expect("target side was cut");
            assert!(length > 0, "the target got FIN");
            total += length;
            let length = from_target.read(&mut room).await.expect("client side was cut");
            assert!(length > 0, "the client was closed");
        }
    }
    println!(
        "{stalled} sessions stalled both ways for {seconds} s and came back: {} KiB each; another \
         session moved {free:.0} MiB/s before and {during:.0} MiB/s during it",
        (after.saturating_sub(before)) / stalled
    );
}

/// A client that says nothing but that it is there. Only Pings come, and they are empty.
async fn answer_pings(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let mut dice = Dice::new(4);
    let mut ping = [0; 2];
    while from.read_exact(&mut ping).await.is_ok() && ping == [0x89, 0] {
        frame(&mut to, Opcode::Pong, true, &[], &mut dice).await;
    }
}

pub(crate) async fn idle(sessions: u64) {
    let (listener, address) = listener().await;
    let gateway = Gateway::start(&address);
    let mut held = Vec::new();
    let mut before = 0;
    for index in 0..sessions {
        let client = connect(gateway.address, 1 + (index / 5000) as u8).await;
        let (mut target, _) = listener.accept().await.unwrap();
        let (mut from, mut to) = client.into_split();
        let mut dice = Dice::new(index);
        frame(&mut to, Opcode::Binary, true, &[1; 1000], &mut dice).await;
        let mut room = [0; 1000];
        target.read_exact(&mut room).await.unwrap();
        target.write_all(&room).await.unwrap();
        from.read_exact(&mut [0; 1004]).await.unwrap(); // the header has four bytes
        tokio::spawn(answer_pings(from, to));
        held.push(target);
        if index == 99 {
            before = gateway.rss(); // what the process needs anyway
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let each = (gateway.rss() - before) as f64 / (sessions - 100) as f64;
    let cpu = gateway.cpu();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let cpu = (gateway.cpu() - cpu) / 60.0 * 100.0;
    println!(
        "{sessions} idle sessions: {each:.2} KiB of RSS each, {} KiB in all, {cpu:.2} % of a core \
         over a minute with keep-alive",
        gateway.rss()
    );
}
