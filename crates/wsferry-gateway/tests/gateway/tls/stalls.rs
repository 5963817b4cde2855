//! Readers that pause: what TLS holds goes out when they come back, and being slow is no stall.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use wsferry_gateway::net::{Shutdown, Stream, shut_down};
use wsferry_gateway::tls::{Acceptor, ConnectorSettings};
use wsferry_testkit::patience::{soon, within};
use wsferry_testkit::pki::Pki;
use wsferry_testkit::raw::{BINARY, FIN, Frame, Frames, close, frame};
use wsferry_testkit::stream::{Checker, Pattern};
use wsferry_testkit::targets::End;

use super::{Gate, by_hand, say};
use crate::delivery::{DOWN, UP, be_patient};
use crate::support::Clock;
use crate::tls_settings::{client, localhost, settings};

const MIB: u64 = 1 << 20;

/// Writes a stream until nothing is taken any more: how many bytes were.
async fn flood(write: &mut (impl AsyncWrite + Unpin), pattern: Pattern) -> u64 {
    let mut sent = 0;
    loop {
        let piece = pattern.bytes(sent, 10_000);
        match timeout(Duration::from_millis(500), write.write(&piece)).await {
            Ok(written) => sent += written.unwrap() as u64,
            Err(_) => return sent,
        }
    }
}

