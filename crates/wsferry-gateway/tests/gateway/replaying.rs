//! A recording is played back to a client, frame by frame.

use std::fs;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use wsferry_gateway::address::{Address, Recording, Speed};
use wsferry_gateway::outcome::Direction;
use wsferry_gateway::relay::CHUNK;
use wsferry_testkit::raw::{BINARY, FIN, Frame, HANDSHAKE, PING, close, frame};
use wsferry_testkit::stream::Pattern;
use wsferry_testkit::targets::End;

use crate::recording::{WEBSOCKIFY, payload};
use crate::support::{Running, config};

const OVER: &str = "Target closed";

/// A gateway that plays a recording, and the folder that holds it.
async fn playing(recording: &str, speed: f64) -> (Running, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rec.1");
    fs::write(&path, recording).unwrap();
    let speed = Speed::new(speed).unwrap();
    let mut config = config("echo:");
    config.route = Address::Recording(Recording { path, speed }).into();
    (Running::start(config).await, folder)
}

fn lines(lines: &str) -> String {
    format!("var VNC_frame_data = [\n{lines}\n'EOF'];\n")
}

#[tokio::test]
async fn each_frame_that_went_to_the_client_comes_again_as_one_message() {
    let (gateway, _folder) = playing(WEBSOCKIFY, 1.0).await;
    let mut expected: Vec<_> = payload(WEBSOCKIFY)
        .into_iter()
        .filter(|(direction, _)| *direction == Direction::ToClient)
        .map(|(_, bytes)| Frame::new(FIN | BINARY, bytes))
        .collect();
    expected.push(Frame::close(1000, OVER));
    assert_eq!(gateway.client().await.leave().await, (expected, End::Fin));
}

#[tokio::test]
async fn frames_come_at_their_times_or_as_many_times_faster_as_was_wanted() {
    for (speed, least) in [(1.0, 400), (4.0, 100), (0.5, 800)] {
        let (gateway, _folder) = playing(&lines("'{0{a',\n'}9}x',\n'{400{b',"), speed).await;
        let mut client = gateway.client().await;
        let started = Instant::now(); // at most as late as the recording's own start, but for the trip
        assert_eq!(client.frame().await.payload, b"a");
        assert_eq!(client.frame().await.payload, b"b");
        let took = started.elapsed() + Duration::from_millis(50);
        assert!(took >= Duration::from_millis(least), "{took:?} at {speed}");
    }
}

#[tokio::test]
async fn at_speed_zero_nothing_is_waited_for() {
    let day = lines("'{0{a',\n'{86400000{b',\n'{86400001{c',");
    let (gateway, _folder) = playing(&day, 0.0).await;
    let (frames, _) = gateway.client().await.leave().await;
    let payload: Vec<_> = frames.iter().map(|frame| &frame.payload[..]).collect();
    assert_eq!(payload[..3], [b"a", b"b", b"c"]);
}

#[tokio::test]
async fn a_long_recording_arrives_whole_while_its_client_talks() {
    let sent = Pattern::new(9).bytes(0, 5_000_000);
    let mut recording = Vec::new();
    for piece in sent.chunks(70_000) {
        wsferry_gateway::record::encode(Direction::ToClient, 3, piece, &mut recording);
    }
    let recording = lines(&String::from_utf8(recording).unwrap());
    let (gateway, _folder) = playing(&recording, 0.0).await;
    let (mut frames, mut write) = gateway.client().await.split();
    let talking = tokio::spawn(async move {
        let message = frame(FIN | BINARY, &vec![1; CHUNK]);
        while tokio::io::AsyncWriteExt::write_all(&mut write, &message).await.is_ok() {}
    });
    let mut got = Vec::new();
    loop {
        let frame = wsferry_testkit::patience::soon(frames.next()).await.unwrap();
        if frame.code() == 1000 {
            break;
        }
        got.extend(frame.payload);
    }
    assert!(got == sent);
    talking.abort();
}

#[tokio::test]
async fn what_the_client_says_is_answered_as_the_protocol_wants_and_not_compared() {
    let (gateway, _folder) = playing(&lines("'{0{hello',\n'{86400000{b',"), 1.0).await;
    let mut raw = gateway.raw().await;
    raw.send([HANDSHAKE.as_bytes(), &frame(FIN | PING, b"early")].concat()).await;
    assert_eq!(raw.answer().await.status, 101);
    let mut client = raw.into_client();
    assert_eq!(client.frame().await, Frame::new(0x8a, b"early"));
    assert_eq!(client.frame().await.payload, b"hello");
    client.send_frame(FIN | BINARY, b"something else than was recorded").await;
    client.send_frame(FIN | PING, b"ping").await;
    assert_eq!(client.frame().await, Frame::new(0x8a, b"ping"));
    client.send(close(4001, b"enough")).await;
    assert_eq!(client.rest().await, (vec![Frame::close(4001, "enough")], End::Fin));

    let mut client = gateway.client().await;
    client.frame().await;
    client.send([0x82, 0x01, b'x']).await; // without a mask
    let (frames, end) = client.rest().await;
    assert_eq!((frames[0].code(), end), (1002, End::Fin));
}

#[tokio::test]
async fn a_gateway_that_stops_says_1001_between_two_frames() {
    let (mut gateway, _folder) = playing(&lines("'{0{hello',\n'{86400000{b',"), 1.0).await;
    let mut client = gateway.client().await;
    client.frame().await;
    gateway.stop();
    let ((frames, end), ()) = tokio::join!(client.leave(), gateway.ended());
    assert_eq!((frames[0].code(), frames.len(), end), (1001, 1, End::Fin));
}

#[tokio::test]
async fn a_recording_without_its_end_is_played_as_far_as_it_goes() {
    let (gateway, _folder) = playing("var VNC_frame_data = [\n'{0{one',\n'{0{tw", 1.0).await;
    let (frames, _) = gateway.client().await.leave().await;
    assert_eq!(frames, [Frame::new(FIN | BINARY, b"one"), Frame::close(1000, OVER)]);
}

#[tokio::test]
async fn a_file_that_became_something_else_ends_the_session_with_1011() {
    let (gateway, _folder) = playing("<!doctype html>\n", 1.0).await;
    let (frames, _) = gateway.client().await.leave().await;
    assert_eq!(frames[0].code(), 1011);
    assert!(frames[0].reason().contains("line 1 is not the head of a recording"), "{frames:?}");
}
