//! The fast way for whole binary messages gives what the ordinary way gives.

use std::time::Instant;

use proptest::prelude::*;
use wsferry_proto::{Connection, Event, Header, Mask, Opcode, Role, Settings};

/// What a target sees, and what else happens, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Bytes(Vec<u8>),
    Other(String),
}

fn see(seen: &mut Vec<Seen>, bytes: &[u8]) {
    match seen.last_mut() {
        _ if bytes.is_empty() => {}
        Some(Seen::Bytes(before)) => before.extend_from_slice(bytes),
        _ => seen.push(Seen::Bytes(bytes.to_vec())),
    }
}

fn server() -> Connection {
    let settings = Settings { role: Role::Server, accept_text: true, keep_alive: None };
    Connection::new(settings, Instant::now())
}

/// Hands over `input` in pieces as a relay does, with or without the fast way.
fn feed(input: &[u8], pieces: &[usize], gathers: bool) -> Vec<Seen> {
    let now = Instant::now();
    let mut machine = server();
    let mut seen = Vec::new();
    let mut rest = input;
    let mut pieces = pieces.iter().cycle();
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at((*pieces.next().unwrap()).min(rest.len()));
        rest = behind;
        let mut buffer = piece.to_vec();
        let mut raw = 0..buffer.len();
        while !raw.is_empty() {
            if gathers {
                // The relay gathers to where the payload before it ended; here to the front.
                let (taken, gathered) = machine.gather(now, &mut buffer, raw.clone(), 0);
                see(&mut seen, &buffer[..gathered]);
                raw.start += taken;
            }
            let (taken, event) = machine.handle_bytes(now, &mut buffer[raw.clone()]);
            match event {
                Some(Event::Payload(payload)) => {
                    see(&mut seen, &buffer[raw.clone()][payload.range]);
                }
                Some(other) => seen.push(Seen::Other(format!("{other:?}"))),
                None if taken == 0 => {
                    let mut room = [0; 131];
                    while machine.poll_control(now, &mut room, None) > 0 {}
                }
                None => {}
            }
            raw.start += taken;
        }
    }
    seen
}

fn frame() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![0..130usize, 120..400usize, Just(70_000)];
    let first = prop_oneof![
        20 => Just((true, Opcode::Binary)),
        2 => Just((false, Opcode::Binary)),
        2 => Just((true, Opcode::Continuation)),
        1 => Just((true, Opcode::Text)),
        1 => Just((true, Opcode::Ping)),
    ];
    (first, length, any::<[u8; 4]>(), any::<u8>()).prop_map(|((fin, opcode), length, key, byte)| {
        let length = if opcode == Opcode::Ping { length % 126 } else { length };
        let header = Header { fin, opcode, length: length as u64, masking_key: Some(key) };
        let mut bytes = vec![0; header.size()];
        header.write_to(&mut bytes);
        let mut payload: Vec<u8> =
            (0..length).map(|at| byte.wrapping_add(at as u8) & 0x7f).collect();
        Mask::new(key).apply(&mut payload);
        bytes.extend_from_slice(&payload);
        bytes
    })
}

proptest! {
    #[test]
    fn gathering_gives_the_same_bytes_and_events_in_the_same_order(
        frames in prop::collection::vec(frame(), 1..40),
        fault in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        pieces in prop::collection::vec(1..70_000usize, 1..8),
    ) {
        let mut input = frames.concat();
        if let Some((at, byte)) = fault {
            let at = at.index(input.len());
            input[at] = byte;
        }
        prop_assert_eq!(feed(&input, &pieces, true), feed(&input, &[input.len()], false));
    }
}

#[test]
fn small_messages_of_one_read_are_gathered_at_once() {
    let mut input = Vec::new();
    for byte in 0..100u8 {
        let header = Header {
            fin: true,
            opcode: Opcode::Binary,
            length: 64,
            masking_key: Some([byte, 1, 2, 3]),
        };
        let mut head = [0; 6];
        header.write_to(&mut head);
        input.extend_from_slice(&head);
        let mut payload = [byte; 64];
        Mask::new([byte, 1, 2, 3]).apply(&mut payload);
        input.extend_from_slice(&payload);
    }
    let length = input.len();
    let (taken, gathered) = server().gather(Instant::now(), &mut input, 0..length, 0);
    assert_eq!((taken, gathered), (7000, 6400));
    let expected: Vec<u8> = (0..100u8).flat_map(|byte| [byte; 64]).collect();
    assert_eq!(&input[..gathered], expected);
}

#[test]
fn faults_and_whatever_is_not_a_whole_binary_message_are_left_to_the_ordinary_way() {
    let mut not_shortest = vec![0x82, 0xfe, 0, 5, 1, 2, 3, 4];
    not_shortest.extend_from_slice(&[0; 5]);
    let others: [&[u8]; 9] = [
        &not_shortest,
        &[0x82, 0x05, 1, 2, 3, 4, 5],                // unmasked
        &[0xc2, 0x81, 1, 2, 3, 4, 5],                // a reserved bit
        &[0x02, 0x81, 1, 2, 3, 4, 5],                // a first fragment
        &[0x80, 0x81, 1, 2, 3, 4, 5],                // a continuation
        &[0x81, 0x81, 1, 2, 3, 4, 5],                // text
        &[0x89, 0x81, 1, 2, 3, 4, 5],                // a ping
        &[0x82, 0x82, 1, 2, 3, 4, 5],                // not whole
        &[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2], // a 64-bit length
    ];
    for bytes in others {
        let mut buffer = bytes.to_vec();
        let gathered = server().gather(Instant::now(), &mut buffer, 0..bytes.len(), 0);
        assert_eq!(gathered, (0, 0), "{bytes:x?}");
        assert_eq!(buffer, bytes);
    }
}
