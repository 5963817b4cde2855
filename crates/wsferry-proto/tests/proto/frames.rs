//! Right frames (RFC 6455 §5).

use wsferry_proto::{CloseCode, CloseReason, Decoder, Item, Kind, Role};

use crate::cuts::is_seen;
use crate::fuzz::seen::{Reader, Seen};
use crate::fuzz::wire::{
    BINARY, CLOSE, CONTINUATION, FIN, Form, KEY, PING, PONG, TEXT, frame, frame_from, header,
};

fn message(kind: Kind, bytes: &[u8]) -> Seen {
    Seen::Payload { kind, bytes: bytes.to_vec(), ends_message: true }
}

#[test]
fn the_examples_of_rfc_6455_section_5_7_are_read() {
    let hello = [message(Kind::Text, b"Hello")];
    is_seen(Role::Server, b"\x81\x05Hello", &hello);
    is_seen(Role::Client, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", &hello);
    is_seen(Role::Server, b"\x01\x03Hel\x80\x02lo", &hello);
    is_seen(Role::Server, b"\x89\x05Hello", &[Seen::Ping(b"Hello".to_vec())]);
    let pong = b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    is_seen(Role::Client, pong, &[Seen::Pong(b"Hello".to_vec())]);
    let payload: Vec<u8> = (0..0x1_0000).map(|index| index as u8).collect();
    let short = [b"\x82\x7e\x01\x00", &payload[..256]].concat();
    is_seen(Role::Server, &short, &[message(Kind::Binary, &payload[..256])]);
    let long = [b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", &payload[..]].concat();
    is_seen(Role::Server, &long, &[message(Kind::Binary, &payload)]);
}

#[test]
fn every_length_around_a_change_of_form_is_read_to_its_last_byte() {
    for length in [0, 1, 2, 3, 4, 5, 15, 16, 17, 124, 125, 126, 127, 128, 0xfffe, 0xffff, 0x1_0000]
    {
        let payload: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
        for writer in [Role::Client, Role::Server] {
            let frame = frame_from(writer, FIN | BINARY, &payload);
            let next = frame_from(writer, FIN | BINARY, b"next");
            let both = [message(Kind::Binary, &payload), message(Kind::Binary, b"next")];
            is_seen(writer, &[frame, next].concat(), &both);
        }
    }
}

#[test]
fn a_ping_is_the_same_item_however_it_is_cut_and_is_shown_with_its_payload() {
    /// The last item of a stream that arrives in pieces of this size.
    fn item(stream: &[u8], size: usize) -> Item {
        let mut decoder = Decoder::new(false, true);
        let mut pieces = stream.chunks(size).map(<[u8]>::to_vec);
        pieces.find_map(|mut piece| decoder.decode(&mut piece).unwrap().1).unwrap()
    }
    let ping = item(b"\x89\x04He\xff\0", 6);
    assert_eq!(item(b"\x89\x04He\xff\0", 1), ping);
    assert_ne!(item(b"\x89\x04He\xff\x01", 1), ping);
    assert_ne!(item(b"\x89\x03He\xff", 1), ping);
    assert_eq!(format!("{ping:?}"), r#"Ping(Control("He\\xff\\x00"))"#);
}

#[test]
fn every_length_of_a_control_frame_is_read() {
    for length in 0..=125 {
        let payload = vec![length; length.into()];
        let ping = frame_from(Role::Client, FIN | PING, &payload);
        let pong = frame_from(Role::Client, FIN | PONG, &payload);
        let seen = [Seen::Ping(payload.clone()), Seen::Pong(payload)];
        is_seen(Role::Client, &[ping, pong].concat(), &seen);
    }
}

#[test]
fn a_frame_of_the_greatest_length_is_begun() {
    for length in [1 << 40, (1 << 63) - 1] {
        let mut reader = Reader::of(Role::Client, true);
        reader.feed(&header(FIN | BINARY, Form::Long, length, Some([0; 4])));
        reader.feed(b"some of it");
        let bytes = b"some of it".to_vec();
        let begun = Seen::Payload { kind: Kind::Binary, bytes, ends_message: false };
        assert_eq!(reader.seen(), [begun]);
        assert!(!reader.is_between_messages());
    }
}

#[test]
fn every_masking_key_is_undone() {
    for key in [[0; 4], [0xff; 4], [1, 0, 0, 0], [0, 0, 0, 1], *b"\x12\x34\x56\x78", KEY] {
        for payload in [&b"a"[..], b"abc", b"abcd", b"abcde", &[0x5a; 67]] {
            let frame = frame(FIN | BINARY, Some(key), payload);
            is_seen(Role::Client, &frame, &[message(Kind::Binary, payload)]);
        }
    }
}

#[test]
fn each_fragment_has_its_own_key_and_the_message_its_first_type() {
    for (opcode, kind) in [(TEXT, Kind::Text), (BINARY, Kind::Binary)] {
        let stream = [
            frame(opcode, Some([1, 2, 3, 4]), b"on"),
            frame(CONTINUATION, Some([9, 8, 7, 6]), b"e an"),
            frame(CONTINUATION | FIN, Some([0; 4]), b"d all"),
        ];
        is_seen(Role::Client, &stream.concat(), &[message(kind, b"one and all")]);
    }
}

#[test]
fn empty_frames_and_empty_fragments_are_legal() {
    let of = |first| frame_from(Role::Client, first, b"");
    is_seen(Role::Client, &of(TEXT | FIN), &[message(Kind::Text, b"")]);
    is_seen(Role::Client, &of(BINARY | FIN), &[message(Kind::Binary, b"")]);
    let fragments = [of(TEXT), of(CONTINUATION), of(CONTINUATION), of(CONTINUATION | FIN)];
    is_seen(Role::Client, &fragments.concat(), &[message(Kind::Text, b"")]);
    let around = [of(BINARY), frame_from(Role::Client, CONTINUATION, b"x"), of(CONTINUATION | FIN)];
    is_seen(Role::Client, &around.concat(), &[message(Kind::Binary, b"x")]);
}

#[test]
fn control_frames_between_fragments_are_seen_where_they_stand() {
    let stream = [
        frame_from(Role::Client, TEXT, b"He"),
        frame_from(Role::Client, FIN | PING, b"1"),
        frame_from(Role::Client, FIN | PONG, b""),
        frame_from(Role::Client, CONTINUATION, b""),
        frame_from(Role::Client, FIN | PING, b"2"),
        frame_from(Role::Client, FIN | CONTINUATION, b"llo"),
    ];
    let part =
        |bytes: &[u8]| Seen::Payload { kind: Kind::Text, bytes: bytes.into(), ends_message: false };
    let seen = [
        part(b"He"),
        Seen::Ping(b"1".into()),
        Seen::Pong(vec![]),
        Seen::Ping(b"2".into()),
        message(Kind::Text, b"llo"),
    ];
    is_seen(Role::Client, &stream.concat(), &seen);
}

#[test]
fn a_close_may_stand_between_fragments() {
    let stream = [
        frame_from(Role::Client, BINARY, b"a"),
        frame_from(Role::Client, FIN | CLOSE, b"\x03\xe8"),
    ];
    let begun = Seen::Payload { kind: Kind::Binary, bytes: b"a".into(), ends_message: false };
    let close = Seen::Close(CloseReason { code: Some(CloseCode::NORMAL), text: "".into() });
    is_seen(Role::Client, &stream.concat(), &[begun, close]);
}

#[test]
fn a_stream_is_between_messages_only_where_no_frame_or_message_is_cut() {
    let stream = [
        frame_from(Role::Client, BINARY, b"ab"),
        frame_from(Role::Client, FIN | PING, b"c"),
        frame_from(Role::Client, FIN | CONTINUATION, b""),
        frame_from(Role::Client, FIN | PING, b"d"),
        frame_from(Role::Client, FIN | TEXT, b"e"),
    ];
    let ends: Vec<usize> = stream
        .iter()
        .scan(0, |end, frame| {
            *end += frame.len();
            Some(*end)
        })
        .collect();
    let stream = stream.concat();
    for cut in 0..=stream.len() {
        let mut reader = Reader::of(Role::Client, true);
        reader.feed(&stream[..cut]);
        let between = cut == 0 || ends[2..].contains(&cut);
        assert_eq!(reader.is_between_messages(), between, "cut at {cut}");
    }
}