/// Reads data frames of [`DOWN`] from where the checker is to `length`.
async fn take(frames: &mut Frames<impl AsyncRead + Unpin>, checker: &mut Checker, length: u64) {
    while checker.at() < length {
        let frame = soon(frames.next()).await.unwrap();
        assert_eq!(frame.first, FIN | BINARY, "{frame:?} at {} of {length}", checker.at());
        checker.take(&frame.payload);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sides_that_flood_and_do_not_read_do_not_lock_each_other() {
    let length = 256 * 1024;
    let pki = Pki::new();
    let mut target = by_hand(&pki.server("target")).await;
    let gate = Gate::both(pki, &target).await;
    let (mut frames, mut write) = gate.open().await;
    let mut stream = target.report().await;
    let there = async {
        say(&mut stream, DOWN.bytes(0, length)).await;
        let mut all = vec![0; length];
        soon(stream.read_exact(&mut all)).await.unwrap();
        assert!(all == UP.bytes(0, length));
        stream.shutdown().await.unwrap();
    };
    let here = async {
        say(&mut write, frame(FIN | BINARY, &UP.bytes(0, length))).await;
        take(&mut frames, &mut Checker::new(DOWN), length as u64).await;
        assert_eq!(soon(frames.next()).await, Ok(Frame::close(1000, "Target closed")));
    };
    tokio::join!(there, here);
}

/// Reads a little of a stream at each tick.
async fn sip(
    read: &mut (impl AsyncRead + Unpin),
    clock: &Clock,
    ticks: usize,
    mut take: impl FnMut(&[u8]),
) {
    let mut room = vec![0; 16 * 1024];
    for _ in 0..ticks {
        clock.tick().await;
        let got = soon(read.read(&mut room)).await.unwrap();
        assert!(got > 0, "the stream was cut");
        take(&room[..got]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_side_that_reads_a_little_now_and_then_is_not_cut_by_the_write_timeout() {
    let clock = Clock::start(Duration::from_millis(50)).await;
    let pki = Pki::new();
    let mut target = by_hand(&pki.server("target")).await;
    let ca = pki.ca();
    let gate = Gate::of(pki, target.address(), |config| {
        be_patient(config);
        config.target_tls = Some(ConnectorSettings { ca: Some(ca), verify: true });
        config.session.relay.write_timeout = Some(Duration::from_secs(1));
    })
    .await;
    let (frames, mut write) = gate.open().await;
    let stream = target.report().await;
    let length = 8 * MIB;
    let (mut target_read, mut target_write) = tokio::io::split(stream);
    let sending = tokio::spawn(async move {
        target_write.write_all(&DOWN.bytes(0, length as usize)).await.unwrap();
        target_write.shutdown().await.unwrap();
    });
    let upload = tokio::spawn(async move {
        let bytes = frame(FIN | BINARY, &UP.bytes(0, length as usize));
        within(Duration::from_secs(120), write.write_all(&bytes)).await.unwrap();
        write.flush().await.unwrap();
        write
    });
    // Both sides read 16 KiB at each of 60 ticks, which is three times the limit.
    let mut frames = frames;
    let mut arrived = Vec::new();
    let mut up = Checker::new(UP);
    let client = sip(frames.stream(), &clock, 60, |bytes| arrived.extend_from_slice(bytes));
    let server = sip(&mut target_read, &clock, 60, |bytes| up.take(bytes));
    tokio::join!(client, server);
    // And the rest at once.
    let mut room = vec![0; 64 * 1024];
    let server = async {
        while up.at() < length {
            let got = soon(target_read.read(&mut room)).await.unwrap();
            assert!(got > 0, "the target was cut at {}", up.at());
            up.take(&room[..got]);
        }
    };
    let client = async {
        let rest = std::mem::take(&mut arrived);
        let mut frames = Frames::new(std::io::Cursor::new(rest).chain(frames.stream()), Vec::new());
        take(&mut frames, &mut Checker::new(DOWN), length).await;
        assert_eq!(soon(frames.next()).await, Ok(Frame::close(1000, "Target closed")));
    };
    tokio::join!(server, client);
    sending.await.unwrap();
    upload.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_side_that_reads_nothing_is_cut_by_the_write_timeout() {
    let pki = Pki::new();
    let mut target = by_hand(&pki.server("target")).await;
    let ca = pki.ca();
    let gate = Gate::of(pki, target.address(), |config| {
        config.target_tls = Some(ConnectorSettings { ca: Some(ca), verify: true });
        config.session.relay.write_timeout = Some(Duration::from_millis(400));
        config.session.relay.close_timeout = Duration::from_millis(400);
    })
    .await;
    // The client.
    let (mut frames, _write) = gate.open().await;
    let mut stream = target.report().await;
    let piece = vec![b'd'; 64 * 1024];
    let error = within(Duration::from_secs(20), async {
        loop {
            if let Err(error) = stream.write_all(&piece).await {
                return error;
            }
        }
    })
    .await;
    drop(error);
    let end = loop {
        match soon(frames.stream().read(&mut vec![0; 64 * 1024])).await {
            Ok(0) => break End::Fin,
            Ok(_) => {}
            Err(error) => break End::of(Some(&error)),
        }
    };
    assert_eq!(end, End::Rst);
    // The target.
    let (mut frames, mut write) = gate.open().await;
    let mut stream = target.report().await;
    let writing = tokio::spawn(async move {
        let piece = frame(FIN | BINARY, &vec![b'u'; 64 * 1024]);
        while write.write_all(&piece).await.is_ok() {}
    });
    let last = within(Duration::from_secs(20), frames.next()).await.unwrap();
    assert_eq!(last.code(), 1011, "{last:?}");
    let end = loop {
        match soon(stream.read(&mut vec![0; 64 * 1024])).await {
            Ok(0) => break End::Fin,
            Ok(_) => {}
            Err(error) => break End::of(Some(&error)),
        }
    };
    assert_eq!(end, End::Rst, "what it got is not everything");
    soon(writing).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_bytes_the_close_and_the_end_of_tls_come_to_a_slow_client() {
    let clock = Clock::start(Duration::from_millis(50)).await;
    let pki = Pki::new();
    let mut target = by_hand(&pki.server("target")).await;
    let ca = pki.ca();
    let gate = Gate::of(pki, target.address(), |config| {
        config.target_tls = Some(ConnectorSettings { ca: Some(ca), verify: true });
        config.session.relay.close_timeout = Duration::from_secs(1);
    })
    .await;
    let (mut frames, mut write) = gate.open().await;
    let mut stream = target.report().await;
    let length = 2 * MIB;
    let sending = tokio::spawn(async move {
        stream.write_all(&DOWN.bytes(0, length as usize)).await.unwrap();
        stream.shutdown().await.unwrap();
        stream
    });
    let mut arrived = Vec::new();
    sip(frames.stream(), &clock, 60, |bytes| arrived.extend_from_slice(bytes)).await;
    let mut frames = Frames::new(std::io::Cursor::new(arrived).chain(frames.stream()), Vec::new());
    take(&mut frames, &mut Checker::new(DOWN), length).await;
    assert_eq!(soon(frames.next()).await, Ok(Frame::close(1000, "Target closed")));
    say(&mut write, close(1000, b"")).await;
    assert_eq!(soon(frames.next()).await, Err(End::Fin));
    sending.await.unwrap();
}

#[tokio::test]
async fn a_client_that_takes_nothing_any_more_is_left_when_its_time_is_over() {
    let pki = Pki::new();
    let config = Acceptor::open(settings(&pki.server("server"))).unwrap().current();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let dialing = tokio::spawn(async move {
        let stream = TcpStream::connect(address).await.unwrap();
        TlsConnector::from(client(&pki)).connect(localhost(), stream).await.unwrap()
    });
    let (socket, _) = soon(listener.accept()).await.unwrap();
    let mut stream = Stream::accepted(socket).accept_tls(config).await.unwrap();
    let idle = dialing.await.unwrap();
    assert!(flood(&mut stream, DOWN).await > 0);
    // The end of TLS cannot be sent: the socket is full.
    soon(shut_down(stream, Shutdown::Graceful, Duration::from_millis(200))).await;
    drop(idle);
}
