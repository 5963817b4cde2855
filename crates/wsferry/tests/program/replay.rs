//! `wsferry replay`: a recording again, for a client or as text.

use std::fs;
use std::process::{Command, Stdio};

use futures_util::StreamExt;
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;
use wsferry_testkit::patience::soon;
use wsferry_testkit::program::Signal;

use crate::support::{connect, get, hear_close, site, spell, wsferry};

const RECORDING: &str = "var VNC_frame_data = [\n'{12{RFB 003.008\\n',\n'}15}hi',\n'EOF'];\n";

fn recording(text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.1");
    fs::write(&path, text).unwrap();
    let path = spell(&path).to_owned();
    (folder, path)
}

#[tokio::test]
async fn a_recording_is_played_to_each_client_beside_a_page() {
    let (_folder, path) = recording(RECORDING);
    let page = site("a player");
    let program = wsferry(&["replay", &path, "127.0.0.1:0", "--web", spell(page.path())]);
    let port = program.port().await;
    program.line(&["recording", "1 frame in 0.015 s"]).await;
    assert!(get(port, "/").await.ends_with("a player"));
    for _ in 0..2 {
        let mut client = connect(port).await;
        let message = soon(client.next()).await.unwrap().unwrap();
        assert_eq!(message, Message::binary(&b"RFB 003.008\n"[..]));
        assert_eq!(hear_close(client).await, (1000, "Target closed".to_owned()));
    }
    program.line(&["session ended", "target_closed", "to_client=12"]).await;
    program.signal(Signal::Terminate).await;
    assert!(program.exit().await.status.success());
}

#[tokio::test]
async fn a_recording_is_shown_as_text() {
    let (_folder, path) = recording(RECORDING);
    let exit = wsferry(&["replay", "--dump", &path]).exit().await;
    let expected = "0.012 s to client 12 bytes\n\
        00000000: 5246 4220 3030 332e 3030 380a            RFB 003.008.\n\
        0.015 s to target 2 bytes\n\
        00000000: 6869                                     hi\n";
    assert_eq!((&*exit.stdout, &*exit.stderr), (expected, ""));
    assert!(exit.status.success());
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_error() {
    let frames = "'{1{0123456789abcdef',\n".repeat(100_000);
    let (_folder, path) = recording(&format!("var VNC_frame_data = [\n{frames}'EOF'];\n"));
    let mut dump = Command::new(env!("CARGO_BIN_EXE_wsferry"));
    dump.args(["replay", "--dump", &path]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = dump.spawn().unwrap();
    drop(running.stdout.take());
    let output = running.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
}

#[tokio::test]
async fn what_is_no_recording_is_told_with_its_line_before_anything_listens() {
    let (_folder, path) = recording("var VNC_frame_data = [\nx\n");
    for arguments in [&["replay", &*path, "127.0.0.1:0"][..], &["replay", "--dump", &path]] {
        let exit = wsferry(arguments).exit().await;
        assert_eq!(exit.status.code(), Some(1));
        assert!(exit.stderr.contains("line 2 is not a frame"), "{}", exit.stderr);
        assert!(exit.stderr.contains("session.1"), "{}", exit.stderr);
    }
    let exit = wsferry(&["replay", "no-such-file.1"]).exit().await;
    assert_eq!(exit.status.code(), Some(1));
    assert!(exit.stderr.contains("no-such-file.1"), "{}", exit.stderr);
}

#[tokio::test]
async fn a_speed_that_is_none_is_a_wrong_usage() {
    for speed in ["fast", "-1", "nan"] {
        let exit = wsferry(&["replay", "rec.1", &format!("--speed={speed}")]).exit().await;
        assert_eq!(exit.status.code(), Some(2));
        assert!(exit.stderr.contains("is not a speed"), "{}", exit.stderr);
    }
}
