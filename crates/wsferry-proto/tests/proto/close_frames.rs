//! Close frames (RFC 6455 §5.5.1, §7.4).

use wsferry_proto::{CloseCode, CloseReason, Role, Violation};

use crate::cuts::{is_refused, is_seen};
use crate::fuzz::seen::{Seen, read};
use crate::fuzz::wire::{CLOSE, FIN, close_payload, frame_from};

fn close(writer: Role, payload: &[u8]) -> Vec<u8> {
    frame_from(writer, FIN | CLOSE, payload)
}

/// RFC 6455 §7.4.1, §7.4.2 and the registry that §11.7 began.
fn may_travel(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[test]
fn of_all_65536_close_codes_only_those_that_may_travel_pass() {
    for code in 0..=u16::MAX {
        let frame = close(Role::Client, &close_payload(code, b""));
        let expected = [if may_travel(code) {
            Seen::Close(CloseReason::new(CloseCode::new(code).unwrap(), ""))
        } else {
            Seen::Broken(Violation::BadCloseCode)
        }];
        assert_eq!(read(Role::Client, [&frame[..]]), expected, "{code}");
        assert_eq!(read(Role::Client, frame.chunks(1)), expected, "{code}");
    }
}

#[test]
fn the_codes_at_every_edge_are_judged_alike_however_they_are_cut() {
    let edges = [
        0, 1, 999, 1000, 1003, 1004, 1005, 1006, 1007, 1010, 1014, 1015, 1016, 1100, 2000, 2999,
        3000, 3999, 4000, 4999, 5000, 65535,
    ];
    for code in edges {
        for writer in [Role::Client, Role::Server] {
            let frame = close(writer, &close_payload(code, "tschüß".as_bytes()));
            if may_travel(code) {
                let reason = CloseReason::new(CloseCode::new(code).unwrap(), "tschüß");
                is_seen(writer, &frame, &[Seen::Close(reason)]);
            } else {
                is_refused(writer, &frame, frame.len(), Violation::BadCloseCode);
            }
        }
    }
}

#[test]
fn a_close_without_payload_has_no_code_and_no_reason() {
    is_seen(Role::Client, &close(Role::Client, b""), &[Seen::Close(CloseReason::default())]);
    is_seen(Role::Server, &close(Role::Server, b""), &[Seen::Close(CloseReason::default())]);
}

#[test]
fn a_close_with_one_byte_of_payload_is_refused() {
    for byte in 0..=u8::MAX {
        let frame = close(Role::Client, &[byte]);
        is_refused(Role::Client, &frame, frame.len(), Violation::HalfCloseCode);
    }
}

#[test]
fn a_reason_may_have_123_bytes_and_must_be_utf_8() {
    let longest = "é".repeat(61) + "!";
    let frame = close(Role::Client, &close_payload(1000, longest.as_bytes()));
    let reason = CloseReason::new(CloseCode::NORMAL, &longest);
    assert_eq!(reason.text.len(), 123);
    is_seen(Role::Client, &frame, &[Seen::Close(reason)]);
    let bad: [&[u8]; 6] =
        [b"\xff", b"ok\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\x80 and on"];
    for reason in bad {
        let frame = close(Role::Client, &close_payload(1000, reason));
        is_refused(Role::Client, &frame, frame.len(), Violation::ReasonNotUtf8);
    }
}

#[test]
fn a_reason_that_is_too_long_to_send_is_cut_between_characters() {
    for prefix in 0..4 {
        let text = "x".repeat(prefix) + &"𝄞".repeat(40);
        let reason = CloseReason::new(CloseCode::NORMAL, &text);
        assert!(text.starts_with(&*reason.text));
        assert!((120..=123).contains(&reason.text.len()));
    }
}

#[test]
fn a_close_code_is_shown_as_its_number() {
    let reason = CloseReason::new(CloseCode::GOING_AWAY, "bye");
    assert_eq!(CloseCode::GOING_AWAY.to_string(), "1001");
    assert_eq!(format!("{reason:?}"), r#"CloseReason { code: Some(1001), text: "bye" }"#);
}
