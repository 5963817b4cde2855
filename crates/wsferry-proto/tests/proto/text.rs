//! Text is UTF-8 (RFC 6455 §8.1): judged across fragments and slices, with the byte that spoils it.

use wsferry_proto::{Kind, Role, Utf8, Violation};

use crate::cuts::{is_refused, is_seen};
use crate::fuzz::seen::Seen;
use crate::fuzz::wire::{CONTINUATION, FIN, PING, TEXT, frame_from};

/// Texts with the index of the byte that spoils them whatever follows, or their length if they only
/// end inside a character.
const BAD: [(&[u8], usize); 22] = [
    (b"\x80", 0),
    (b"\xbf", 0),
    (b"ok\xff", 2),
    (b"ok\xfe", 2),
    (b"\xc0\xaf", 0), // overlong forms
    (b"\xc1\xbf", 0),
    (b"\xe0\x9f\xbf", 1),
    (b"\xf0\x8f\xbf\xbf", 1),
    (b"\xf8\x88\x80\x80\x80", 0), // five and six bytes
    (b"\xfc\x84\x80\x80\x80\x80", 0),
    (b"\xed\xa0\x80", 1), // surrogates
    (b"\xed\xbf\xbf", 1),
    (b"\xf4\x90\x80\x80", 1), // over U+10FFFF
    (b"\xf5\x80\x80\x80", 0),
    (b"\xc3(", 1), // characters that are broken off
    (b"\xe2\x82(", 2),
    (b"\xf0\x9f\x98(", 3),
    (b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", 12),
    (b"ok\xc3", 3), // characters that never end
    (b"\xe2", 1),
    (b"ok\xe2\x82", 4),
    (b"\xf0\x9f\x98", 3),
];

const GOOD: [&str; 6] =
    ["κόσμε", "a\0\u{7f}", "\u{7ff}\u{800}", "\u{d7ff}\u{e000}", "\u{ffff}𐀀\u{10ffff}", "🙂é"];

#[test]
fn a_bad_byte_of_a_text_frame_is_known_when_it_arrives() {
    for (text, bad) in BAD {
        for writer in [Role::Client, Role::Server] {
            let frame = frame_from(writer, FIN | TEXT, text);
            let header = frame.len() - text.len();
            let known = (header + bad + 1).min(frame.len());
            is_refused(writer, &frame, known, Violation::TextNotUtf8);
        }
    }
}

#[test]
fn a_bad_byte_is_known_across_fragments_with_pings_between_them() {
    let ping = frame_from(Role::Client, FIN | PING, b"\xff\xff");
    for (text, bad) in BAD {
        for cut in 0..=text.len() {
            let (one, other) = text.split_at(cut);
            let begin = frame_from(Role::Client, TEXT, one);
            let end = frame_from(Role::Client, FIN | CONTINUATION, other);
            let stream = [&begin[..], &ping, &end].concat();
            // Each frame's header has six bytes.
            let known = match bad {
                bad if bad < cut => 6 + bad + 1,
                bad => begin.len() + ping.len() + (6 + bad - cut + 1).min(end.len()),
            };
            is_refused(Role::Client, &stream, known, Violation::TextNotUtf8);
        }
    }
}

#[test]
fn a_text_that_ends_inside_a_character_is_refused_at_its_end_and_not_with_the_next_frame() {
    // The last fragment is empty: there is not even a byte that could be held back.
    let begin = frame_from(Role::Client, TEXT, b"ok\xe2\x82");
    let end = frame_from(Role::Client, FIN | CONTINUATION, b"");
    let stream = [&begin[..], &end].concat();
    is_refused(Role::Client, &stream, stream.len(), Violation::TextNotUtf8);
}

#[test]
fn good_texts_pass_wherever_a_fragment_cuts_a_character() {
    for text in GOOD {
        for cut in 0..=text.len() {
            let (one, other) = text.as_bytes().split_at(cut);
            let begin = frame_from(Role::Client, TEXT, one);
            let end = frame_from(Role::Client, FIN | CONTINUATION, other);
            let bytes = text.as_bytes().to_vec();
            let seen = Seen::Payload { kind: Kind::Text, bytes, ends_message: true };
            is_seen(Role::Client, &[begin, end].concat(), &[seen]);
        }
    }
}

#[test]
fn each_text_message_is_judged_from_its_own_start() {
    let whole = frame_from(Role::Client, FIN | TEXT, "é".as_bytes());
    let rest = frame_from(Role::Client, FIN | TEXT, b"\xa9");
    let stream = [&whole[..], &rest].concat();
    is_refused(Role::Client, &stream, whole.len() + 7, Violation::TextNotUtf8);
}

#[test]
fn binary_messages_hold_any_bytes() {
    let bytes: Vec<u8> = (0..=255).rev().collect();
    let frame = frame_from(Role::Client, FIN | 0x2, &bytes);
    let seen = Seen::Payload { kind: Kind::Binary, bytes, ends_message: true };
    is_seen(Role::Client, &frame, &[seen]);
}

#[test]
fn the_first_bad_byte_is_the_one_the_standard_library_stops_at() {
    // Every edge of the table of well-formed sequences (Unicode 3.9, table 3-7) and its neighbours.
    const EDGES: [u8; 24] = [
        0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec,
        0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
    ];
    // No two sequences of equal bytes need to be tried twice: a bad prefix ends its branch.
    let mut sequences: Vec<Vec<u8>> = vec![vec![]];
    for _ in 0..4 {
        let mut longer = Vec::new();
        for sequence in &sequences {
            for byte in EDGES {
                let next = [&sequence[..], &[byte]].concat();
                let spoilt = match std::str::from_utf8(&next) {
                    Ok(_) => None,
                    Err(error) => error.error_len().map(|_| sequence.len()),
                };
                let mut by_byte = Utf8::default();
                let bad = next.iter().position(|&byte| by_byte.check(&[byte]).is_err());
                assert_eq!(bad, spoilt, "{next:x?}");
                assert_eq!(Utf8::default().check(&next).err(), spoilt, "{next:x?}");
                if spoilt.is_none() {
                    assert_eq!(by_byte.is_complete(), std::str::from_utf8(&next).is_ok());
                    longer.push(next);
                }
            }
        }
        sequences = longer;
    }
}
