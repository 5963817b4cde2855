//! The machine: Pings, the closing handshake, what is owed. A client and a server, joined in memory.

use std::time::Instant;

use proptest::collection::vec;
use proptest::prelude::*;
use wsferry_proto::{
    CloseCode, CloseReason, Connection, Event, Kind, MAX_CONTROL_FRAME, Role, Settings, Violation,
};

use crate::fuzz::choices::Choices;
use crate::fuzz::pair::Pair;
use crate::fuzz::seen::{Seen, payload_of, read, record};
use crate::fuzz::stream::Stream;
use crate::fuzz::wire::{
    BINARY, CLOSE, CONTINUATION, FIN, KEY, PING, PONG, TEXT, frame, frame_from,
};

const BOTH: [(Role, Role); 2] = [(Role::Client, Role::Server), (Role::Server, Role::Client)];

fn server(now: Instant) -> Connection {
    Connection::new(Settings { role: Role::Server, accept_text: true, keep_alive: None }, now)
}

/// A server machine that is fed by hand, to look at each step.
struct Fed {
    machine: Connection,
    now: Instant,
}

impl Fed {
    fn new() -> Self {
        let now = Instant::now();
        Self { machine: server(now), now }
    }

    /// Feeds bytes: how many were taken, and what was seen.
    fn feed(&mut self, bytes: &[u8]) -> (usize, Vec<Seen>) {
        let mut buffer = bytes.to_vec();
        let (mut at, mut seen) = (0, Vec::new());
        loop {
            let (taken, event) = self.machine.handle_bytes(self.now, &mut buffer[at..]);
            let Some(event) = event else { return (at + taken, seen) };
            let next = match event {
                Event::Payload(payload) => Seen::Payload {
                    kind: payload.kind,
                    bytes: buffer[at..][payload.range].to_vec(),
                    ends_message: payload.ends_message,
                },
                Event::Close(reason) => Seen::Close(reason),
                Event::Failed(violation) => Seen::Broken(violation),
            };
            record(&mut seen, next);
            at += taken;
        }
    }

    /// The next control frame, `None` when none is owed.
    fn control(&mut self) -> Option<Vec<u8>> {
        let mut room = [0; MAX_CONTROL_FRAME];
        let length = self.machine.poll_control(self.now, &mut room, None);
        (length > 0).then(|| room[..length].to_vec())
    }
}

fn from_client(first: u8, payload: &[u8]) -> Vec<u8> {
    frame_from(Role::Client, first, payload)
}

fn from_server(first: u8, payload: &[u8]) -> Vec<u8> {
    frame_from(Role::Server, first, payload)
}

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
        let message = |kind, bytes: &[u8]| Seen::Payload {
            kind,
            bytes: bytes.into(),
            ends_message: true,
        };
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
    let behind = Seen::Payload { kind: Kind::Binary, bytes: b"behind them".into(), ends_message: true };
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
fn a_close_is_answered_with_its_own_code_and_reason() {
    let reasons = [
        CloseReason::default(),
        CloseReason::new(CloseCode::NORMAL, ""),
        CloseReason::new(CloseCode::GOING_AWAY, "tschüß"),
        CloseReason::new(CloseCode::new(4999).unwrap(), &"x".repeat(123)),
    ];
    for (from, to) in BOTH {
        for reason in &reasons {
            let mut pair = Pair::new(None);
            pair.close(from, reason);
            pair.settle();
            assert!(pair.end(from).machine.close_is_sent());
            assert!(!pair.end(from).machine.is_closed(), "the answer is still to come");
            assert_eq!(pair.end(to).events(), [Seen::Close(reason.clone())]);
            assert_eq!(pair.end(to).machine.received_close(), Some(reason));
            assert!(pair.end(to).written().is_empty(), "the answer is the user's to give");
            pair.end(to).machine.reply();
            pair.settle();
            assert_eq!(pair.end(to).written(), [Seen::Close(reason.clone())]);
            assert_eq!(pair.end(from).events(), [Seen::Close(reason.clone())]);
            assert!(pair.client.machine.is_closed() && pair.server.machine.is_closed());
        }
    }
}

