//! The closing handshake (RFC 6455 §7), from both sides, and the end that a broken rule makes.

use std::time::{Duration, Instant};

use wsferry_proto::{
    CloseCode, CloseReason, Connection, KeepAlive, Kind, Role, Settings, Violation,
};

use crate::fed::{Fed, from_client, from_server};
use crate::fuzz::pair::Pair;
use crate::fuzz::seen::{Seen, payload_of, read};
use crate::fuzz::wire::{BINARY, CLOSE, FIN, PING, PONG, TEXT};

const SECOND: Duration = Duration::from_secs(1);
const BOTH: [(Role, Role); 2] = [(Role::Client, Role::Server), (Role::Server, Role::Client)];

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
    let (one, other) = (
        CloseReason::new(CloseCode::NORMAL, "one"),
        CloseReason::new(CloseCode::GOING_AWAY, "two"),
    );
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
fn nothing_is_owed_or_sent_once_sending_is_abandoned_and_what_arrives_is_still_seen() {
    let mut fed = Fed::watching(KeepAlive { interval: SECOND, timeout: SECOND });
    fed.feed(&from_client(FIN | PING, b"1"));
    assert!(fed.machine.owes_control() && fed.machine.poll_timeout().is_some());
    fed.machine.abandon_sending();
    assert!(!fed.machine.owes_control());
    assert_eq!(fed.machine.poll_timeout(), None);
    assert_eq!(fed.machine.send(Kind::Binary, true, true, 1, None), None);
    fed.machine.close(&CloseReason::new(CloseCode::NORMAL, ""));
    let late = [from_client(FIN | PING, b"2"), from_client(FIN | BINARY, b"data")].concat();
    let (taken, seen) = fed.feed(&late);
    assert_eq!((taken, payload_of(&seen)), (late.len(), b"data".to_vec()));
    assert_eq!(fed.control(), None);
    assert!(!fed.machine.close_is_sent());
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
