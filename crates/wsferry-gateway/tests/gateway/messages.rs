//! How the target's bytes are cut into messages: docs/protocol.md §2, and `--max-message`.

use crate::config::Config;
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use wsferry_proto::Kind;
use wsferry_testkit::patience::{soon, within};
use wsferry_testkit::raw::{BINARY, CLOSE, FIN, Frames, PING, PONG, TEXT, close, frame};
use wsferry_testkit::stream::{Checker, Dice};
use wsferry_testkit::targets;

use crate::delivery::DOWN;
use crate::rig::{Kin, Rig, Side, rows};
use crate::support::{Running, config, config_with};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Lets bytes of the target lie ready before the gateway reads any of them: a Ping's answer proves
/// that the gateway waits, and all is written while its only thread is this one.
async fn lay_ready(rig: &Rig, frames: &mut Frames<Side>, target: &mut Side, bytes: &[u8]) {
    soon(frames.stream().write_all(&frame(FIN | PING, b""))).await.unwrap();
    soon(frames.stream().flush()).await.unwrap();
    assert_eq!(soon(frames.next()).await.unwrap().first, FIN | PONG);
    // One poll: the gateway's task cannot run in between.
    let mut writing = std::pin::pin!(async {
        target.write_all(bytes).await.unwrap();
        target.flush().await.unwrap();
    });
    let done =
        std::future::poll_fn(|cx| std::task::Poll::Ready(writing.as_mut().poll(cx).is_ready()));
    assert!(tokio::task::coop::unconstrained(done).await, "{} bytes do not fit", bytes.len());
    rig.until_delivered();
}

/// The lengths of the messages that `length` bytes came in.
async fn lengths(frames: &mut Frames<Side>, bytes: &[u8], first: u8) -> Vec<usize> {
    let (mut all, mut lengths) = (Vec::new(), Vec::new());
    while all.len() < bytes.len() {
        let frame = soon(frames.next()).await.unwrap();
        assert_eq!(frame.first, first, "{frame:?}");
        lengths.push(frame.payload.len());
        all.extend(frame.payload);
    }
    assert!(all == bytes);
    lengths
}

/// The lengths that so many bytes come in.
fn cut(length: usize, most: usize) -> Vec<usize> {
    let mut lengths = vec![most; length / most];
    let rest = length % most;
    lengths.extend((rest > 0).then_some(rest));
    lengths
}

/// Lets a stream pass, so that the system's buffers grow to what more than one message needs.
async fn warm_up(frames: &mut Frames<Side>, target: &mut Side, most: usize) {
    let bytes = DOWN.bytes(0, 8 * MIB);
    let writing = async {
        target.write_all(&bytes).await.unwrap();
        target.flush().await.unwrap();
    };
    let (got, ()) = tokio::join!(lengths(frames, &bytes, FIN | BINARY), writing);
    assert!(got.iter().all(|&length| length <= most), "{got:?}");
}

#[tokio::test]
async fn what_lies_ready_is_one_message_up_to_the_largest() {
    for (secure, kin, splice) in rows() {
        let row = format!("wss {secure}, {kin:?}, splice {splice}");
        let mut rig = Rig::start(secure, kin, |c| c.session.relay.splice = splice).await;
        // The first bytes of a session.
        for ready in [1, 16_383, 16_384, 16_385, 20_000, 32_768, 50_000] {
            let (mut frames, mut target) = rig.open().await;
            let bytes = DOWN.bytes(0, ready);
            for round in 0..7 {
                lay_ready(&rig, &mut frames, &mut target, &bytes).await;
                let got = lengths(&mut frames, &bytes, FIN | BINARY).await;
                assert_eq!(got, [ready], "{row}, round {round}");
            }
        }
        // And behind a long stream.
        let (mut frames, mut target) = rig.open().await;
        for ready in [20_000, 65_535, 65_536, 65_537, 70_000, 100_000] {
            warm_up(&mut frames, &mut target, 64 * KIB).await;
            let bytes = DOWN.bytes(0, ready);
            for round in 0..7 {
                lay_ready(&rig, &mut frames, &mut target, &bytes).await;
                let got = lengths(&mut frames, &bytes, FIN | BINARY).await;
                assert_eq!(got, cut(ready, 64 * KIB), "{row}, {ready}, round {round}");
            }
        }
    }
}

#[tokio::test]
async fn no_message_is_larger_than_was_asked_for() {
    for (secure, kin, splice) in rows() {
        for most in [1, 1000, 16 * KIB, 40_000, 64 * KIB, 100_000, MIB] {
            let mut rig = Rig::start(secure, kin, |config| {
                config.session.relay.splice = splice;
                config.session.relay.max_message = most;
            })
            .await;
            let (mut frames, mut target) = rig.open().await;
            if most >= 1000 {
                warm_up(&mut frames, &mut target, most).await;
            }
            let ready = 50_000.min(most * 100);
            let bytes = DOWN.bytes(0, ready);
            lay_ready(&rig, &mut frames, &mut target, &bytes).await;
            let got = lengths(&mut frames, &bytes, FIN | BINARY).await;
            assert_eq!(got, cut(ready, most), "wss {secure}, {kin:?}, splice {splice}, {most}");
        }
    }
}