#[test]
fn both_may_close_at_once_and_each_close_is_the_others_answer() {
    let mut pair = Pair::new(None);
    let (one, other) =
        (CloseReason::new(CloseCode::NORMAL, "one"), CloseReason::new(CloseCode::GOING_AWAY, "two"));
    pair.close(Role::Client, &one);
    pair.close(Role::Server, &other);
    pair.settle();
    for role in [Role::Client, Role::Server] {
        pair.end(role).machine.reply(); // has nothing to add
    }
    pair.settle();
    assert_eq!(pair.client.events(), [Seen::Close(other.clone())]);
    assert_eq!(pair.server.events(), [Seen::Close(one.clone())]);
    assert_eq!(pair.client.written(), [Seen::Close(one)]);
    assert_eq!(pair.server.written(), [Seen::Close(other)]);
    assert!(pair.client.machine.is_closed() && pair.server.machine.is_closed());
}

#[test]
fn no_data_is_sent_after_a_close_was_queued() {
    for (from, _) in BOTH {
        let mut pair = Pair::new(None);
        assert!(pair.send(from, Kind::Binary, false, b"begun"));
        pair.close(from, &CloseReason::new(CloseCode::NORMAL, ""));
        assert!(!pair.send(from, Kind::Binary, true, b"never"));
        pair.settle();
        assert!(!pair.send(from, Kind::Binary, true, b"never"));
    }
}

#[test]
fn data_may_be_sent_until_a_close_is_answered() {
    for (from, to) in BOTH {
        let mut pair = Pair::new(None);
        pair.close(from, &CloseReason::new(CloseCode::NORMAL, ""));
        pair.settle();
        assert!(pair.send(to, Kind::Binary, true, b"still on the way"));
        pair.end(to).machine.reply();
        assert!(!pair.send(to, Kind::Binary, true, b"never"));
        pair.settle();
        assert_eq!(payload_of(pair.end(from).events()), b"still on the way");
        assert!(matches!(pair.end(from).events().last(), Some(Seen::Close(_))));
    }
}

#[test]
fn only_the_first_close_counts() {
    let mut fed = Fed::new();
    fed.machine.close(&CloseReason::new(CloseCode::NORMAL, "first"));
    fed.machine.close(&CloseReason::new(CloseCode::INTERNAL_ERROR, "second"));
    assert!(!fed.machine.close_is_sent());
    assert_eq!(fed.control(), Some(from_server(FIN | CLOSE, b"\x03\xe8first")));
    assert!(fed.machine.close_is_sent());
    fed.machine.close(&CloseReason::new(CloseCode::INTERNAL_ERROR, "third"));
    assert_eq!(fed.control(), None);
}

#[test]
fn a_reply_without_a_close_says_nothing() {
    let mut fed = Fed::new();
    fed.machine.reply();
    assert_eq!(fed.control(), None);
    assert!(!fed.machine.is_closed());
}

#[test]
fn owed_pongs_go_before_the_close_and_none_follows_it() {
    let mut fed = Fed::new();
    fed.feed(&[from_client(FIN | PING, b"1"), from_client(FIN | PING, b"2")].concat());
    fed.machine.close(&CloseReason::new(CloseCode::GOING_AWAY, ""));
    let late = [from_client(FIN | PING, b"3"), from_client(FIN | BINARY, b"data")].concat();
    let (taken, seen) = fed.feed(&late);
    assert_eq!((taken, payload_of(&seen)), (late.len(), b"data".to_vec()));
    let owed: Vec<_> = std::iter::from_fn(|| fed.control()).collect();
    let expected = [
        from_server(FIN | PONG, b"1"),
        from_server(FIN | PONG, b"2"),
        from_server(FIN | CLOSE, b"\x03\xe9"),
    ];
    assert_eq!(owed, expected);
    fed.feed(&from_client(FIN | PING, b"4"));
    assert_eq!(fed.control(), None);
}

