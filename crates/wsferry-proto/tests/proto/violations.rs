//! Every way to break a rule of RFC 6455 §5, and with which byte it is known: reserved bits, bad
//! opcodes and what may not stand here with the first byte, a wrong mask and a long control frame
//! with the second, a wrong length with the last of the header. All before any payload.

use wsferry_proto::{Kind, Role, Violation};

use crate::cuts::is_refused;
use crate::fuzz::seen::{Reader, Seen};
use crate::fuzz::wire::{
    BINARY, CLOSE, CONTINUATION, FIN, Form, KEY, PING, PONG, TEXT, frame, frame_from, header,
    key_of,
};

const WRITERS: [Role; 2] = [Role::Client, Role::Server];

/// Streams before the bad frame, and whether a message is open after them.
fn before(writer: Role) -> [(Vec<u8>, bool); 5] {
    let of = |first, payload: &[u8]| frame_from(writer, first, payload);
    [
        (vec![], false),
        (of(FIN | TEXT, b"whole"), false),
        ([of(BINARY, b"a"), of(FIN | CONTINUATION, b"b"), of(FIN | PING, b"c")].concat(), false),
        (of(TEXT, b"begun"), true),
        ([of(BINARY, b""), of(FIN | PONG, b"c"), of(CONTINUATION, b"d")].concat(), true),
    ]
}

/// Checks that a bad frame is refused with its byte number `known`, wherever it stands.
fn is_refused_everywhere(writer: Role, bad: &[u8], known: usize, violation: Violation) {
    for (before, _) in before(writer) {
        let stream = [&before[..], bad].concat();
        is_refused(writer, &stream, before.len() + known, violation);
    }
}

#[test]
fn reserved_bits_are_refused_with_the_first_byte_whatever_else_it_says() {
    for writer in WRITERS {
        for bits in 1..8 {
            for low in 0..16 {
                for fin in [0, FIN] {
                    let bad = frame_from(writer, fin | bits << 4 | low, b"x");
                    is_refused_everywhere(writer, &bad, 1, Violation::ReservedBits);
                }
            }
        }
    }
}

#[test]
fn reserved_opcodes_are_refused_with_the_first_byte() {
    for writer in WRITERS {
        for opcode in [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf] {
            for fin in [0, FIN] {
                let bad = frame_from(writer, fin | opcode, b"x");
                is_refused_everywhere(writer, &bad, 1, Violation::ReservedOpcode);
            }
        }
    }
}

#[test]
fn a_client_frame_without_a_mask_is_refused_with_its_second_byte() {
    for (before, open) in before(Role::Client) {
        let opcode = if open { CONTINUATION } else { BINARY };
        for first in [opcode, FIN | opcode, FIN | CLOSE, FIN | PING, FIN | PONG] {
            for payload in [&b""[..], b"\x03\xe8"] {
                let stream = [&before[..], &frame(first, None, payload)].concat();
                is_refused(Role::Client, &stream, before.len() + 2, Violation::Unmasked);
            }
        }
    }
}

#[test]
fn a_server_frame_with_a_mask_is_refused_with_its_second_byte() {
    for (before, open) in before(Role::Server) {
        let opcode = if open { CONTINUATION } else { TEXT };
        for first in [opcode, FIN | opcode, FIN | CLOSE, FIN | PING, FIN | PONG] {
            for key in [KEY, [0; 4]] {
                let stream = [&before[..], &frame(first, Some(key), b"\x03\xe8")].concat();
                is_refused(Role::Server, &stream, before.len() + 2, Violation::Masked);
            }
        }
    }
}

#[test]
fn a_length_that_a_shorter_form_could_hold_is_refused_with_the_last_byte_of_its_header() {
    let medium = (0..=125).map(|length| (Form::Medium, length));
    let long = [0, 1, 124, 125, 126, 127, 128, 255, 256, 0x7fff, 0x8000, 0xfffe, 0xffff];
    let long = long.into_iter().map(|length| (Form::Long, length));
    for (form, length) in medium.chain(long) {
        for writer in WRITERS {
            let head = header(FIN | BINARY, form, length, key_of(writer));
            let bad = [&head[..], b"payload"].concat();
            is_refused(writer, &bad, head.len(), Violation::LongLength);
        }
    }
}

#[test]
fn a_length_over_63_bits_is_refused_with_the_last_byte_of_its_header() {
    for length in [1 << 63, (1 << 63) + 1, (1 << 63) + 0x1_0000, u64::MAX - 1, u64::MAX] {
        for writer in WRITERS {
            let head = header(FIN | TEXT, Form::Long, length, key_of(writer));
            let bad = [&head[..], b"payload"].concat();
            is_refused(writer, &bad, head.len(), Violation::LengthTopBit);
        }
    }
}

