//! How sessions end, and what each side is told: docs/protocol.md §3 and §4.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wsferry_testkit::patience::soon;
use wsferry_testkit::raw::{BINARY, CLOSE, FIN, Frame, PONG, close, frame, send_frames};
use wsferry_testkit::stream::{Checker, Dice};
use wsferry_testkit::targets::{self, End};

use crate::delivery::{DOWN, UP, check_frames, pair, patient};
use crate::support::{Running, config_with};

const MIB: u64 = 1 << 20;

#[tokio::test]
async fn a_target_that_resets_gets_its_bytes_delivered_and_1011() {
    let mut target = targets::by_hand().await;
    let gateway = Running::to(target.address()).await;
    for length in [0, 1, 1000, 60_000] {
        let (client, mut stream) = pair(&gateway, &mut target).await;
        stream.write_all(&DOWN.bytes(0, length)).await.unwrap();
        let (mut frames, _write) = client.split();
        let mut checker = Checker::new(DOWN);
        while checker.at() < length as u64 {
            checker.take(&soon(frames.next()).await.unwrap().payload);
        }
        targets::reset(stream);
        let last = soon(frames.next()).await.unwrap();
        assert_eq!(last.code(), 1011, "{last:?}");
        assert!(last.reason().starts_with("Target connection failed"), "{last:?}");
    }
}

#[tokio::test]
async fn a_target_that_resets_behind_the_clients_close_is_1011_and_not_its_echo() {
    let mut target = targets::by_hand().await;
    let gateway = patient(target.address()).await;
    let (mut client, mut stream) = pair(&gateway, &mut target).await;
    client.send_frame(FIN | BINARY, UP.bytes(0, 100_000)).await;
    client.send(close(1000, b"bye")).await;
    // It leaves bytes unread, so that its close is a reset.
    stream.read_exact(&mut [0; 100]).await.unwrap();
    targets::reset(stream);
    let (mut frames, _write) = client.split();
    let last = soon(frames.next()).await.unwrap();
    assert_eq!(last.code(), 1011, "{last:?}");
}

#[tokio::test]
async fn a_target_that_stalls_behind_the_clients_close_is_reset_and_not_ended() {
    let mut target = targets::by_hand().await;
    let change = |config: &mut crate::config::Config| {
        config.session.relay.write_timeout = Some(Duration::from_millis(400));
    };
    let gateway = Running::start(config_with(target.address(), change)).await;
    let (client, mut stream) = pair(&gateway, &mut target).await;
    let (mut frames, mut write) = client.split();
    // More than all the buffers on the way hold, in small messages: the Close comes in one chunk
    // with bytes that are blocked, wherever that is.
    let sending = tokio::spawn(async move {
        let mut dice = Dice::new(60);
        let _ = send_frames(&mut write, UP, 16 * MIB, 1 << 10, &mut dice).await;
        let _ = write.write_all(&close(1000, b"bye")).await;
        write
    });
    let last = loop {
        match soon(frames.next()).await.unwrap() {
            frame if frame.first == FIN | PONG => {}
            frame => break frame,
        }
    };
    assert_eq!(last.code(), 1011, "{last:?}");
    let (_, end) = soon(targets::check_stream(&mut stream, UP, &mut Dice::new(61))).await;
    assert_eq!(end, End::Rst);
    drop(sending);
}

#[tokio::test]
async fn a_reset_that_a_write_meets_first_is_1011_too() {
    let mut target = targets::by_hand().await;
    let gateway = Running::to(target.address()).await;
    for round in 0..50 {
        let (mut client, stream) = pair(&gateway, &mut target).await;
        let bytes = frame(FIN | BINARY, &[b'x'; 1000]);
        // The gateway finds a reset and something to write at the same time.
        client.send(&bytes).await;
        targets::reset(stream);
        client.send(bytes.repeat(round)).await;
        let (frames, _) = client.leave().await;
        assert_eq!(frames.len(), 1, "{frames:?}");
        assert_eq!(frames[0].code(), 1011, "{frames:?}");
    }
}

