//! Where bytes may not be lost: docs/protocol.md §3, with streams whose every byte is checked.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use wsferry_testkit::patience::{PATIENCE, soon, within};
use wsferry_testkit::raw::{
    BINARY, Client, FIN, Frame, Frames, HANDSHAKE, PONG, close, frame, send_frames,
};
use wsferry_testkit::stream::{Checker, Dice, Pattern};
use wsferry_testkit::targets::{self, End, Target};

use crate::support::{Running, config_with};

const MIB: u64 = 1 << 20;
pub(crate) const UP: Pattern = Pattern::new(1);
pub(crate) const DOWN: Pattern = Pattern::new(2);

/// A target that sends `length` bytes of [`DOWN`] while it checks what comes of [`UP`], both at a
/// moody pace. It sends FIN when it has sent everything and reports what it got.
async fn both_ways(length: u64, seed: u64) -> Target<(u64, End)> {
    Target::start(move |stream| move_both_ways(stream, length, seed)).await
}

pub(crate) async fn move_both_ways(
    stream: impl AsyncRead + AsyncWrite,
    length: u64,
    seed: u64,
) -> (u64, End) {
    let (mut read, mut write) = tokio::io::split(stream);
    let (mut up, mut down) = (Dice::new(seed), Dice::new(seed + 1));
    let send = async {
        targets::send_stream(&mut write, DOWN, length, &mut down).await.unwrap();
        write.shutdown().await.unwrap();
    };
    tokio::join!(targets::check_stream(&mut read, UP, &mut up), send).0
}

/// Reads frames to the end at a moody pace and checks [`DOWN`]: how many bytes came, the payloads of
/// the Pongs, the Close, and how the connection ended.
pub(crate) async fn check_frames(
    frames: &mut Frames<impl AsyncRead + Unpin>,
    dice: &mut Dice,
) -> (u64, Vec<Vec<u8>>, Option<Frame>, End) {
    let mut checker = Checker::new(DOWN);
    let (mut pongs, mut closed) = (Vec::new(), None);
    loop {
        targets::dawdle(dice).await;
        match frames.next().await {
            Err(end) => return (checker.at(), pongs, closed, end),
            Ok(frame) => {
                assert!(closed.is_none(), "{frame:?} behind the Close");
                match frame.first {
                    0x82 => {
                        assert!(!frame.payload.is_empty(), "an empty frame");
                        checker.take(&frame.payload);
                    }
                    0x8a => pongs.push(frame.payload),
                    0x88 => closed = Some(frame),
                    _ => panic!("{frame:?}"),
                }
            }
        }
    }
}

/// A gateway whose limits no busy machine reaches.
pub(crate) async fn patient(target: std::net::SocketAddr) -> Running {
    patient_with(target, true).await
}

/// The same, with or without long streams being spliced.
async fn patient_with(target: std::net::SocketAddr, splice: bool) -> Running {
    let change = |config: &mut crate::config::Config| {
        config.session.relay.splice = splice;
        be_patient(config);
    };
    Running::start(config_with(target, change)).await
}

pub(crate) fn be_patient(config: &mut crate::config::Config) {
    config.session.relay.linger = 4 * PATIENCE;
    config.session.relay.close_timeout = 4 * PATIENCE;
    config.session.connect_timeout = 4 * PATIENCE;
}

/// A target that does by hand what the test wants, and its client.
pub(crate) async fn pair(gateway: &Running, target: &mut Target<TcpStream>) -> (Client, TcpStream) {
    let client = gateway.client().await;
    (client, target.report().await)
}

/// One session that carries `length` bytes each way at once.
async fn carry(gateway: &Running, length: u64, seed: u64) {
    let (frames, write) = gateway.client().await.split();
    carry_over(frames, write, length, seed).await;
}

