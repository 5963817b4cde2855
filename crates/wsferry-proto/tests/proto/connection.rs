//! The machine: messages, Pings, what is owed.

use std::time::Instant;

use proptest::collection::vec;
use proptest::prelude::*;
use wsferry_proto::{
    CloseCode, CloseReason, Connection, Event, Kind, MAX_CONTROL_FRAME, Role, Settings,
};

use crate::fed::{Fed, from_client, from_server, server};
use crate::fuzz;
use crate::fuzz::choices::Choices;
use crate::fuzz::pair::Pair;
use crate::fuzz::seen::{Seen, payload_of, read, record};
use crate::fuzz::stream::Stream;
use crate::fuzz::wire::{BINARY, CLOSE, CONTINUATION, FIN, KEY, PING, PONG, TEXT, frame};

const BOTH: [(Role, Role); 2] = [(Role::Client, Role::Server), (Role::Server, Role::Client)];

#[test]
fn a_ping_inside_a_fragmented_message_is_answered_before_it_ends() {
    let mut fed = Fed::new();
    fed.feed(&from_client(TEXT, b"He"));
    assert_eq!(fed.control(), None);
    fed.feed(&from_client(FIN | PING, b"there?"));
    assert!(fed.machine.owes_control());
    assert_eq!(fed.control(), Some(from_server(FIN | PONG, b"there?")));
    assert!(!fed.machine.owes_control());
    let (_, seen) = fed.feed(&from_client(FIN | CONTINUATION, b"llo"));
    let rest = Seen::Payload { kind: Kind::Text, bytes: b"llo".into(), ends_message: true };
    assert_eq!(seen, [rest]);
    assert_eq!(fed.control(), None);
}

#[test]
fn a_ping_is_told_with_its_last_byte_when_its_pong_is_owed() {
    let now = Instant::now();
    let mut machine = server(now);
    let ping = from_client(FIN | PING, b"?");
    let mut buffer = [&ping[..], &from_client(FIN | PONG, b"!"), &ping].concat();
    let end = buffer.len();
    assert_eq!(machine.handle_bytes(now, &mut buffer), (ping.len(), Some(Event::Ping)));
    assert!(machine.owes_control());
    let rest = &mut buffer[ping.len()..];
    assert_eq!(machine.handle_bytes(now, rest), (end - ping.len(), Some(Event::Ping)));
    // One that is not answered is not told.
    machine.close(&CloseReason::default());
    assert_eq!(machine.handle_bytes(now, &mut ping.clone()), (ping.len(), None));
}

#[test]
fn every_ping_is_answered_in_order_with_its_own_payload() {
    for (from, to) in BOTH {
        let mut pair = Pair::new(None);
        let payloads = [&b""[..], b"1", &[0xff; 125], b"", b"\0", b"1"];
        for payload in payloads {
            pair.ping(from, payload);
        }
        pair.settle();
        let pongs: Vec<_> = payloads.map(|payload| Seen::Pong(payload.into())).into();
        assert_eq!(pair.end(to).written(), pongs);
        assert!(pair.end(from).events().is_empty(), "a Pong is no event");
    }
}

#[test]
fn a_ping_without_payload_is_answered_when_its_header_is_whole() {
    let mut fed = Fed::new();
    for byte in from_client(FIN | PING, b"") {
        assert_eq!(fed.control(), None);
        assert_eq!(fed.feed(&[byte]), (1, vec![]));
    }
    assert_eq!(fed.control(), Some(from_server(FIN | PONG, b"")));
}

#[test]
fn a_pong_that_nobody_asked_for_is_ignored() {
    let mut fed = Fed::new();
    let stream = [from_client(BINARY, b"a"), from_client(FIN | PONG, b"?")].concat();
    let (taken, seen) = fed.feed(&stream);
    assert_eq!(taken, stream.len());
    assert_eq!(payload_of(&seen), b"a");
    assert_eq!(fed.control(), None);
}

