//! Sessions are recorded as websockify records them, and what they write never gets in their way.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::channel;

use tempfile::{TempDir, tempdir};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wsferry_gateway::gateway::Gateway;
use wsferry_gateway::outcome::Direction;
use wsferry_gateway::record::{Reader, Traffic};
use wsferry_testkit::raw::{BINARY, FIN, Frame, close, frame};
use wsferry_testkit::stream::Pattern;
use wsferry_testkit::targets::{self, End};

use crate::support::{Running, config_with};

/// Made by websockify 0.13: five messages to an answering target and back.
pub(crate) const WEBSOCKIFY: &str = include_str!("recordings/websockify-0.13.js");

/// The payload of a recording, in its order.
pub(crate) fn payload(recording: &str) -> Vec<(Direction, Vec<u8>)> {
    let frames = Reader::new(recording.as_bytes()).map(|frame| frame.unwrap());
    frames.map(|frame| (frame.direction, frame.payload)).collect()
}

/// The same recording, with all times 0.
fn without_times(recording: &str) -> String {
    let timeless = |line: &str| match line.get(..2) {
        Some(brace @ ("'{" | "'}")) => {
            let (time, data) = line[2..].split_once(&brace[1..]).unwrap();
            time.parse::<u64>().unwrap();
            format!("{brace}0{}{data}\n", &brace[1..])
        }
        _ => format!("{line}\n"),
    };
    recording.split_inclusive('\n').map(|line| timeless(line.trim_end_matches('\n'))).collect()
}

/// A gateway that records into `folder`.
async fn recording(folder: &Path, target: impl std::fmt::Display) -> Running {
    let record = |config: &mut crate::config::Config| config.record = Some(folder.join("rec"));
    Running::start(config_with(target, record)).await
}

fn read(folder: &TempDir, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).unwrap()
}

#[tokio::test]
async fn the_same_traffic_gives_the_recording_that_websockify_writes() {
    let folder = tempdir().unwrap();
    let mut target = targets::by_hand().await;
    let mut gateway = recording(folder.path(), target.address()).await;
    let mut client = gateway.client().await;
    let mut server = target.report().await;
    for (direction, bytes) in payload(WEBSOCKIFY) {
        if direction == Direction::ToTarget {
            client.send_frame(FIN | BINARY, &bytes).await;
            let mut got = vec![0; bytes.len()];
            server.read_exact(&mut got).await.unwrap();
        } else {
            server.write_all(&bytes).await.unwrap();
            assert_eq!(client.frame().await, Frame::new(FIN | BINARY, bytes));
        }
    }
    drop(server);
    client.leave().await;
    gateway.stop();
    gateway.ended().await;
    assert_eq!(without_times(&read(&folder, "rec.1")), without_times(WEBSOCKIFY));
}

#[tokio::test]
async fn each_session_has_a_file_of_its_own_and_those_that_are_there_are_kept() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("rec.7"), "of yesterday").unwrap();
    let target = targets::echo().await;
    for first in [8, 10] {
        let mut gateway = recording(folder.path(), target.address()).await;
        for number in [first, first + 1] {
            let mut client = gateway.client().await;
            client.send_frame(FIN | BINARY, number.to_string()).await;
            client.payload(number.to_string().len()).await;
        }
        gateway.stop();
        gateway.ended().await;
    }
    assert_eq!(read(&folder, "rec.7"), "of yesterday");
    for number in 8..=11 {
        let said = number.to_string().into_bytes();
        let expected = [(Direction::ToTarget, said.clone()), (Direction::ToClient, said)];
        assert_eq!(payload(&read(&folder, &format!("rec.{number}"))), expected);
    }
}

#[tokio::test]
async fn a_recording_is_complete_when_a_gateway_that_was_stopped_has_ended() {
    let folder = tempdir().unwrap();
    let target = targets::echo().await;
    let mut gateway = recording(folder.path(), target.address()).await;
    let mut client = gateway.client().await;
    let sent = Pattern::new(5).bytes(0, 1 << 20);
    for piece in sent.chunks(100_000) {
        client.send_frame(FIN | BINARY, piece).await;
    }
    assert!(client.payload(sent.len()).await == sent);
    gateway.stop(); // the session is open
    let (_, ()) = tokio::join!(client.leave(), gateway.ended());
    let recording = read(&folder, "rec.1");
    assert!(recording.ends_with("',\n'EOF'];\n"));
    for way in [Direction::ToTarget, Direction::ToClient] {
        let frames = payload(&recording).into_iter().filter(|(direction, _)| *direction == way);
        assert!(frames.flat_map(|(_, bytes)| bytes).eq(sent.iter().copied()), "{way:?}");
    }
}