/// The same over a connection that is open.
pub(crate) async fn carry_over(
    mut frames: Frames<impl AsyncRead + Unpin>,
    mut write: impl AsyncWrite + Unpin + Send + 'static,
    length: u64,
    seed: u64,
) {
    let mut dice = Dice::new(seed);
    let sending = tokio::spawn(async move {
        let pings = send_frames(&mut write, UP, length, 1 << 20, &mut dice).await.unwrap();
        write.write_all(&close(1000, b"all sent")).await.unwrap();
        write.flush().await.unwrap(); // TLS holds what the socket did not take
        (pings, write)
    });
    let mut dice = Dice::new(seed + 1);
    let (got, mut pongs, closed, end) =
        within(Duration::from_secs(120), check_frames(&mut frames, &mut dice)).await;
    let (pings, _write) = soon(sending).await.unwrap();
    assert_eq!((got, end), (length, End::Fin));
    // The target's FIN or the client's Close comes first, by chance: both were complete.
    let closed = closed.unwrap();
    assert_eq!(closed.code(), 1000, "{closed:?}");
    // Pings that came behind the gateway's Close are not answered any more.
    pongs.truncate(pings.len());
    assert_eq!(pongs, pings[..pongs.len()], "the Pongs are not those of the Pings");
    if closed.reason() == "all sent" {
        assert_eq!(pongs.len(), pings.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_both_ways_at_once_arrive_byte_for_byte() {
    let length = 32 * MIB;
    let mut target = both_ways(length, 10).await;
    let gateway = patient(target.address()).await;
    carry(&gateway, length, 20).await;
    assert_eq!(target.report().await, (length, End::Fin));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_are_copied_arrive_byte_for_byte_as_spliced_ones_do() {
    let length = 32 * MIB;
    let mut target = both_ways(length, 11).await;
    let gateway = patient_with(target.address(), false).await;
    carry(&gateway, length, 21).await;
    assert_eq!(target.report().await, (length, End::Fin));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_long_streams_than_there_are_pipes_arrive_byte_for_byte() {
    let (length, streams) = (2 * MIB, wsferry_gateway::net::PIPES as u64 + 12);
    let mut target = both_ways(length, 50).await;
    let gateway = std::sync::Arc::new(patient(target.address()).await);
    let mut sessions = tokio::task::JoinSet::new();
    for seed in 0..streams {
        let gateway = std::sync::Arc::clone(&gateway);
        sessions.spawn(async move { carry(&gateway, length, 5000 + 10 * seed).await });
    }
    while let Some(session) = within(Duration::from_secs(120), sessions.join_next()).await {
        session.unwrap();
    }
    for _ in 0..streams {
        assert_eq!(target.report().await, (length, End::Fin));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_sessions_at_once_keep_their_streams_apart() {
    let length = MIB / 4;
    let mut target = both_ways(length, 30).await;
    let gateway = std::sync::Arc::new(patient(target.address()).await);
    let mut sessions = tokio::task::JoinSet::new();
    for seed in 0..100 {
        let gateway = std::sync::Arc::clone(&gateway);
        sessions.spawn(async move { carry(&gateway, length, 1000 + 10 * seed).await });
    }
    while let Some(session) = soon(sessions.join_next()).await {
        session.unwrap();
    }
    for _ in 0..100 {
        assert_eq!(target.report().await, (length, End::Fin));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_closes_right_behind_its_last_byte_loses_nothing() {
    let mut target = Target::start(async |mut stream: TcpStream| {
        let mut length = [0; 4];
        stream.read_exact(&mut length).await.unwrap();
        let bytes = DOWN.bytes(0, u32::from_be_bytes(length) as usize);
        stream.write_all(&bytes).await.unwrap();
    })
    .await;
    let gateway = Running::to(target.address()).await;
    let mut dice = Dice::new(40);
    for _ in 0..200 {
        let length = dice.size(200_000) as u32;
        let mut client = gateway.client().await;
        client.send_frame(FIN | BINARY, length.to_be_bytes()).await;
        let (frames, mut write) = client.split();
        let mut frames = frames;
        let mut checker = Checker::new(DOWN);
        let last = loop {
            match soon(frames.next()).await.unwrap() {
                frame if frame.first == FIN | BINARY => checker.take(&frame.payload),
                frame => break frame,
            }
        };
        assert_eq!(last, Frame::close(1000, "Target closed"));
        assert_eq!(checker.at(), u64::from(length));
        write.write_all(&close(1000, b"")).await.unwrap();
        assert_eq!(soon(frames.next()).await, Err(End::Fin), "something behind the Close");
        target.report().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_closes_right_behind_its_last_byte_loses_nothing() {
    let mut target = targets::collect().await;
    let gateway = Running::to(target.address()).await;
    let mut dice = Dice::new(50);
    for round in 0..200_u16 {
        let bytes = UP.bytes(0, dice.size(200_000));
        let mut client = gateway.client().await;
        client.send([frame(FIN | BINARY, &bytes), close(4000 + round, b"bye")].concat()).await;
        if round % 2 == 0 {
            client.stream().shutdown().await.unwrap(); // some clients do not wait for the answer
        }
        let (frames, end) = client.rest().await; // the client waits: the server ends TCP first
        assert_eq!((frames, end), (vec![Frame::close(4000 + round, "bye")], End::Fin));
        let (got, end) = target.report().await;
        assert!(got == bytes, "{} of {} bytes came", got.len(), bytes.len());
        assert_eq!(end, End::Fin);
    }
}

#[tokio::test]
async fn what_comes_while_the_target_is_dialled_is_held_and_delivered() {
    // Names are dialled too; early bytes come with the handshake, later ones before the target
    // has said anything.
    let mut target = targets::collect().await;
    let gateway = Running::to(format!("localhost:{}", target.address().port())).await;
    let bytes = UP.bytes(0, 100_000);
    let mut raw = gateway.raw().await;
    raw.send(HANDSHAKE).await;
    raw.send(frame(FIN | BINARY, &bytes)).await;
    raw.send(close(1000, b"")).await;
    assert_eq!(raw.answer().await.status, 101);
    assert_eq!(raw.into_client().rest().await.1, End::Fin);
    let (got, end) = target.report().await;
    assert!(got == bytes && end == End::Fin);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sides_that_flood_and_do_not_read_do_not_lock_each_other() {
    // Each side reads only when it has sent everything: nobody but the gateway could give way.
    let length = 256 * 1024;
    let mut target = Target::start(move |mut stream| async move {
        stream.write_all(&DOWN.bytes(0, length)).await.unwrap();
        let mut checker = Checker::new(UP);
        let mut room = vec![0; 4096];
        while checker.at() < length as u64 {
            let got = stream.read(&mut room).await.unwrap();
            checker.take(&room[..got]);
        }
    })
    .await;
    let gateway = Running::to(target.address()).await;
    let mut client = gateway.client().await;
    client.send(frame(FIN | BINARY, &UP.bytes(0, length))).await;
    assert!(client.payload(length).await == DOWN.bytes(0, length));
    target.report().await;
    assert_eq!(client.frame().await, Frame::close(1000, "Target closed"));
}

#[tokio::test]
async fn a_pong_comes_between_the_frames_of_a_stream() {
    let mut target = targets::by_hand().await;
    let gateway = Running::to(target.address()).await;
    let (client, mut stream) = pair(&gateway, &mut target).await;
    let (mut frames, mut write) = client.split();
    let flooding = tokio::spawn(async move {
        let mut at = 0;
        while stream.write_all(&DOWN.bytes(at, 10_000)).await.is_ok() {
            at += 10_000;
        }
    });
    let mut checker = Checker::new(DOWN);
    for round in 0..20_u8 {
        write.write_all(&frame(FIN | 0x9, &[round])).await.unwrap();
        loop {
            match soon(frames.next()).await.unwrap() {
                frame if frame.first == FIN | PONG => {
                    assert_eq!(frame.payload, [round]);
                    break;
                }
                frame => checker.take(&frame.payload),
            }
        }
    }
    drop((frames, write));
    soon(flooding).await.unwrap();
}
