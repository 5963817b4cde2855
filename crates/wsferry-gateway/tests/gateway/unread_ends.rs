//! Ends that the client does not read: protocol.md §3.5. Whatever it does, they have one deadline.

use std::time::{Duration, Instant};

use crate::config::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wsferry_gateway::address::{Address, Recording, Speed};
use wsferry_gateway::outcome::Direction;
use wsferry_testkit::patience::{PATIENCE, soon};
use wsferry_testkit::raw::{BINARY, FIN, Frame, Frames, close};
use wsferry_testkit::stream::Checker;
use wsferry_testkit::targets::End;

use crate::delivery::DOWN;
use crate::rig::{Rig, Side, rows};
use crate::support::{Running, config};

const MIB: u64 = 1 << 20;

/// How a client begins the end.
#[derive(Clone, Copy, Debug)]
enum Begins {
    Close,
    BrokenRule,
}

impl Begins {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Close => close(4001, b"bye"),
            Self::BrokenRule => vec![0x82, 0x01, b'x'], // without a mask
        }
    }
}

/// A session whose client has read a long stream and stopped, so that everything between it and its
/// target, which floods, is full.
struct Full {
    frames: Frames<ReadHalf<Side>>,
    write: WriteHalf<Side>,
    checker: Checker,
    /// Ends when the target's socket does, with the moment.
    flooding: JoinHandle<Instant>,
}

async fn full(rig: &mut Rig) -> Full {
    let (frames, target) = rig.open().await;
    let (mut frames, write) = frames.split();
    let (stalled, mut is_stalled) = tokio::sync::watch::channel(false);
    let (mut read, mut flood) = tokio::io::split(target);
    let flooding = tokio::spawn(async move {
        let (mut at, mut stalls) = (0, 0);
        loop {
            let piece = DOWN.bytes(at, 64 * 1024);
            let mut left = &piece[..];
            while !left.is_empty() {
                match timeout(Duration::from_millis(200), flood.write(left)).await {
                    Ok(Ok(written)) => {
                        left = &left[written..];
                        stalls = 0;
                    }
                    Ok(Err(_)) => return Instant::now(),
                    Err(_) => {
                        // What it is told is read: an end of TLS that nobody reads is none.
                        let _ = timeout(Duration::ZERO, read.read(&mut [0; 64])).await;
                        // Twice, so that it is not this process that had no time in between.
                        stalls += 1;
                        stalled.send_replace(at >= 4 * MIB && stalls > 1);
                    }
                }
            }
            at += 64 * 1024;
        }
    });
    let mut checker = Checker::new(DOWN);
    while checker.at() < 4 * MIB {
        let frame = soon(frames.next()).await.unwrap();
        assert_eq!(frame.first, FIN | BINARY);
        checker.take(&frame.payload);
    }
    soon(is_stalled.wait_for(|is_stalled| *is_stalled)).await.unwrap();
    Full { frames, write, checker, flooding }
}

/// Reads bytes to the end: the first error is a reset, not an end.
async fn assert_reset(frames: &mut Frames<ReadHalf<Side>>) {
    let mut room = vec![0; 64 * 1024];
    let end = loop {
        match soon(frames.stream().read(&mut room)).await {
            Ok(0) => break End::Fin,
            Ok(_) => {}
            Err(error) => break End::of(Some(&error)),
        }
    };
    assert_eq!(end, End::Rst);
}