#[test]
fn a_client_masks_its_control_frames_with_the_key_it_is_given() {
    let now = Instant::now();
    let settings = Settings { role: Role::Client, accept_text: true, keep_alive: None };
    let mut machine = Connection::new(settings, now);
    machine.handle_bytes(now, &mut from_server(FIN | PING, b"Hello"));
    let mut room = [0; MAX_CONTROL_FRAME];
    let length = machine.poll_control(now, &mut room, Some([0x37, 0xfa, 0x21, 0x3d]));
    // The example of RFC 6455 §5.7.
    assert_eq!(&room[..length], b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    machine.close(&CloseReason::new(CloseCode::NORMAL, "bye"));
    let length = machine.poll_control(now, &mut room, Some([1, 2, 3, 4]));
    assert_eq!(room[..length], frame(FIN | CLOSE, Some([1, 2, 3, 4]), b"\x03\xe8bye"));
}

#[test]
fn the_longest_control_frame_fits_into_the_room_that_is_asked_for() {
    let now = Instant::now();
    let settings = Settings { role: Role::Client, accept_text: true, keep_alive: None };
    let mut machine = Connection::new(settings, now);
    machine.handle_bytes(now, &mut from_server(FIN | PING, &[7; 125]));
    machine.close(&CloseReason::new(CloseCode::NORMAL, &"x".repeat(200)));
    let mut room = [0; MAX_CONTROL_FRAME];
    for _ in 0..2 {
        assert_eq!(machine.poll_control(now, &mut room, Some(KEY)), MAX_CONTROL_FRAME);
    }
}

#[test]
fn messages_of_both_types_arrive_in_both_directions() {
    for (from, to) in BOTH {
        let mut pair = Pair::new(None);
        let sent = [
            (Kind::Text, true, &b"Hello"[..]),
            (Kind::Binary, true, b""),
            (Kind::Binary, false, b"a"),
            (Kind::Binary, false, b""),
            (Kind::Binary, true, b"b"),
            (Kind::Text, true, &[b'x'; 0x1_0000]),
        ];
        for (kind, fin, payload) in sent {
            assert!(pair.send(from, kind, fin, payload));
        }
        pair.settle();
        let message =
            |kind, bytes: &[u8]| Seen::Payload { kind, bytes: bytes.into(), ends_message: true };
        let expected = [
            message(Kind::Text, b"Hello"),
            message(Kind::Binary, b""),
            message(Kind::Binary, b"ab"),
            message(Kind::Text, &[b'x'; 0x1_0000]),
        ];
        assert!(pair.end(to).events() == expected);
        assert!(pair.end(to).machine.is_between_messages());
    }
}

#[test]
fn more_pings_than_may_be_owed_pause_the_decoding_and_nothing_is_lost() {
    let mut fed = Fed::new();
    let ping = |number: u32| from_client(FIN | PING, &[number as u8; 100]);
    let mut waiting: Vec<u8> = (0..100).flat_map(ping).collect();
    waiting.extend(from_client(FIN | BINARY, b"behind them"));
    let (mut pongs, mut seen, mut pauses) = (Vec::new(), Vec::new(), 0);
    while !waiting.is_empty() {
        let (taken, events) = fed.feed(&waiting);
        waiting.drain(..taken);
        seen.extend(events);
        if !waiting.is_empty() {
            pauses += 1;
            assert!(fed.machine.is_paused());
            assert_eq!(fed.feed(&waiting), (0, vec![]), "a paused machine takes nothing");
        }
        // The bound: a kilobyte, and what made it one.
        let owed: Vec<_> = std::iter::from_fn(|| fed.control()).collect();
        assert!(owed.len() <= 12, "{} Pongs are owed at once", owed.len());
        pongs.extend(owed);
        assert!(!fed.machine.is_paused());
    }
    assert!(pauses > 5);
    let expected: Vec<_> =
        (0..100).map(|number| from_server(FIN | PONG, &[number as u8; 100])).collect();
    assert_eq!(pongs, expected);
    let behind =
        Seen::Payload { kind: Kind::Binary, bytes: b"behind them".into(), ends_message: true };
    assert_eq!(seen, [behind]);
}

#[test]
fn a_paused_machine_goes_on_after_one_pong_was_sent() {
    let mut fed = Fed::new();
    let pings = from_client(FIN | PING, &[1; 125]).repeat(20);
    let (first, _) = fed.feed(&pings);
    assert!(fed.machine.is_paused() && first < pings.len());
    assert!(fed.control().is_some());
    let (more, _) = fed.feed(&pings[first..]);
    assert_eq!(more, 131, "room for one more Ping");
    assert!(fed.machine.is_paused());
}

#[test]
fn slices_lie_in_the_buffer_that_was_given_unmasked_in_place() {
    let now = Instant::now();
    let mut machine = server(now);
    let pong = from_client(FIN | PONG, b"pong");
    let mut buffer = [pong, from_client(FIN | BINARY, b"payload")].concat();
    let (taken, event) = machine.handle_bytes(now, &mut buffer);
    assert_eq!(taken, buffer.len());
    let Some(Event::Payload(payload)) = event else { panic!("{event:?}") };
    assert_eq!(payload.range, buffer.len() - 7..buffer.len());
    assert_eq!(&buffer[payload.range], b"payload");
}

proptest! {
    #[test]
    fn whatever_two_machines_do_what_one_sends_is_what_the_other_sees(
        operations in vec(any::<u8>(), 0..400),
    ) {
        fuzz::connection(&operations);
    }

    #[test]
    fn a_machine_sees_what_its_decoder_sees_however_the_stream_arrives(
        stream in vec(any::<u8>(), 0..300),
        split in vec(any::<u8>(), 0..300),
        breaks in any::<bool>(),
    ) {
        let mut choices = Choices::new(&stream);
        let mut stream = Stream::of(Role::Client, &mut choices, 30);
        if breaks {
            stream.break_rule(&mut choices);
        } else {
            stream.close(&mut choices);
        }
        let whole = read(Role::Client, [&stream.wire[..]]);
        let mut expected = Vec::new();
        let mut pongs = Vec::new();
        for seen in whole {
            match seen {
                Seen::Ping(payload) => pongs.push(Seen::Pong(payload)),
                Seen::Pong(_) => {}
                seen => record(&mut expected, seen),
            }
        }
        let mut fed = Fed::new();
        let (mut seen, mut sent) = (Vec::new(), Vec::new());
        for piece in Choices::new(&split).cut(&stream.wire, 97) {
            let mut rest = piece;
            while !rest.is_empty() {
                let (taken, events) = fed.feed(rest);
                rest = &rest[taken..];
                events.into_iter().for_each(|event| record(&mut seen, event));
                if fed.machine.is_paused() {
                    sent.extend(fed.control());
                }
            }
        }
        prop_assert!(seen == expected);
        sent.extend(std::iter::from_fn(|| fed.control()));
        let mut sent = read(Role::Server, sent.iter().map(Vec::as_slice));
        if breaks {
            prop_assert!(matches!(sent.pop(), Some(Seen::Close(_))));
        }
        prop_assert_eq!(sent, pongs);
    }
}