#[tokio::test]
async fn a_reset_while_the_client_is_held_back_is_1011_behind_what_was_read() {
    let mut target = targets::by_hand().await;
    let gateway = Running::to(target.address()).await;
    let (client, mut stream) = pair(&gateway, &mut target).await;
    let (mut frames, mut write) = client.split();
    // The client reads nothing: the gateway's write is blocked, and so is the target's in the end.
    let mut sent = 0;
    let piece = 64 * 1024;
    while let Ok(written) =
        tokio::time::timeout(Duration::from_millis(300), stream.write_all(&DOWN.bytes(sent, piece)))
            .await
    {
        written.unwrap();
        sent += piece as u64;
    }
    targets::reset(stream);
    // The write to the target meets the reset, while nothing is read from it.
    write.write_all(&frame(FIN | BINARY, b"x")).await.unwrap();
    write.write_all(&frame(FIN | BINARY, b"y")).await.unwrap();
    let mut dice = Dice::new(60);
    write.write_all(&close(1000, b"")).await.ok();
    let (got, _, closed, _) = soon(check_frames(&mut frames, &mut dice)).await;
    assert!(got > 0);
    let closed = closed.unwrap();
    assert_ne!(closed.reason(), "Target closed");
    if got < sent {
        assert_ne!((closed.code(), closed.reason()), (1000, "Target closed".to_owned()));
    }
}

#[tokio::test]
async fn a_client_that_is_lost_without_a_close_is_flushed_and_its_target_gets_fin() {
    let mut target = targets::collect().await;
    let gateway = Running::to(target.address()).await;
    for length in [0, 1, 100_000] {
        let bytes = UP.bytes(0, length);
        let mut client = gateway.client().await;
        client.send(frame(BINARY, &bytes)).await;
        drop(client);
        let (got, end) = target.report().await;
        assert!(got == bytes && end == End::Fin);
        // In the middle of a frame, too.
        let mut client = gateway.client().await;
        let half = frame(FIN | BINARY, &bytes);
        client.send(&half[..half.len() - length / 2]).await;
        drop(client);
        let (got, end) = target.report().await;
        assert!(got == bytes[..length - length / 2] && end == End::Fin);
    }
}

#[tokio::test]
async fn a_client_that_resets_leaves_its_target_a_prefix_and_an_end() {
    let mut target = targets::collect().await;
    let gateway = Running::to(target.address()).await;
    let mut client = gateway.client().await;
    let bytes = UP.bytes(0, 1000);
    client.send(frame(FIN | BINARY, &bytes)).await;
    targets::reset(client.into_stream());
    let (got, _) = target.report().await;
    assert!(bytes.starts_with(&got));
}

#[tokio::test]
async fn a_client_that_ends_its_half_still_gets_what_the_target_answers() {
    let gateway = patient(targets::echo().await.address()).await;
    let mut client = gateway.client().await;
    let bytes = UP.bytes(0, 100_000);
    client.send(frame(FIN | BINARY, &bytes)).await;
    client.stream().shutdown().await.unwrap();
    assert!(client.payload(bytes.len()).await == bytes);
}

#[tokio::test]
async fn after_the_targets_fin_the_client_may_go_on_sending() {
    let mut target = targets::by_hand().await;
    let gateway = Running::to(target.address()).await;
    let (mut client, mut stream) = pair(&gateway, &mut target).await;
    stream.write_all(b"last").await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(client.payload(4).await, b"last");
    assert_eq!(client.frame().await, Frame::close(1000, "Target closed"));
    let bytes = UP.bytes(0, 300_000);
    let (mut frames, mut write) = client.split();
    let sent = [frame(FIN | BINARY, &bytes), close(1000, b"")].concat();
    let writing = tokio::spawn(async move {
        write.write_all(&sent).await.unwrap();
        write
    });
    let (got, end) = soon(targets::read_all(&mut stream)).await;
    assert!(got == bytes && end == End::Fin);
    assert_eq!(soon(frames.next()).await, Err(End::Fin));
    writing.await.unwrap();
}

#[tokio::test]
async fn a_client_that_never_answers_the_close_is_left_after_the_close_timeout() {
    let mut target = targets::by_hand().await;
    let change = |config: &mut crate::config::Config| {
        config.session.relay.close_timeout = Duration::from_millis(200);
    };
    let gateway = Running::start(config_with(target.address(), change)).await;
    let (mut client, mut stream) = pair(&gateway, &mut target).await;
    client.send_frame(FIN | BINARY, b"before").await;
    stream.shutdown().await.unwrap();
    assert_eq!(soon(targets::read_all(&mut stream)).await, (b"before".to_vec(), End::Fin));
    let (frames, _) = client.rest_within().await;
    assert_eq!(frames, [Frame::close(1000, "Target closed")]);
}

