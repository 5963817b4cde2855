//! Unix sockets on both sides: the delivery promises of `delivery.rs` where there is no FIN and no
//! RST on a wire, and how a listener's name comes and goes.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::Config;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use wsferry_gateway::Listen;
use wsferry_gateway::address::Address;
use wsferry_gateway::gateway::Gateway;
use wsferry_proto::KeepAlive;
use wsferry_testkit::patience::{PATIENCE, soon, within};
use wsferry_testkit::raw::{BINARY, CLOSE, FIN, Frame, Frames, PONG, close, frame, send_frames};
use wsferry_testkit::stream::{Checker, Dice, Pattern};
use wsferry_testkit::targets::{self, End};

const MIB: u64 = 1 << 20;
const UP: Pattern = Pattern::new(1);
const DOWN: Pattern = Pattern::new(2);

/// A gateway on a Unix socket that leads to one.
struct Gate {
    folder: TempDir,
    target: UnixListener,
    _stop: DropGuard,
}

impl Gate {
    async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("target.sock");
        let target = UnixListener::bind(&path).unwrap();
        let stop = run(folder.path(), Address::Unix(path), change).await.drop_guard();
        Self { folder, target, _stop: stop }
    }

    async fn client(&self) -> Frames<UnixStream> {
        client(self.folder.path()).await
    }

    /// A client, and the target's end of its session.
    async fn session(&self) -> (Frames<UnixStream>, UnixStream) {
        let client = self.client().await;
        (client, soon(self.target.accept()).await.unwrap().0)
    }
}

fn gate_path(folder: &Path) -> PathBuf {
    folder.join("gate.sock")
}

async fn client(folder: &Path) -> Frames<UnixStream> {
    Frames::open(soon(UnixStream::connect(gate_path(folder))).await.unwrap()).await
}

async fn run(
    folder: &Path,
    target: Address,
    change: impl FnOnce(&mut Config),
) -> CancellationToken {
    let mut config = crate::support::config("echo:");
    config.listen = Listen::Unix { path: gate_path(folder), mode: 0o600 };
    config.route = wsferry_gateway::DestinationSettings::Fixed(target);
    config.session.relay.close_timeout = 4 * PATIENCE;
    change(&mut config);
    let gateway = Gateway::bind(config).await.unwrap();
    let stop = gateway.stop_token();
    tokio::spawn(gateway.run());
    stop
}

fn with_splice(splice: bool) -> impl FnOnce(&mut Config) {
    move |config: &mut Config| {
        config.session.relay.splice = splice;
        config.session.relay.linger = 4 * PATIENCE;
    }
}

