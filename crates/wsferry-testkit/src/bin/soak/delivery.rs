//! Streams of which nothing may be lost, however they end.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use wsferry_testkit::stream::{Dice, Pattern};

use crate::gateway::Gateway;
use crate::traffic::{
    close, connect, listener, receive_bytes, receive_messages, send_bytes, send_messages,
};

const TO_TARGET: Pattern = Pattern::new(0x1234_5678_9abc_def0);
const TO_CLIENT: Pattern = Pattern::new(0x0fed_cba9_8765_4321);

/// A stream each way at once; the target ends first, and its Close must not cut the other way.
async fn both_ways(listener: &TcpListener, gateway: SocketAddr, total: u64, largest: u64) {
    let client = connect(gateway, 1).await;
    let (target, _) = listener.accept().await.unwrap();
    exchange(client, target, total, largest).await;
}

async fn exchange(client: TcpStream, target: TcpStream, total: u64, largest: u64) {
    let (mut from_client, mut to_client) = target.into_split();
    let (mut from_target, to_target) = client.into_split();
    let target_sends = tokio::spawn(async move {
        send_bytes(&mut to_client, TO_CLIENT, total).await;
        to_client.shutdown().await.unwrap();
        to_client
    });
    let target_receives =
        tokio::spawn(async move { receive_bytes(&mut from_client, TO_TARGET, true).await });
    let client_sends = tokio::spawn(send_messages(to_target, TO_TARGET, total, largest));
    let (received, code, reason) = receive_messages(&mut from_target, TO_CLIENT, true).await;
    assert_eq!((received, code, &*reason), (total, 1000, "Target closed"));
    let mut to_target = client_sends.await.unwrap();
    close(&mut to_target, &mut Dice::new(1)).await;
    drop(target_sends.await.unwrap());
    assert_eq!(target_receives.await.unwrap(), (total, "FIN"));
}

pub(crate) async fn both(mebibytes: u64) {
    let (listener, address) = listener().await;
    let gateway = Gateway::start(&address);
    let start = Instant::now();
    both_ways(&listener, gateway.address, mebibytes << 20, 16 << 20).await;
    let seconds = start.elapsed().as_secs_f64();
    println!("{mebibytes} MiB each way: complete, {seconds:.1} s, RSS {} KiB", gateway.rss());
}

pub(crate) async fn many(sessions: u64) {
    let (listener, address) = listener().await;
    let gateway = Gateway::start(&address);
    let mut tasks = JoinSet::new();
    for _ in 0..sessions {
        // One after the other, so that each client knows its target; then all at once.
        let client = connect(gateway.address, 1).await;
        let (target, _) = listener.accept().await.unwrap();
        tasks.spawn(exchange(client, target, 4 << 20, 1 << 20));
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
    println!("{sessions} sessions, 4 MiB each way each: complete, RSS {} KiB", gateway.rss());
}

pub(crate) async fn target_closes(times: u64) {
    let (listener, address) = listener().await;
    let gateway = Gateway::start(&address);
    let mut dice = Dice::new(9);
    for _ in 0..times {
        let exponent = dice.roll(20);
        let total = dice.roll(1 << exponent);
        let client = connect(gateway.address, 1).await;
        let (target, _) = listener.accept().await.unwrap();
        let target_sends = tokio::spawn(async move {
            let (_from, mut to) = target.into_split();
            send_bytes(&mut to, TO_CLIENT, total).await; // and both halves are closed
        });
        let (mut from, mut to) = client.into_split();
        let end = receive_messages(&mut from, TO_CLIENT, false).await;
        assert_eq!(end, (total, 1000, "Target closed".to_owned()));
        close(&mut to, &mut dice).await;
        target_sends.await.unwrap();
        assert_eq!(from.read_u8().await.ok(), None, "something after the Close");
    }
    println!("{times} times the target closed right after its last byte: nothing lost");
}

pub(crate) async fn client_closes(times: u64) {
    let (listener, address) = listener().await;
    let gateway = Gateway::start(&address);
    let mut dice = Dice::new(8);
    for _ in 0..times {
        let exponent = dice.roll(20);
        let total = dice.roll(1 << exponent);
        let client = connect(gateway.address, 1).await;
        let (target, _) = listener.accept().await.unwrap();
        let (mut from_client, _to_client) = target.into_split();
        let receives =
            tokio::spawn(async move { receive_bytes(&mut from_client, TO_TARGET, false).await });
        let (mut from, to) = client.into_split();
        let mut to = send_messages(to, TO_TARGET, total, 1 << 16).await;
        close(&mut to, &mut dice).await;
        assert_eq!(receives.await.unwrap(), (total, "FIN"));
        drop(_to_client);
        let end = receive_messages(&mut from, TO_CLIENT, false).await;
        assert_eq!(end, (0, 1000, "bye".to_owned()));
    }
    println!("{times} times the client closed right after its last byte: nothing lost");
}
