//! The same frames through tungstenite, which was written by others.

use std::io::{Error as IoError, ErrorKind, Read, Result as IoResult, Write};

use proptest::collection::vec;
use proptest::prelude::*;
use tungstenite::error::Error;
use tungstenite::protocol::frame::coding::{CloseCode as TheirCode, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};
use tungstenite::protocol::{Role as TheirRole, WebSocket};
use tungstenite::{Bytes, Message};
use wsferry_proto::{CloseCode, CloseReason, Kind, Role, Violation};

use crate::fuzz::choices::Choices;
use crate::fuzz::pair::Pair;
use crate::fuzz::seen::{Seen, read};
use crate::fuzz::stream::Stream;
use crate::fuzz::wire::{CLOSE, FIN, close_payload, frame_from};

/// A transport whose other side is the test.
#[derive(Default)]
struct Memory {
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
}

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        if self.incoming.is_empty() {
            return Err(IoError::from(ErrorKind::WouldBlock));
        }
        let length = buffer.len().min(self.incoming.len());
        buffer[..length].copy_from_slice(&self.incoming[..length]);
        self.incoming.drain(..length);
        Ok(length)
    }
}

impl Write for Memory {
    fn write(&mut self, buffer: &[u8]) -> IoResult<usize> {
        self.outgoing.write(buffer)
    }

    fn flush(&mut self) -> IoResult<()> {
        Ok(())
    }
}

/// Tungstenite at the other end of what `writer` writes.
fn reader_of(writer: Role) -> WebSocket<Memory> {
    let role = if writer == Role::Client { TheirRole::Server } else { TheirRole::Client };
    WebSocket::from_raw_socket(Memory::default(), role, None)
}

/// What tungstenite sees of bytes, and how it rejects them if it does.
fn they_read(socket: &mut WebSocket<Memory>, bytes: &[u8]) -> (Vec<Seen>, Option<Error>) {
    socket.get_mut().incoming.extend(bytes);
    let mut seen = Vec::new();
    loop {
        let whole =
            |kind, bytes: Bytes| Seen::Payload { kind, bytes: bytes.to_vec(), ends_message: true };
        match socket.read() {
            Ok(Message::Text(text)) => seen.push(whole(Kind::Text, text.into())),
            Ok(Message::Binary(bytes)) => seen.push(whole(Kind::Binary, bytes)),
            Ok(Message::Ping(payload)) => seen.push(Seen::Ping(payload.to_vec())),
            Ok(Message::Pong(payload)) => seen.push(Seen::Pong(payload.to_vec())),
            Ok(Message::Close(frame)) => {
                seen.push(Seen::Close(our_reason(frame)));
                return (seen, None);
            }
            Ok(Message::Frame(frame)) => panic!("{frame:?}"),
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return (seen, None),
            Err(error) => return (seen, Some(error)),
        }
    }
}

fn our_reason(frame: Option<CloseFrame>) -> CloseReason {
    frame.map_or_else(CloseReason::default, |frame| {
        CloseReason::new(CloseCode::new(frame.code.into()).unwrap(), frame.reason.as_str())
    })
}

/// What a reader that assembles messages would have seen: each where it ends, and none that does not.
fn assembled(seen: &[Seen]) -> Vec<Seen> {
    let mut begun = Vec::new();
    let mut all = Vec::new();
    for seen in seen {
        match seen {
            Seen::Payload { kind, bytes, ends_message } => {
                begun.extend(bytes);
                if *ends_message {
                    let bytes = std::mem::take(&mut begun);
                    all.push(Seen::Payload { kind: *kind, bytes, ends_message: true });
                }
            }
            other => all.push(other.clone()),
        }
    }
    all
}

fn writer() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Client), Just(Role::Server)]
}