#[tokio::test]
async fn messages_to_the_built_in_echo_are_recorded_too() {
    let folder = tempdir().unwrap();
    let mut gateway = recording(folder.path(), "echo:").await;
    let mut client = gateway.client().await;
    client.send_frame(FIN | BINARY, "hello").await;
    client.payload(5).await;
    client.send(close(1000, b"")).await;
    client.rest().await;
    gateway.stop();
    gateway.ended().await;
    let hello = b"hello".to_vec();
    let expected = [(Direction::ToTarget, hello.clone()), (Direction::ToClient, hello)];
    assert_eq!(payload(&read(&folder, "rec.1")), expected);
}

#[tokio::test]
async fn a_place_that_cannot_be_written_to_is_told_before_the_first_client() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("nowhere/rec");
    let config = config_with("echo:", |config| config.record = Some(path.clone()));
    let error = Gateway::bind(config).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot record to {path:?}: ")), "{error}");
}

#[tokio::test]
async fn a_directory_that_vanishes_costs_the_recording_and_not_the_session() {
    let folder = tempdir().unwrap();
    let target = targets::echo().await;
    let mut gateway = recording(folder.path(), target.address()).await;
    drop(folder);
    let mut client = gateway.client().await;
    client.send_frame(FIN | BINARY, "hello").await;
    assert_eq!(client.payload(5).await, b"hello");
    client.send(close(1000, b"")).await;
    client.rest().await;
    gateway.stop();
    gateway.ended().await;
}

/// A small disk, which needs the rights to mount one.
#[cfg(target_os = "linux")]
struct SmallDisk(PathBuf);

#[cfg(target_os = "linux")]
impl SmallDisk {
    fn mount(place: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(place);
        let is_mounted = mount.output().is_ok_and(|output| output.status.success());
        is_mounted.then(|| Self(place.to_owned()))
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_ends_the_recording_with_its_last_line_and_the_session_goes_on() {
    let folder = tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path()) else {
        println!("skipped: it takes the right to mount a disk");
        return;
    };
    let target = targets::echo().await;
    let mut gateway = recording(&disk.0, target.address()).await;
    let mut client = gateway.client().await;
    let mut sent = Vec::new();
    for number in 0..100 {
        let said = Pattern::new(number).bytes(0, 3000);
        client.send_frame(FIN | BINARY, &said).await;
        assert!(client.payload(said.len()).await == said);
        sent.push(said);
    }
    client.send(close(1000, b"")).await;
    assert_eq!(client.rest().await.0, [Frame::close(1000, "")]);
    gateway.stop();
    gateway.ended().await;
    let recording = read(&folder, "rec.1");
    assert!(recording.ends_with("',\n'EOF'];\n"));
    let frames = payload(&recording);
    assert!((5..50).contains(&frames.len()), "{} frames fit", frames.len());
    assert!(frames.iter().all(|(_, bytes)| sent.contains(bytes)));
}

#[tokio::test]
async fn a_session_can_be_recorded_and_leave_its_marks_at_once() {
    let folder = tempdir().unwrap();
    let mut target = targets::by_hand().await;
    let (printed, seen) = channel();
    let config = config_with(target.address(), |config| {
        config.record = Some(folder.path().join("rec"));
        config.traffic = Some(Traffic::new(move |marks| printed.send(marks.to_owned()).unwrap()));
    });
    let mut gateway = Running::start(config).await;
    let mut client = gateway.client().await;
    let mut server = target.report().await;
    for _ in 0..2 {
        client.send(frame(FIN | BINARY, b"in")).await;
        server.read_exact(&mut [0; 2]).await.unwrap();
    }
    server.write_all(b"out").await.unwrap();
    client.payload(3).await;
    drop(server);
    let (frames, end) = client.leave().await;
    assert_eq!((frames, end), (vec![Frame::close(1000, "Target closed")], End::Fin));
    gateway.stop();
    gateway.ended().await;
    let marks: String = seen.try_iter().collect();
    assert_eq!(marks.lines().last(), Some("}>}>{<"), "{marks}");
    assert_eq!(payload(&read(&folder, "rec.1")).len(), 3);
}