#[test]
fn a_control_frame_over_125_bytes_is_refused_with_its_second_byte() {
    for writer in WRITERS {
        for opcode in [CLOSE, PING, PONG] {
            // 126 and 127 announce an extended length, which no control frame has, whatever it is.
            for (form, length) in [(Form::Medium, 126), (Form::Medium, 5), (Form::Long, 1 << 40)] {
                let bad = header(FIN | opcode, form, length, key_of(writer));
                is_refused_everywhere(writer, &bad, 2, Violation::LongControl);
            }
        }
    }
}

#[test]
fn a_fragmented_control_frame_is_refused_with_its_first_byte() {
    for writer in WRITERS {
        for opcode in [CLOSE, PING, PONG] {
            for payload in [&b""[..], b"\x03\xe8"] {
                let bad = frame_from(writer, opcode, payload);
                is_refused_everywhere(writer, &bad, 1, Violation::FragmentedControl);
            }
        }
    }
}

#[test]
fn a_continuation_where_no_message_is_open_is_refused_with_its_first_byte() {
    for writer in WRITERS {
        for (before, _) in before(writer).into_iter().filter(|(_, open)| !open) {
            for first in [CONTINUATION, FIN | CONTINUATION] {
                for payload in [&b""[..], b"x"] {
                    let stream = [&before[..], &frame_from(writer, first, payload)].concat();
                    let known = before.len() + 1;
                    is_refused(writer, &stream, known, Violation::StrayContinuation);
                }
            }
        }
    }
}

#[test]
fn a_new_message_inside_a_fragmented_one_is_refused_with_its_first_byte() {
    for writer in WRITERS {
        for (before, _) in before(writer).into_iter().filter(|(_, open)| *open) {
            for first in [TEXT, BINARY, FIN | TEXT, FIN | BINARY] {
                for payload in [&b""[..], b"x"] {
                    let stream = [&before[..], &frame_from(writer, first, payload)].concat();
                    let known = before.len() + 1;
                    is_refused(writer, &stream, known, Violation::InterleavedMessage);
                }
            }
        }
    }
}

#[test]
fn text_is_refused_with_its_first_byte_where_only_binary_is_accepted() {
    for first in [TEXT, FIN | TEXT] {
        let mut reader = Reader::of(Role::Client, false);
        reader.feed(&frame_from(Role::Client, FIN | BINARY, b"good"));
        reader.feed(&[first]);
        let good = Seen::Payload { kind: Kind::Binary, bytes: b"good".into(), ends_message: true };
        assert_eq!(reader.seen(), [good, Seen::Broken(Violation::TextRefused)]);
    }
    assert_eq!(Violation::TextRefused.close_code().get(), 1003);
}

#[test]
fn what_was_good_before_the_fault_is_still_given() {
    let mut reader = Reader::of(Role::Client, true);
    let stream = [
        frame_from(Role::Client, FIN | TEXT, b"good"),
        frame_from(Role::Client, FIN | PING, b"too"),
        frame_from(Role::Client, BINARY, b"begun"),
        frame_from(Role::Client, FIN | BINARY, b"bad"),
    ];
    reader.feed(&stream.concat());
    let good = [
        Seen::Payload { kind: Kind::Text, bytes: b"good".into(), ends_message: true },
        Seen::Ping(b"too".into()),
        Seen::Payload { kind: Kind::Binary, bytes: b"begun".into(), ends_message: false },
        Seen::Broken(Violation::InterleavedMessage),
    ];
    assert_eq!(reader.seen(), good);
}

#[test]
fn every_violation_has_the_close_code_of_its_section_and_a_reason_that_fits() {
    use Violation::*;
    let all = [
        (ReservedBits, 1002),
        (ReservedOpcode, 1002),
        (Unmasked, 1002),
        (Masked, 1002),
        (LongLength, 1002),
        (LengthTopBit, 1002),
        (LongControl, 1002),
        (FragmentedControl, 1002),
        (StrayContinuation, 1002),
        (InterleavedMessage, 1002),
        (HalfCloseCode, 1002),
        (BadCloseCode, 1002),
        (TextNotUtf8, 1007),
        (ReasonNotUtf8, 1007),
        (TextRefused, 1003),
    ];
    for (violation, code) in all {
        assert_eq!(violation.close_code().get(), code, "{violation}");
        assert!((1..=123).contains(&violation.to_string().len()), "{violation}");
    }
}
