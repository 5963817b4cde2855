//! `--record` and `--traffic`.

use std::fs;
use std::path::Path;

use tempfile::tempdir;
use wsferry_testkit::targets;

use crate::client::{chat, hear, leave, say};
use crate::subject::Subject;

same! {
    a_recording_holds_both_directions_and_plays_in_javascript
    each_session_has_a_file_of_its_own
    traffic_is_a_character_per_frame
}

async fn a_recording_holds_both_directions_and_plays_in_javascript(program: Subject) {
    let folder = tempdir().unwrap();
    let file = folder.path().join("session");
    let target = targets::echo().await;
    let options = ["--run-once", "--record", file.to_str().unwrap()];
    let gateway = program.gate_to(target.address(), &options).await;
    let mut client = gateway.connect().await;
    let every_byte: Vec<u8> = (0..=255).collect();
    let messages: [&[u8]; 3] = [b"hello", b"it's a \\ and a \"\n\r\t\0", &every_byte];
    for message in messages {
        say(&mut client, message).await;
        hear(&mut client, message).await;
    }
    leave(client).await;
    assert!(gateway.program.exit().await.status.success());

    let frames = played(&folder.path().join("session.1"));
    for direction in ['}', '{'] {
        let of_it = frames.iter().filter(|(other, ..)| *other == direction);
        let (mut bytes, mut last) = (Vec::new(), 0);
        for (_, time, data) in of_it {
            assert!(*time >= last, "time does not run backwards: {frames:?}");
            last = *time;
            bytes.extend_from_slice(data);
        }
        assert!(bytes == messages.concat(), "{direction}: {frames:?}");
    }
}

async fn each_session_has_a_file_of_its_own(program: Subject) {
    let folder = tempdir().unwrap();
    let file = folder.path().join("session");
    let target = targets::echo().await;
    let options = ["--record", file.to_str().unwrap()];
    let gateway = program.gate_to(target.address(), &options).await;
    for number in 1..=2 {
        let mut client = gateway.connect().await;
        chat(&mut client).await;
        leave(client).await;
        let file = folder.path().join(format!("session.{number}"));
        let is_whole = || fs::read_to_string(&file).is_ok_and(|text| text.ends_with("'EOF'];\n"));
        wsferry_testkit::patience::until(is_whole).await;
        assert_eq!(played(&file).len(), 2);
    }
}

async fn traffic_is_a_character_per_frame(program: Subject) {
    let target = targets::echo().await;
    let gateway = program.gate_to(target.address(), &["--run-once", "--traffic"]).await;
    let mut client = gateway.connect().await;
    for _ in 0..3 {
        chat(&mut client).await;
    }
    leave(client).await;
    let stdout = gateway.program.exit().await.stdout;
    // Behind the legend, which explains the characters.
    let line = stdout.lines().last().unwrap_or_default();
    assert!(line.chars().all(|character| "{}<>.".contains(character)), "{stdout:?}");
    for character in ['}', '>', '{', '<'] {
        let seen = line.matches(character).count() - line.matches(&format!("{character}.")).count();
        assert_eq!(seen, 3, "{character} in {line:?}");
    }
}

/// The frames of a recording: direction, milliseconds, bytes. Its lines are read as a browser reads
/// them, as JavaScript.
fn played(file: &Path) -> Vec<(char, u64, Vec<u8>)> {
    let text = fs::read_to_string(file).expect("there is a recording");
    let lines: Vec<_> = text.lines().collect();
    let [first, frames @ .., last] = &lines[..] else { panic!("too short: {text:?}") };
    assert_eq!((*first, *last), ("var VNC_frame_data = [", "'EOF'];"), "{text}");
    assert!(text.ends_with('\n'), "{text}");
    frames.iter().map(|line| frame(line)).collect()
}

fn frame(line: &str) -> (char, u64, Vec<u8>) {
    let literal = line.strip_prefix('\'').and_then(|line| line.strip_suffix("',"));
    let frame = unescaped(literal.unwrap_or_else(|| panic!("not a line: {line:?}")));
    let direction = frame.chars().next().expect("a direction");
    assert!("{}".contains(direction), "{line:?}");
    let (time, data) = frame[1..].split_once(direction).expect("a time");
    let bytes = data.chars().map(|char| u8::try_from(char).expect("Latin-1")).collect();
    (direction, time.parse().expect("milliseconds"), bytes)
}

/// What stands in a string literal of JavaScript.
fn unescaped(literal: &str) -> String {
    let mut text = String::new();
    let mut rest = literal.chars();
    while let Some(char) = rest.next() {
        assert_ne!(char, '\'', "the literal ends early: {literal:?}");
        if char != '\\' {
            text.push(char);
            continue;
        }
        match rest.next().expect("something is escaped") {
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'x' => text.push(from_hex(&rest.by_ref().take(2).collect::<String>())),
            'u' => text.push(from_hex(&rest.by_ref().take(4).collect::<String>())),
            other => text.push(other),
        }
    }
    text
}

fn from_hex(digits: &str) -> char {
    u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).expect("hexadecimal digits")
}