#[tokio::test]
async fn text_is_cut_by_the_same_rule_but_never_inside_a_character() {
    for most in [4, 5, 20_000, 64 * KIB] {
        for character in ["a", "é", "€", "𝄞"] {
            let text = character.repeat(60_000.min(most * 100) / character.len());
            let mut rig = Rig::start(false, Kin::Tcp, |config| {
                config.session.relay.send = Kind::Text;
                config.session.relay.max_message = most;
            })
            .await;
            let (mut frames, mut target) = rig.open().await;
            lay_ready(&rig, &mut frames, &mut target, text.as_bytes()).await;
            let got = lengths(&mut frames, text.as_bytes(), FIN | TEXT).await;
            assert_eq!(
                got,
                cut(text.len(), most - most % character.len()),
                "{most} of {character}"
            );
        }
    }
}

#[tokio::test]
async fn what_came_before_an_end_in_the_same_moment_is_delivered_whole() {
    for (secure, kin, splice) in rows() {
        let mut rig = Rig::start(secure, kin, |c| c.session.relay.splice = splice).await;
        for ready in [1, 16_384, 20_000, 50_000] {
            let (mut frames, mut target) = rig.open().await;
            let bytes = DOWN.bytes(0, ready);
            lay_ready(&rig, &mut frames, &mut target, &bytes).await;
            target.shutdown().await.unwrap();
            assert_eq!(lengths(&mut frames, &bytes, FIN | BINARY).await, [ready]);
            let last = soon(frames.next()).await.unwrap();
            assert_eq!((last.code(), last.reason()), (1000, "Target closed".to_owned()));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_64_kib_at_most_survives_a_long_stream() {
    let length = 100 * MIB as u64;
    for splice in [false, true] {
        let target = targets::Target::start(move |mut stream: TcpStream| async move {
            let mut dice = Dice::new(80);
            targets::send_stream(&mut stream, DOWN, length, &mut dice).await.unwrap();
        })
        .await;
        let change = |config: &mut Config| config.session.relay.splice = splice;
        let gateway = Running::start(config_with(target.address(), change)).await;
        let stream = soon(TcpStream::connect(gateway.address())).await.unwrap();
        // As Jetty, Tomcat and others do without being told.
        let limit = Some(64 * KIB);
        let limits = WebSocketConfig::default().max_message_size(limit).max_frame_size(limit);
        let url = format!("ws://{}/", gateway.address());
        let (mut client, _) =
            soon(client_async_with_config(url, stream, Some(limits))).await.unwrap();
        let mut checker = Checker::new(DOWN);
        let reading = async {
            while checker.at() < length {
                match client.next().await {
                    Some(Ok(Message::Binary(bytes))) => checker.take(&bytes),
                    other => panic!("{other:?} at {}", checker.at()),
                }
            }
        };
        within(std::time::Duration::from_secs(120), reading).await;
    }
}

#[tokio::test]
async fn the_built_in_echo_is_exempt() {
    let change = |config: &mut Config| config.session.relay.max_message = 100;
    let gateway = Running::start(config_with("echo:", change)).await;
    let mut client = gateway.client().await;
    client.send_frame(FIN | BINARY, vec![7; 3000]).await;
    assert_eq!(client.frame().await.payload, vec![7; 3000]);
}

#[tokio::test]
async fn recorded_messages_that_are_larger_are_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rec.1");
    let text = "€".repeat(50_000);
    let mut recording = b"var VNC_frame_data = [\n".to_vec();
    for length in [text.len(), 3, 65_535] {
        let payload = &text.as_bytes()[..length];
        wsferry_gateway::record::encode(
            wsferry_gateway::outcome::Direction::ToClient,
            0,
            payload,
            &mut recording,
        );
    }
    recording.extend(b"'EOF'];\n");
    std::fs::write(&path, recording).unwrap();
    for (kind, expected) in [
        (Kind::Binary, vec![65_536, 65_536, 18_928, 3, 65_535]),
        (Kind::Text, vec![65_535, 65_535, 18_930, 3, 65_535]),
    ] {
        let speed = wsferry_gateway::address::Speed::new(0.0).unwrap();
        let path = path.clone();
        let mut config = config("echo:");
        config.session.relay.send = kind;
        let recording = wsferry_gateway::address::Recording { path, speed };
        config.route = wsferry_gateway::address::Address::Recording(recording).into();
        let gateway = Running::start(config).await;
        let mut client = gateway.client().await;
        for length in expected {
            assert_eq!(client.frame().await.payload.len(), length, "{kind:?}");
        }
        assert_eq!(client.frame().await.first, FIN | CLOSE);
        client.send(close(1000, b"")).await;
    }
}