#[test]
fn what_stands_behind_a_close_is_taken_and_not_seen() {
    let mut fed = Fed::new();
    let close = from_client(FIN | CLOSE, b"\x03\xe8");
    let behind = [from_client(FIN | BINARY, b"x"), vec![0xff; 40]].concat();
    let stream = [&close[..], &behind].concat();
    let (taken, seen) = fed.feed(&stream);
    assert_eq!(taken, stream.len());
    assert_eq!(seen, [Seen::Close(CloseReason::new(CloseCode::NORMAL, ""))]);
    assert_eq!(fed.feed(&behind), (behind.len(), vec![]));
}

#[test]
fn a_broken_rule_is_told_and_ends_the_connection_without_waiting_for_an_answer() {
    let mut fed = Fed::new();
    let stream = [
        from_client(FIN | PING, b"owed"),
        from_client(FIN | BINARY, b"good"),
        from_client(FIN | 0x3, b"bad"),
        from_client(FIN | BINARY, b"never seen"),
    ];
    let stream = stream.concat();
    let (taken, seen) = fed.feed(&stream);
    assert_eq!(taken, stream.len());
    assert_eq!(payload_of(&seen), b"good");
    assert_eq!(seen.last(), Some(&Seen::Broken(Violation::ReservedOpcode)));
    assert!(!fed.machine.is_closed(), "the other side was not told yet");
    assert!(fed.machine.send(Kind::Binary, true, true, 1, None).is_none());
    assert_eq!(fed.control(), Some(from_server(FIN | PONG, b"owed")));
    let close = fed.control().unwrap();
    let [Seen::Close(reason)] = &read(Role::Server, [&close[..]])[..] else { panic!("{close:x?}") };
    assert_eq!(reason.code, Some(CloseCode::PROTOCOL_ERROR));
    assert!(fed.machine.is_closed());
    assert_eq!(fed.control(), None);
}

#[test]
fn a_rule_that_is_broken_after_our_close_ends_the_wait_for_an_answer() {
    let mut fed = Fed::new();
    fed.machine.close(&CloseReason::new(CloseCode::NORMAL, ""));
    assert!(fed.control().is_some());
    let (_, seen) = fed.feed(&[0xff]);
    assert_eq!(seen, [Seen::Broken(Violation::ReservedBits)]);
    assert_eq!(fed.control(), None, "one Close is enough");
    assert!(fed.machine.is_closed());
}

#[test]
fn a_refused_text_is_told_with_1003() {
    let now = Instant::now();
    let settings = Settings { role: Role::Server, accept_text: false, keep_alive: None };
    let mut fed = Fed { machine: Connection::new(settings, now), now };
    let (_, seen) = fed.feed(&from_client(FIN | TEXT, b"hi"));
    assert_eq!(seen, [Seen::Broken(Violation::TextRefused)]);
    assert!(fed.control().unwrap().starts_with(b"\x88\x25\x03\xeb"));
}

#[test]
fn slices_lie_in_the_buffer_that_was_given_unmasked_in_place() {
    let now = Instant::now();
    let mut machine = server(now);
    let ping = from_client(FIN | PING, b"ping");
    let mut buffer = [ping, from_client(FIN | BINARY, b"payload")].concat();
    let (taken, event) = machine.handle_bytes(now, &mut buffer);
    assert_eq!(taken, buffer.len());
    let Some(Event::Payload(payload)) = event else { panic!("{event:?}") };
    assert_eq!(payload.range, buffer.len() - 7..buffer.len());
    assert_eq!(&buffer[payload.range], b"payload");
}

proptest! {
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