#[tokio::test]
async fn the_target_may_go_on_sending_for_linger_after_the_clients_close() {
    let mut target = targets::by_hand().await;
    let change = |config: &mut crate::config::Config| {
        config.session.relay.linger = Duration::from_secs(20);
    };
    let gateway = Running::start(config_with(target.address(), change)).await;
    let (mut client, mut stream) = pair(&gateway, &mut target).await;
    client.send([frame(FIN | BINARY, b"question"), close(1000, b"done")].concat()).await;
    // The target answers what it had read when it had read everything.
    assert_eq!(soon(targets::read_all(&mut stream)).await, (b"question".to_vec(), End::Fin));
    let bytes = DOWN.bytes(0, 300_000);
    let sent = bytes.clone();
    let writing = tokio::spawn(async move { stream.write_all(&sent).await.unwrap() });
    assert!(client.payload(bytes.len()).await == bytes);
    assert_eq!(client.rest().await, (vec![Frame::close(1000, "done")], End::Fin));
    writing.await.unwrap();
}

#[tokio::test]
async fn a_target_that_never_ends_is_left_after_linger() {
    let mut target = targets::by_hand().await;
    let change = |config: &mut crate::config::Config| {
        config.session.relay.linger = Duration::from_millis(200);
    };
    let gateway = Running::start(config_with(target.address(), change)).await;
    for flood in [false, true] {
        let (mut client, mut stream) = pair(&gateway, &mut target).await;
        client.send([frame(FIN | BINARY, b"all"), close(1000, b"done")].concat()).await;
        let mut got = [0; 3];
        soon(stream.read_exact(&mut got)).await.unwrap();
        assert_eq!(&got, b"all");
        assert_eq!(soon(stream.read(&mut got)).await.unwrap(), 0); // FIN, not RST
        let flooding = tokio::spawn(async move {
            while flood && stream.write_all(&[b'x'; 4096]).await.is_ok() {}
            stream
        });
        let (frames, end) = client.rest().await;
        assert_eq!(frames.last(), Some(&Frame::close(1000, "done")));
        assert_eq!(end, End::Fin);
        soon(flooding).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_read_behind_the_clients_close() {
    let mut target = targets::collect().await;
    let gateway = Running::to(target.address()).await;
    for behind in [frame(FIN | BINARY, b"late"), frame(FIN | 0x9, b"late"), vec![0xff; 100_000]] {
        let mut client = gateway.client().await;
        client.send([frame(FIN | BINARY, b"good"), close(1000, b"done"), behind].concat()).await;
        assert_eq!(client.rest().await, (vec![Frame::close(1000, "done")], End::Fin));
        assert_eq!(target.report().await, (b"good".to_vec(), End::Fin));
    }
}

#[tokio::test]
async fn a_ping_behind_the_gateways_close_is_not_answered() {
    let mut target = targets::by_hand().await;
    let gateway = Running::to(target.address()).await;
    let (mut client, mut stream) = pair(&gateway, &mut target).await;
    stream.shutdown().await.unwrap();
    assert_eq!(client.frame().await.first, FIN | CLOSE);
    client.send([frame(FIN | 0x9, b"?"), close(1000, b"")].concat()).await;
    assert_eq!(client.rest().await, (vec![], End::Fin));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_answer_to_a_close_and_the_end_behind_it_come_as_one() {
    let target = targets::echo().await;
    let gateway = Running::to(target.address()).await;
    for _ in 0..200 {
        let mut client = gateway.client().await;
        client.send(close(1000, b"")).await;
        let stream = client.into_stream().into_std().unwrap();
        // A thread that waits for nothing else: it is woken by the first byte.
        let reading = tokio::task::spawn_blocking(move || {
            let mut room = [0; 64];
            stream.set_nonblocking(false).unwrap();
            let answer = std::io::Read::read(&mut &stream, &mut room).unwrap();
            stream.set_nonblocking(true).unwrap();
            (answer, std::io::Read::read(&mut &stream, &mut room).ok())
        });
        assert_eq!(soon(reading).await.unwrap(), (4, Some(0)));
    }
}
