//! No session's fault or slowness touches another.

use std::time::Duration;

use crate::config::Config;
use tokio::io::AsyncWriteExt;
use wsferry_testkit::patience::soon;
use wsferry_testkit::raw::{BINARY, FIN, frame};
use wsferry_testkit::targets::{self, End, Target};

use crate::support::{Clock, Running, config_with};

/// Gives up on writes that are blocked for 300 ms, and on a Close that is not answered for as long.
fn hasty(config: &mut Config) {
    config.session.relay.write_timeout = Some(Duration::from_millis(300));
    config.session.relay.close_timeout = Duration::from_millis(300);
}

/// A target that floods a client whose first byte is `f`, and echoes for the others. It reports how
/// the flood ended.
async fn flood_or_echo() -> Target<Option<End>> {
    Target::start(async |mut stream: tokio::net::TcpStream| {
        let mut first = [0];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut first).await.ok()?;
        if first != *b"f" {
            stream.write_all(&first).await.ok()?;
            targets::echoing(stream).await;
            return None;
        }
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        Some(End::Rst)
    })
    .await
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_ended_and_the_others_go_on() {
    let mut target = flood_or_echo().await;
    let gateway = Running::start(config_with(target.address(), hasty)).await;
    let mut stuck = gateway.client().await;
    stuck.send_frame(FIN | BINARY, b"f").await;
    let mut other = gateway.client().await;
    let mut rounds = 0;
    // The other one goes on all the time until the stuck one is gone.
    while !target.has_report() {
        other.send_frame(FIN | BINARY, b"e").await;
        assert_eq!(other.payload(1).await, b"e");
        rounds += 1;
    }
    assert!(rounds > 10);
    assert_eq!(target.report().await, Some(End::Rst));
    // A stream that was cut does not end in order.
    let (frames, end) = stuck.rest().await;
    assert!(frames.iter().all(|frame| frame.first == FIN | BINARY));
    assert_eq!(end, End::Rst);
    other.send_frame(FIN | BINARY, b"e").await;
    assert_eq!(other.payload(1).await, b"e");
}

#[tokio::test]
async fn a_target_that_reads_nothing_is_told_by_1011_and_cut() {
    let mut target = targets::by_hand().await;
    let gateway = Running::start(config_with(target.address(), hasty)).await;
    let (mut frames, mut write) = gateway.client().await.split();
    let mut stream = target.report().await;
    let flooding = tokio::spawn(async move {
        let piece = frame(FIN | BINARY, &[b'x'; 60_000]);
        while write.write_all(&piece).await.is_ok() {}
    });
    let last = soon(frames.next()).await.unwrap();
    assert_eq!((last.code(), &*last.reason()), (1011, "Target takes no data"));
    let (got, end) = soon(targets::count(&mut stream)).await;
    assert_eq!(end, End::Rst, "a stream of {got} bytes was cut and looks complete");
    drop(frames);
    soon(flooding).await.unwrap();
}

#[tokio::test]
async fn a_client_that_floods_and_reads_nothing_is_ended_though_its_bytes_move() {
    // The target takes everything and sends as much: only the way to the client is stuck.
    let mut target = Target::start(async |stream: tokio::net::TcpStream| {
        let (mut read, mut write) = stream.into_split();
        let sending =
            tokio::spawn(async move { while write.write_all(&[b'x'; 65_536]).await.is_ok() {} });
        let end = targets::count(&mut read).await.1;
        sending.await.unwrap();
        end
    })
    .await;
    let gateway = Running::start(config_with(target.address(), hasty)).await;
    let (_frames, mut write) = gateway.client().await.split();
    let flooding = tokio::spawn(async move {
        let piece = frame(FIN | BINARY, &[b'x'; 60_000]);
        while write.write_all(&piece).await.is_ok() {}
    });
    soon(flooding).await.unwrap();
    target.report().await;
}

#[tokio::test]
async fn a_slow_client_is_not_ended_while_it_takes_something() {
    let mut target = targets::by_hand().await;
    let change =
        |config: &mut Config| config.session.relay.write_timeout = Some(Duration::from_secs(2));
    let gateway = Running::start(config_with(target.address(), change)).await;
    let clock = Clock::start(Duration::from_millis(300)).await;
    let (mut frames, _write) = gateway.client().await.split();
    let mut stream = target.report().await;
    let (length, step) = (24 << 20, 2 << 20);
    let writing = tokio::spawn(async move {
        stream.write_all(&vec![b'x'; length]).await.unwrap();
    });
    let mut got = 0;
    for round in 1.. {
        while got < (round * step).min(length) {
            got += soon(frames.next()).await.unwrap().payload.len();
        }
        if got == length {
            break;
        }
        clock.tick().await;
    }
    soon(writing).await.unwrap();
}

#[tokio::test]
async fn many_broken_clients_do_not_touch_a_good_one() {
    let target = targets::echo().await;
    let gateway = Running::to(target.address()).await;
    let mut good = gateway.client().await;
    for round in 0..100_u8 {
        let mut bad = gateway.client().await;
        match round % 4 {
            0 => bad.send([0x82, 0x01, 0]).await,
            1 => bad.send(&frame(FIN | BINARY, &[0; 100])[..50]).await,
            2 => targets::reset(bad.into_stream()),
            _ => bad.send([0xff; 1000]).await,
        }
        good.send_frame(FIN | BINARY, [round]).await;
        assert_eq!(good.payload(1).await, [round]);
    }
}