proptest! {
    #[test]
    fn right_streams_mean_the_same_to_both(writer in writer(), bytes in vec(any::<u8>(), 0..400)) {
        let mut choices = Choices::new(&bytes);
        let mut stream = Stream::of(writer, &mut choices, 40);
        stream.close(&mut choices);
        let ours = assembled(&read(writer, [&stream.wire[..]]));
        let (theirs, error) = they_read(&mut reader_of(writer), &stream.wire);
        prop_assert!(error.is_none(), "{:?}", error);
        prop_assert!(ours == theirs);
    }

    #[test]
    fn wrong_streams_are_rejected_by_both(
        writer in writer(),
        bytes in vec(any::<u8>(), 0..200),
        fault in vec(any::<u8>(), 12),
    ) {
        let mut stream = Stream::of(writer, &mut Choices::new(&bytes), 12);
        let violation = stream.break_rule(&mut Choices::new(&fault));
        let mut ours = assembled(&read(writer, [&stream.wire[..]]));
        prop_assert_eq!(ours.pop(), Some(Seen::Broken(violation)));
        let (mut theirs, error) = they_read(&mut reader_of(writer), &stream.wire);
        match violation {
            // Tungstenite takes a length in any form, against the MUST of RFC 6455 §5.2. (A text
            // may still be spoilt by that frame's payload.)
            Violation::LongLength => {
                prop_assert!(matches!(error, None | Some(Error::Utf8(_))), "{:?}", error);
                prop_assert!(theirs.starts_with(&ours));
                return Ok(());
            }
            // It shows the user a Close of its own making, and sends it.
            Violation::BadCloseCode => {
                let Some(Seen::Close(reason)) = theirs.pop() else { panic!("{theirs:?}") };
                prop_assert_eq!(reason.code, Some(CloseCode::PROTOCOL_ERROR));
            }
            Violation::TextNotUtf8 | Violation::ReasonNotUtf8 => {
                prop_assert!(matches!(error, Some(Error::Utf8(_))), "{:?}", error);
            }
            // Not for the bit, but because no frame may be so long there.
            Violation::LengthTopBit => {
                prop_assert!(matches!(error, Some(Error::Capacity(_))), "{:?}", error);
            }
            _ => prop_assert!(matches!(error, Some(Error::Protocol(_))), "{:?}", error),
        }
        prop_assert!(ours == theirs);
    }

    #[test]
    fn what_tungstenite_writes_is_read_here(
        writer in writer(),
        bytes in vec(any::<u8>(), 0..300),
    ) {
        let role = if writer == Role::Client { TheirRole::Client } else { TheirRole::Server };
        let mut socket = WebSocket::from_raw_socket(Memory::default(), role, None);
        // The frames of a right stream, with the masks and headers that tungstenite gives them.
        let source = Stream::of(writer, &mut Choices::new(&bytes), 40);
        let mut is_first = true;
        for seen in &source.seen {
            let message = match seen.clone() {
                Seen::Payload { kind, bytes, ends_message } => {
                    let data = match kind {
                        _ if !is_first => Data::Continue,
                        Kind::Text => Data::Text,
                        Kind::Binary => Data::Binary,
                    };
                    is_first = ends_message;
                    Message::Frame(Frame::message(bytes, OpCode::Data(data), ends_message))
                }
                Seen::Ping(payload) => Message::Ping(payload.into()),
                Seen::Pong(payload) => Message::Pong(payload.into()),
                other => panic!("{other:?}"),
            };
            socket.send(message).unwrap();
        }
        let wire = &socket.get_ref().outgoing;
        prop_assert!(read(writer, [&wire[..]]) == source.seen);
    }

    #[test]
    fn what_is_written_here_is_read_by_tungstenite(
        writer in writer(),
        bytes in vec(any::<u8>(), 0..300),
    ) {
        let mut choices = Choices::new(&bytes);
        let mut pair = Pair::new(None);
        let other = if writer == Role::Client { Role::Server } else { Role::Client };
        let mut wire = Vec::new();
        while !choices.is_empty() {
            let kind = if choices.once_in(2) { Kind::Text } else { Kind::Binary };
            let payload = "aé".repeat(choices.below(256) * if choices.once_in(20) { 256 } else { 1 });
            pair.send(writer, kind, !choices.once_in(3), payload.as_bytes());
            if choices.once_in(4) {
                // A Pong is owed for it.
                let payload = vec![choices.byte(); choices.below(126)];
                pair.ping(other, &payload);
                pair.deliver(other, usize::MAX);
                pair.control(writer);
            }
            wire.extend(pair.end(writer).take_wire());
        }
        pair.close(writer, &CloseReason::new(CloseCode::GOING_AWAY, "é".repeat(99).as_str()));
        pair.control(writer);
        wire.extend(pair.end(writer).take_wire());
        let (theirs, error) = they_read(&mut reader_of(writer), &wire);
        prop_assert!(error.is_none(), "{:?}", error);
        prop_assert!(theirs == assembled(pair.end(writer).written()));
    }
}

#[test]
fn tungstenite_does_not_know_the_close_code_1014_and_no_other_that_may_travel() {
    for code in (1000..=1003).chain(1007..=1014).chain(3000..=4999) {
        let frame = frame_from(Role::Client, FIN | CLOSE, &close_payload(code, b""));
        let (theirs, error) = they_read(&mut reader_of(Role::Client), &frame);
        assert!(error.is_none());
        let code = if code == 1014 { 1002 } else { code };
        let [Seen::Close(reason)] = &theirs[..] else { panic!("{theirs:?}") };
        assert_eq!(reason.code, CloseCode::new(code));
    }
}

#[test]
fn a_close_of_tungstenite_is_answered_so_that_it_calls_the_connection_closed() {
    let mut socket = WebSocket::from_raw_socket(Memory::default(), TheirRole::Client, None);
    let frame = CloseFrame { code: TheirCode::Library(4321), reason: "genug".into() };
    socket.close(Some(frame.clone())).unwrap();
    let mut pair = Pair::new(None);
    let now = std::time::Instant::now();
    let mut bytes = std::mem::take(&mut socket.get_mut().outgoing);
    let machine = &mut pair.server.machine;
    machine.handle_bytes(now, &mut bytes);
    machine.reply();
    assert!(pair.control(Role::Server));
    assert!(pair.server.machine.is_closed());
    let answer = pair.server.take_wire();
    let (theirs, error) = they_read(&mut socket, &answer);
    assert!(error.is_none());
    assert_eq!(theirs, [Seen::Close(our_reason(Some(frame)))]);
    assert!(!socket.can_read() && !socket.can_write());
}

#[test]
fn tungstenite_answers_a_close_so_that_the_machine_is_closed() {
    let mut pair = Pair::new(None);
    let reason = CloseReason::new(CloseCode::GOING_AWAY, "fertig");
    pair.close(Role::Server, &reason);
    assert!(pair.control(Role::Server));
    let mut socket = reader_of(Role::Server);
    let wire = pair.server.take_wire();
    let (theirs, _) = they_read(&mut socket, &wire);
    assert_eq!(theirs, [Seen::Close(reason.clone())]);
    // Its answer goes out with the next call.
    let _ = socket.flush();
    let mut answer = std::mem::take(&mut socket.get_mut().outgoing);
    pair.server.machine.handle_bytes(std::time::Instant::now(), &mut answer);
    assert_eq!(pair.server.machine.received_close(), Some(&reason));
    assert!(pair.server.machine.is_closed());
}