/// Both ends of a session move `length` bytes each way at once, at a moody pace, and check them.
async fn carry(
    client: Frames<UnixStream>,
    mut target: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    length: u64,
    seed: u64,
) {
    let targeting = tokio::spawn(async move {
        let (mut read, mut write) = tokio::io::split(&mut target);
        let (mut up, mut down) = (Dice::new(seed), Dice::new(seed + 1));
        let send = async {
            targets::send_stream(&mut write, DOWN, length, &mut down).await.unwrap();
            write.shutdown().await.unwrap();
        };
        tokio::join!(targets::check_stream(&mut read, UP, &mut up), send).0
    });
    let (mut frames, mut write) = client.split();
    let sending = tokio::spawn(async move {
        let mut dice = Dice::new(seed + 2);
        send_frames(&mut write, UP, length, 1 << 20, &mut dice).await.unwrap();
        write.write_all(&close(1000, b"all sent")).await.unwrap();
        write
    });
    let (mut checker, mut dice) = (Checker::new(DOWN), Dice::new(seed + 3));
    let code = within(Duration::from_secs(120), async {
        loop {
            targets::dawdle(&mut dice).await;
            let frame = frames.next().await.expect("a Close comes first");
            match frame.first & 0xf {
                BINARY => checker.take(&frame.payload),
                PONG => {}
                CLOSE => return frame.code(),
                _ => panic!("{frame:?}"),
            }
        }
    })
    .await;
    assert_eq!((checker.at(), code), (length, 1000));
    drop(soon(sending).await.unwrap());
    assert_eq!(soon(targeting).await.unwrap(), (length, End::Fin));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_both_ways_at_once_arrive_byte_for_byte_spliced_and_copied() {
    for splice in [true, false] {
        let gate = Gate::start(with_splice(splice)).await;
        let (client, target) = gate.session().await;
        carry(client, target, 16 * MIB, 10).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_client_reaches_a_tcp_target() {
    let folder = tempfile::tempdir().unwrap();
    let mut target = targets::by_hand().await;
    let address = target.address().to_string().parse().unwrap();
    let _stop = run(folder.path(), address, with_splice(true)).await.drop_guard();
    let client = client(folder.path()).await;
    carry(client, target.report().await, 8 * MIB, 20).await;
}

#[tokio::test]
async fn a_target_that_ends_is_1000_behind_all_it_sent() {
    let gate = Gate::start(|_| ()).await;
    let (mut client, mut target) = gate.session().await;
    let sending = tokio::spawn(async move {
        target.write_all(&DOWN.bytes(0, 4 << 20)).await.unwrap();
    });
    let mut checker = Checker::new(DOWN);
    let closed = loop {
        let frame = soon(client.next()).await.unwrap();
        if frame.first == FIN | CLOSE {
            break frame;
        }
        checker.take(&frame.payload);
    };
    assert_eq!((checker.at(), closed), (4 * MIB, Frame::close(1000, "Target closed")));
    sending.await.unwrap();
}

#[tokio::test]
async fn a_target_that_leaves_bytes_unread_is_never_1000() {
    for _ in 0..20 {
        let gate = Gate::start(|_| ()).await;
        let (mut client, mut target) = gate.session().await;
        client.stream().write_all(&frame(FIN | BINARY, &[7; 1000])).await.unwrap();
        target.write_all(b"last words").await.unwrap();
        assert_eq!(soon(target.read_u8()).await.unwrap(), 7);
        drop(target); // the kernel tells the other side of what was not read: ECONNRESET
        assert_eq!(soon(client.next()).await, Ok(Frame::new(FIN | BINARY, *b"last words")));
        let closed = soon(client.next()).await.unwrap();
        assert_eq!(closed.code(), 1011, "{closed:?}");
        assert!(closed.reason().contains("connection reset"), "{closed:?}");
    }
}

#[tokio::test]
async fn a_target_that_ends_while_bytes_come_in_gets_no_1000_for_what_it_never_saw() {
    // Large enough that the gateway is still writing when the target goes.
    let gate = Gate::start(|_| ()).await;
    let (client, mut target) = gate.session().await;
    let (mut frames, mut write) = client.split();
    let flood = tokio::spawn(async move {
        let _ = write.write_all(&frame(FIN | BINARY, &vec![7; 8 << 20])).await;
        write
    });
    let mut some = [0; 1000];
    soon(target.read_exact(&mut some)).await.unwrap();
    drop(target);
    let closed = soon(frames.next()).await.unwrap();
    assert_eq!(closed.code(), 1011, "{closed:?}");
    drop(frames);
    drop(flood);
}

#[tokio::test]
async fn all_that_came_before_a_close_reaches_a_target_that_reads_late_and_then_an_end() {
    let gate = Gate::start(|config| config.session.relay.linger = Duration::ZERO).await;
    let (mut client, target) = gate.session().await;
    let mut sent = frame(FIN | BINARY, &UP.bytes(0, 50_000));
    sent.extend(close(1000, b"bye"));
    client.stream().write_all(&sent).await.unwrap();
    assert_eq!(soon(client.next()).await, Ok(Frame::close(1000, "bye")));
    assert_eq!(soon(client.next()).await, Err(End::Fin));
    drop(client);
    let (read, end) = soon(targets::read_all(target)).await;
    assert_eq!(end, End::Fin);
    assert!(read == UP.bytes(0, 50_000), "{} bytes", read.len());
}

#[tokio::test]
async fn a_client_that_is_lost_is_an_end_to_the_target_behind_all_it_sent() {
    let gate = Gate::start(|_| ()).await;
    for leaves_bytes_unread in [false, true] {
        let (mut client, mut target) = gate.session().await;
        if leaves_bytes_unread {
            target.write_all(b"never read").await.unwrap();
            soon(client.stream().readable()).await.unwrap();
        }
        client.stream().write_all(&frame(FIN | BINARY, &UP.bytes(0, 50_000))).await.unwrap();
        drop(client);
        let (read, end) = soon(targets::read_all(target)).await;
        assert_eq!(end, End::Fin);
        assert!(read == UP.bytes(0, 50_000), "{} bytes", read.len());
    }
}

#[tokio::test]
async fn half_of_a_session_goes_on_when_the_other_half_has_ended() {
    let gate = Gate::start(with_splice(true)).await;
    let (mut client, mut target) = gate.session().await;
    client.stream().write_all(&close(1000, b"")).await.unwrap();
    assert_eq!(soon(target.read(&mut [0; 1])).await.unwrap(), 0);
    target.write_all(b"still here").await.unwrap();
    assert_eq!(soon(client.next()).await, Ok(Frame::new(FIN | BINARY, *b"still here")));
    drop(target);
    assert_eq!(soon(client.next()).await, Ok(Frame::close(1000, "")));

    let (mut client, mut target) = gate.session().await;
    target.shutdown().await.unwrap();
    assert_eq!(soon(client.next()).await, Ok(Frame::close(1000, "Target closed")));
    client.stream().write_all(&frame(FIN | BINARY, b"on its way")).await.unwrap();
    client.stream().write_all(&close(1000, b"")).await.unwrap();
    let (read, end) = soon(targets::read_all(target)).await;
    assert_eq!((&read[..], end), (&b"on its way"[..], End::Fin));
}

#[tokio::test]
async fn a_slow_client_is_not_dropped_for_a_pong_it_has_not_come_to() {
    let beat = Duration::from_millis(300);
    let gate = Gate::start(|config| {
        config.session.relay.keep_alive = Some(KeepAlive { interval: beat, timeout: beat });
    })
    .await;
    let (mut client, mut target) = gate.session().await;
    // All of it lies in the socket, and the Ping stands behind it. The system counts whole writes.
    target.write_all(&DOWN.bytes(0, 120_000)).await.unwrap();
    let clock = crate::support::Clock::start(beat / 4).await;
    let mut frames = Vec::new();
    for _ in 0..15 {
        clock.tick().await;
        let mut some = [0; 8000];
        soon(client.stream().read_exact(&mut some)).await.unwrap();
        frames.extend_from_slice(&some);
    }
    let _ = target.write_all(b"the end").await; // it is gone where the session was dropped
    drop(target);
    while !frames.windows(7).any(|bytes| bytes == b"the end") {
        let length = soon(client.stream().read_buf(&mut frames)).await.unwrap();
        assert_ne!(length, 0, "it was dropped behind {} bytes", frames.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_ever_finds_the_socket_with_other_rights() {
    let folder = tempfile::tempdir().unwrap();
    let path = gate_path(folder.path());
    let (looks, looked) = watch::channel(0);
    let seen = path.clone();
    let watching = tokio::task::spawn_blocking(move || {
        while !looks.is_closed() {
            if let Ok(there) = std::fs::metadata(&seen) {
                assert_eq!(there.permissions().mode() & 0o777, 0o606);
                looks.send_modify(|times| *times += 1);
            }
        }
    });
    soon(async {
        while *looked.borrow() < 200 && !watching.is_finished() {
            drop(wsferry_gateway::net::listen_unix(&path, 0o606).unwrap());
            assert!(!path.exists());
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(looked);
    watching.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_replace_a_socket_at_once_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let path = gate_path(folder.path());
    for _ in 0..200 {
        drop(UnixListener::bind(&path).unwrap()); // left behind by somebody
        let mut tries = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let path = path.clone();
            tries.spawn(async move { wsferry_gateway::net::listen_unix(&path, 0o600) });
        }
        let listeners: Vec<_> = tries.join_all().await.into_iter().flatten().collect();
        assert_eq!(listeners.len(), 1);
        UnixStream::connect(&path).await.unwrap();
        drop(listeners);
        assert!(!path.exists());
    }
}
