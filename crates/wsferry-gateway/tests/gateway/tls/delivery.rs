//! Where bytes may not be lost (docs/protocol.md §3), with TLS on both sides.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use wsferry_gateway::tls::ConnectorSettings;
use wsferry_testkit::patience::{soon, within};
use wsferry_testkit::pki::Pki;
use wsferry_testkit::raw::{BINARY, FIN, Frame, Frames, close, frame};
use wsferry_testkit::stream::{Checker, Dice};
use wsferry_testkit::targets::{self, End, Target};

use super::{Gate, by_hand, say, tls_target};
use crate::delivery::{DOWN, UP, be_patient, carry_over, move_both_ways};
use crate::support::{Running, config_with};
use crate::tls_settings::{client, localhost};

const MIB: u64 = 1 << 20;

/// All frames to the end of the connection, and how it ends.
async fn rest(frames: &mut Frames<impl tokio::io::AsyncRead + Unpin>) -> (Vec<Frame>, End) {
    let mut all = Vec::new();
    loop {
        match soon(frames.next()).await {
            Ok(frame) => all.push(frame),
            Err(end) => return (all, end),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_both_ways_at_once_arrive_byte_for_byte_with_tls_on_both_sides() {
    let (pki, length) = (Pki::new(), 8 * MIB);
    let moving = move |stream| move_both_ways(stream, length, 110);
    let mut target = tls_target(&pki.server("target"), moving).await;
    let gate = Gate::both(pki, &target).await;
    let (frames, write) = gate.open().await;
    carry_over(frames, write, length, 120).await;
    assert_eq!(target.report().await, (length, End::Fin));
    let (frames, write) = gate.open_narrow().await;
    within(Duration::from_secs(120), carry_over(frames, write, length, 121)).await;
    assert_eq!(target.report().await, (length, End::Fin));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_both_ways_at_once_arrive_byte_for_byte_with_tls_on_one_side() {
    let (pki, length) = (Pki::new(), 8 * MIB);
    let mut target = Target::start(move |stream| move_both_ways(stream, length, 111)).await;
    let gate = Gate::start(target.address(), be_patient).await;
    let (frames, write) = gate.open().await;
    carry_over(frames, write, length, 122).await;
    assert_eq!(target.report().await, (length, End::Fin));

    let moving = move |stream| move_both_ways(stream, length, 112);
    let mut target = tls_target(&pki.server("target"), moving).await;
    let change = |config: &mut crate::config::Config| {
        config.target_tls = Some(ConnectorSettings { ca: Some(pki.ca()), verify: true });
        be_patient(config);
    };
    let gateway = Running::start(config_with(target.address(), change)).await;
    let (frames, write) = gateway.client().await.split();
    carry_over(frames, write, length, 123).await;
    assert_eq!(target.report().await, (length, End::Fin));
}

/// Reads [`DOWN`] up to the first frame that is no data: how many bytes, and that frame.
async fn down(frames: &mut Frames<impl tokio::io::AsyncRead + Unpin>) -> (u64, Frame) {
    let mut checker = Checker::new(DOWN);
    loop {
        match soon(frames.next()).await.unwrap() {
            frame if frame.first == FIN | BINARY => checker.take(&frame.payload),
            frame => return (checker.at(), frame),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_ends_tls_right_behind_its_last_byte_loses_nothing_and_one_that_does_not_is_cut()
 {
    for is_ended in [true, false] {
        let pki = Pki::new();
        let target = tls_target(&pki.server("target"), move |mut stream| async move {
            let length = stream.read_u32().await.unwrap() as usize;
            stream.write_all(&DOWN.bytes(0, length)).await.unwrap();
            stream.flush().await.unwrap();
            if is_ended {
                stream.shutdown().await.unwrap();
            } else {
                let (mut socket, _) = stream.into_inner();
                socket.shutdown().await.unwrap(); // FIN, and no close_notify
            }
        })
        .await;
        let gate = Gate::both(pki, &target).await;
        let mut dice = Dice::new(140);
        for _ in 0..40 {
            let length = dice.size(200_000) as u32;
            let (mut frames, mut write) = gate.open().await;
            say(&mut write, frame(FIN | BINARY, &length.to_be_bytes())).await;
            let (got, last) = down(&mut frames).await;
            assert_eq!(got, u64::from(length));
            if is_ended {
                assert_eq!(last, Frame::close(1000, "Target closed"));
            } else {
                assert_eq!(last.code(), 1011, "{last:?}");
                assert!(last.reason().contains("without the end of TLS"), "{last:?}");
            }
            say(&mut write, close(1000, b"")).await;
            assert_eq!(rest(&mut frames).await, (vec![], End::Fin));
        }
    }
}

#[tokio::test]
async fn what_came_before_a_broken_record_is_delivered_and_the_stream_is_cut() {
    let pki = Pki::new();
    let mut target = by_hand(&pki.server("target")).await;
    let gate = Gate::both(pki, &target).await;
    let (mut frames, _write) = gate.open().await;
    let (mut socket, mut session) = target.report().await.into_inner();
    // Good records and a broken one in one write.
    std::io::Write::write_all(&mut session.writer(), &DOWN.bytes(0, 2000)).unwrap();
    let mut records = Vec::new();
    while session.wants_write() {
        session.write_tls(&mut records).unwrap();
    }
    records.extend(*b"\x17\x03\x03\x00\x20this is no record of this stream");
    socket.write_all(&records).await.unwrap();
    let (got, last) = down(&mut frames).await;
    assert_eq!((got, last.code()), (2000, 1011), "{last:?}");
}

/// A target that reads to the end and reports all it got.
async fn collect(pki: &Pki) -> Target<(Vec<u8>, End)> {
    tls_target(&pki.server("target"), |mut stream| async move {
        let all = targets::read_all(&mut stream).await;
        let _ = stream.shutdown().await; // it may be gone
        all
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_closes_right_behind_its_last_byte_loses_nothing() {
    let pki = Pki::new();
    let mut target = collect(&pki).await;
    let gate = Gate::both(pki, &target).await;
    let mut dice = Dice::new(150);
    for round in 0..40_u16 {
        let bytes = UP.bytes(0, dice.size(200_000));
        let (mut frames, mut write) = gate.open().await;
        say(&mut write, [frame(FIN | BINARY, &bytes), close(4000 + round, b"bye")].concat()).await;
        if round % 2 == 0 {
            write.shutdown().await.unwrap(); // some clients do not wait for the answer
        }
        let expected = (vec![Frame::close(4000 + round, "bye")], End::Fin);
        assert_eq!(rest(&mut frames).await, expected);
        let (got, end) = target.report().await;
        assert!(got == bytes && end == End::Fin, "{} of {}, {end:?}", got.len(), bytes.len());
    }
}

#[tokio::test]
async fn a_client_that_is_lost_is_flushed_and_its_target_gets_the_end_of_tls() {
    let pki = Pki::new();
    let mut target = collect(&pki).await;
    let gate = Gate::both(pki, &target).await;
    for (length, ends_tls) in [(0, false), (1, true), (100_000, false), (100_000, true)] {
        let bytes = UP.bytes(0, length);
        let stream = wsferry_testkit::raw::Raw::connect(gate.running.address()).await.into_stream();
        let connector = TlsConnector::from(client(&gate.pki));
        let stream = soon(connector.connect(localhost(), stream)).await.unwrap();
        let (frames, mut write) = super::upgrade(stream).await;
        say(&mut write, frame(BINARY, &bytes)).await;
        if ends_tls {
            write.shutdown().await.unwrap();
        }
        drop((frames, write)); // FIN, and no close_notify unless it was sent
        let (got, end) = target.report().await;
        assert!(got == bytes && end == End::Fin, "{} of {length}, {end:?}", got.len());
    }
}

#[tokio::test]
async fn after_the_targets_end_of_tls_the_client_may_go_on_sending() {
    let pki = Pki::new();
    let mut target = by_hand(&pki.server("target")).await;
    let gate = Gate::both(pki, &target).await;
    let (mut frames, mut write) = gate.open().await;
    let mut stream = target.report().await;
    stream.write_all(&DOWN.bytes(0, 4)).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(down(&mut frames).await, (4, Frame::close(1000, "Target closed")));
    let bytes = UP.bytes(0, 300_000);
    let sent = [frame(FIN | BINARY, &bytes), close(1000, b"")].concat();
    let writing = tokio::spawn(async move {
        say(&mut write, sent).await;
        write
    });
    let (got, end) = soon(targets::read_all(&mut stream)).await;
    assert!(got == bytes && end == End::Fin);
    assert_eq!(rest(&mut frames).await, (vec![], End::Fin));
    writing.await.unwrap();
}