fn quick(config: &mut Config, write_timeout: Duration) {
    let relay = &mut config.session.relay;
    relay.linger = Duration::from_millis(100);
    relay.close_timeout = Duration::from_millis(400);
    relay.write_timeout = Some(write_timeout).filter(|limit| !limit.is_zero());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_reads_nothing_behind_its_end_is_reset_when_its_time_is_over() {
    for (secure, kin, splice) in rows() {
        let ends = match splice {
            true => [(Begins::Close, Duration::ZERO), (Begins::BrokenRule, 4 * PATIENCE)],
            false => [(Begins::Close, 4 * PATIENCE), (Begins::BrokenRule, Duration::ZERO)],
        };
        for (begins, write_timeout) in ends {
            println!("wss {secure}, {kin:?}, splice {splice}, {begins:?}, {write_timeout:?}");
            let mut rig = Rig::start(secure, kin, |config| {
                quick(config, write_timeout);
                config.session.relay.splice = splice;
            })
            .await;
            let Full { mut frames, mut write, flooding, .. } = full(&mut rig).await;
            write.write_all(&begins.bytes()).await.unwrap();
            write.flush().await.unwrap();
            rig.reset().await;
            soon(flooding).await.unwrap();
            assert_reset(&mut frames).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_reads_a_trickle_is_reset_at_the_same_time() {
    for (secure, kin, splice) in rows() {
        {
            let begins = if splice { Begins::Close } else { Begins::BrokenRule };
            println!("wss {secure}, {kin:?}, splice {splice}, {begins:?}");
            let mut rig = Rig::start(secure, kin, |config| {
                quick(config, Duration::ZERO);
                config.session.relay.splice = splice;
            })
            .await;
            let Full { mut frames, mut write, flooding, .. } = full(&mut rig).await;
            write.write_all(&begins.bytes()).await.unwrap();
            write.flush().await.unwrap();
            let trickle = async {
                let mut room = [0; 1500];
                let mut step = tokio::time::interval(Duration::from_millis(10));
                loop {
                    step.tick().await;
                    if !matches!(frames.stream().read(&mut room).await, Ok(length) if length > 0) {
                        return;
                    }
                }
            };
            tokio::select! {
                () = rig.reset() => {}
                () = soon(trickle) => {}
            }
            soon(flooding).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_target_is_let_go_of_when_linger_is_over_and_the_frame_and_the_close_still_come() {
    for (secure, kin, splice) in rows() {
        for begins in [Begins::Close, Begins::BrokenRule] {
            println!("wss {secure}, {kin:?}, splice {splice}, {begins:?}");
            let mut rig = Rig::start(secure, kin, |config| {
                quick(config, Duration::ZERO);
                config.session.relay.splice = splice;
                config.session.relay.close_timeout = 4 * PATIENCE;
            })
            .await;
            let Full { mut frames, mut write, mut checker, flooding } = full(&mut rig).await;
            write.write_all(&begins.bytes()).await.unwrap();
            write.flush().await.unwrap();
            // The client has read nothing yet.
            soon(flooding).await.unwrap();
            let last = loop {
                match soon(frames.next()).await.unwrap() {
                    frame if frame.first == FIN | BINARY => checker.take(&frame.payload),
                    frame => break frame,
                }
            };
            match begins {
                Begins::Close => assert_eq!(last, Frame::close(4001, "bye")),
                Begins::BrokenRule => assert_eq!(last.code(), 1002),
            }
            assert_eq!(soon(frames.next()).await, Err(End::Fin));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_does_not_wait_for_a_client_that_reads_nothing() {
    for (secure, kin, splice) in rows() {
        println!("wss {secure}, {kin:?}, splice {splice}");
        let mut rig = Rig::start(secure, kin, |config| {
            quick(config, Duration::ZERO);
            config.session.relay.splice = splice;
            config.drain_timeout = 4 * PATIENCE;
        })
        .await;
        let Full { mut frames, write, flooding, .. } = full(&mut rig).await;
        rig.gateway.stop();
        rig.gateway.ended().await;
        soon(flooding).await.unwrap();
        assert_reset(&mut frames).await;
        drop(write);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_is_not_played_to_a_client_that_has_closed_and_reads_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rec.1");
    let mut recording = b"var VNC_frame_data = [\n".to_vec();
    for _ in 0..128 {
        wsferry_gateway::record::encode(Direction::ToClient, 0, &[b'x'; 1 << 18], &mut recording);
    }
    recording.extend(b"'EOF'];\n");
    std::fs::write(&path, recording).unwrap();
    for begins in [Begins::Close, Begins::BrokenRule] {
        let mut config = config("echo:");
        quick(&mut config, Duration::ZERO);
        let speed = Speed::new(0.0).unwrap();
        config.route = Address::Recording(Recording { path: path.clone(), speed }).into();
        let gateway = Running::start(config).await;
        let mut client = gateway.client().await;
        client.frame().await;
        client.until_full().await;
        client.send(begins.bytes()).await;
        let stream = client.into_stream();
        soon(stream.ready(Interest::ERROR)).await.unwrap();
        let stream: Side = Box::new(stream);
        assert_reset(&mut Frames::new(tokio::io::split(stream).0, Vec::new())).await;
    }
}
