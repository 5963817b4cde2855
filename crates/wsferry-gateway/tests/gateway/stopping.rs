//! Stopping: clients get 1001, targets FIN, and `run` returns.

use std::time::Duration;

use crate::config::Config;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use wsferry_testkit::patience::soon;
use wsferry_testkit::raw::{BINARY, FIN, Frame, HANDSHAKE, close, frame};
use wsferry_testkit::targets::{self, End, Target};

use crate::support::{Running, config_with};

#[tokio::test]
async fn clients_get_1001_targets_fin_and_the_gateway_ends() {
    let mut target = targets::collect().await;
    let mut gateway = Running::to(target.address()).await;
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = gateway.client().await;
        client.send_frame(FIN | BINARY, b"before").await;
        clients.push(client);
    }
    gateway.stop();
    for client in clients {
        let (frames, end) = client.leave().await;
        assert_eq!(frames, [Frame::close(1001, "Server is stopping")]);
        assert_eq!(end, End::Fin);
        assert_eq!(target.report().await, (b"before".to_vec(), End::Fin));
    }
    gateway.ended().await;
    assert!(TcpStream::connect(gateway.address()).await.is_err());
}

#[tokio::test]
async fn echo_sessions_get_1001_too() {
    let mut gateway = Running::to("echo:").await;
    let client = gateway.client().await;
    gateway.stop();
    assert_eq!(client.leave().await, (vec![Frame::close(1001, "Server is stopping")], End::Fin));
    gateway.ended().await;
}

#[tokio::test]
async fn what_the_target_had_sent_comes_before_the_1001() {
    let mut target = targets::by_hand().await;
    let mut gateway = Running::to(target.address()).await;
    let client = gateway.client().await;
    let mut stream = target.report().await;
    stream.write_all(b"before").await.unwrap();
    let (mut frames, mut write) = client.split();
    assert_eq!(frames.next().await, Ok(Frame::new(FIN | BINARY, b"before")));
    gateway.stop();
    assert_eq!(frames.next().await, Ok(Frame::close(1001, "Server is stopping")));
    // What was on its way still arrives.
    write.write_all(&frame(FIN | BINARY, b"after")).await.unwrap();
    drop(write);
    assert_eq!(targets::read_all(stream).await, (b"after".to_vec(), End::Fin));
    gateway.ended().await;
}

#[tokio::test]
async fn sessions_in_the_middle_of_a_flood_get_1001_too() {
    let mut target = Target::start(async |stream: TcpStream| {
        let (mut read, mut write) = stream.into_split();
        let sending =
            tokio::spawn(async move { while write.write_all(&[b'd'; 65_536]).await.is_ok() {} });
        let counted = targets::count(&mut read).await;
        sending.await.unwrap();
        counted
    })
    .await;
    let mut gateway = Running::to(target.address()).await;
    let (mut frames, mut write) = gateway.client().await.split();
    let (closing, mut closed) = tokio::sync::watch::channel(false);
    let sending = tokio::spawn(async move {
        let piece = frame(FIN | BINARY, &[b'u'; 65_536]);
        let mut sent = 0;
        while !*closed.borrow_and_update() {
            write.write_all(&piece).await.unwrap();
            sent += 65_536;
        }
        write.write_all(&close(1001, b"")).await.unwrap();
        (sent, write)
    });
    for _ in 0..100 {
        assert_eq!(soon(frames.next()).await.unwrap().first, FIN | BINARY);
    }
    gateway.stop();
    let last = loop {
        let frame = soon(frames.next()).await.unwrap();
        if frame.first != FIN | BINARY {
            break frame;
        }
    };
    assert_eq!(last, Frame::close(1001, "Server is stopping"));
    closing.send(true).unwrap();
    let (sent, _write) = soon(sending).await.unwrap();
    assert_eq!(target.report().await, (sent, End::Fin));
    gateway.ended().await;
}

#[tokio::test]
async fn a_client_that_never_answers_does_not_keep_the_gateway() {
    let mut target = targets::by_hand().await;
    let change = |config: &mut Config| config.drain_timeout = Duration::from_millis(300);
    let mut gateway = Running::start(config_with(target.address(), change)).await;
    let _client = gateway.client().await;
    let _stream = target.report().await;
    gateway.stop();
    gateway.ended().await;
}

#[tokio::test]
async fn connections_without_a_session_do_not_keep_the_gateway() {
    let mut gateway = Running::to("echo:").await;
    let mut kept_alive = gateway.raw().await;
    kept_alive.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    kept_alive.answer().await;
    let silent = gateway.raw().await;
    let mut half = gateway.raw().await;
    half.send("GET / HT").await;
    let mut session = gateway.client().await; // the others are accepted when this one is
    session.send_frame(FIN | BINARY, b"x").await;
    session.payload(1).await;
    gateway.stop();
    session.leave().await;
    gateway.ended().await;
    assert_eq!(kept_alive.end().await.1, End::Fin);
    assert_eq!(silent.end().await.1, End::Fin);
    half.end().await;
}

#[tokio::test]
async fn an_upgrade_on_a_connection_that_was_kept_alive_gets_no_session_while_stopping() {
    let directory = tempfile::tempdir().unwrap();
    let big = vec![b'x'; 16 << 20];
    std::fs::write(directory.path().join("big"), &big).unwrap();
    let web = wsferry_gateway::web::Files::Directory(directory.path().to_owned());
    let mut gateway = Running::start(config_with("echo:", |config| config.web = Some(web))).await;
    // An answer that is being sent when the stop comes is finished.
    let mut raw = gateway.raw().await;
    raw.send("GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    raw.send(HANDSHAKE).await;
    raw.arrived().await;
    gateway.stop();
    assert!(raw.answer().await.body == big);
    if let Some(answer) = raw.try_answer(true).await {
        assert_eq!((answer.status, answer.field("connection")), (503, "close"));
    }
    assert_eq!(raw.end().await.1, End::Fin);
    gateway.ended().await;
}

#[tokio::test]
async fn run_once_ends_after_one_session() {
    let change = |config: &mut Config| config.run_once = true;
    let mut gateway = Running::start(config_with("echo:", change)).await;
    let mut client = gateway.client().await;
    client.send_frame(FIN | BINARY, b"x").await;
    client.payload(1).await;
    client.send(wsferry_testkit::raw::close(1000, b"")).await;
    assert_eq!(client.rest().await.1, End::Fin);
    gateway.ended().await;
}
