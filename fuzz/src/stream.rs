//! Streams of frames from decisions: right ones, and right ones with a fault at their end.

use wsferry_proto::{CloseReason, Kind, Role, Violation};

use super::choices::Choices;
use super::seen::{Seen, record};
use super::wire::{
    BINARY, CLOSE, CONTINUATION, FIN, Form, PING, PONG, TEXT, close_payload, frame, header, masked,
};

/// What a writer wrote.
#[derive(Clone, Debug)]
pub struct Stream {
    writer: Role,
    pub wire: Vec<u8>,
    /// What a reader should see of it.
    pub seen: Vec<Seen>,
    /// A fragmented message that has begun, and the payload it still has to send.
    open: Option<(Kind, Vec<u8>)>,
}

impl Stream {
    /// A right stream as long as the decisions last, up to `frames` frames. It may end inside a
    /// message.
    pub fn of(writer: Role, choices: &mut Choices<'_>, frames: usize) -> Self {
        let mut stream = Self { writer, wire: Vec::new(), seen: Vec::new(), open: None };
        for _ in 0..frames {
            if choices.is_empty() {
                break;
            }
            match choices.below(8) {
                0..=5 => stream.data(choices),
                6 => stream.control(choices, PING),
                _ => stream.control(choices, PONG),
            }
        }
        stream
    }

    fn data(&mut self, choices: &mut Choices<'_>) {
        let (opcode, kind, mut payload) = match self.open.take() {
            Some((kind, rest)) => (CONTINUATION, kind, rest),
            None if choices.once_in(2) => (TEXT, Kind::Text, text(choices)),
            None => (BINARY, Kind::Binary, binary(choices)),
        };
        let mut first = opcode | FIN;
        if choices.once_in(2) {
            let cut = choices.byte() as usize * (payload.len() + 1) / 256;
            self.open = Some((kind, payload.split_off(cut)));
            first = opcode;
        }
        let ends_message = self.open.is_none();
        self.write(choices, first, &payload);
        if ends_message || !payload.is_empty() {
            record(&mut self.seen, Seen::Payload { kind, bytes: payload, ends_message });
        }
    }

    fn control(&mut self, choices: &mut Choices<'_>, opcode: u8) {
        let mut payload = binary(choices);
        payload.truncate(125);
        self.write(choices, opcode | FIN, &payload);
        record(
            &mut self.seen,
            if opcode == PING { Seen::Ping(payload) } else { Seen::Pong(payload) },
        );
    }

    /// Ends the stream with a Close.
    pub fn close(&mut self, choices: &mut Choices<'_>) {
        // 1014 is for another test: tungstenite does not know it.
        let code = [0, 1000, 1001, 1003, 1007, 1013, 3000, 4999][choices.below(8)];
        let mut reason = CloseReason::default();
        let mut payload = Vec::new();
        if code != 0 {
            reason.code = wsferry_proto::CloseCode::new(code);
            reason.text = "Ende – 終".repeat(choices.below(9)).into();
            payload = close_payload(code, reason.text.as_bytes());
        }
        self.write(choices, CLOSE | FIN, &payload);
        record(&mut self.seen, Seen::Close(reason));
    }

    fn write(&mut self, choices: &mut Choices<'_>, first: u8, payload: &[u8]) {
        let key = (self.writer == Role::Client).then(|| choices.array());
        self.wire.extend(frame(first, key, payload));
    }

    /// Ends the stream with a frame that breaks a rule. [`Stream::seen`] then lacks the fault, and
    /// what is good of a text before its bad byte.
    pub fn break_rule(&mut self, choices: &mut Choices<'_>) -> Violation {
        let key = (self.writer == Role::Client).then(|| choices.array());
        let length = u64::from(choices.byte());
        let payload = vec![b'x'; length as usize];
        // What may begin a data frame here.
        let data = if self.open.is_some() { CONTINUATION } else { BINARY };
        let (violation, bytes) = match choices.below(15) {
            0 => (Violation::ReservedBits, {
                let bits = (1 + choices.byte() % 7) << 4;
                frame(data | FIN | bits, key, &payload)
            }),
            1 => (Violation::ReservedOpcode, {
                let opcodes = [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf];
                frame(opcodes[choices.below(10)] | FIN, key, &payload)
            }),
            2 if self.writer == Role::Client => {
                (Violation::Unmasked, frame(data | FIN, None, &payload))
            }
            2 => (Violation::Masked, frame(data | FIN, Some(choices.array()), &payload)),
            3 => {
                let (form, length) =
                    [(Form::Medium, length % 126), (Form::Long, length)][choices.below(2)];
                let mut bytes = header(data | FIN, form, length, key);
                bytes.extend(masked(key, &payload[..length as usize]));
                (Violation::LongLength, bytes)
            }
            4 => (Violation::LengthTopBit, header(data | FIN, Form::Long, 1 << 63 | length, key)),
            5 => (Violation::LongControl, {
                let opcode = [CLOSE, PING, PONG][choices.below(3)];
                frame(opcode | FIN, key, &[b'x'; 126])
            }),
            6 => (Violation::FragmentedControl, {
                let opcode = [CLOSE, PING, PONG][choices.below(3)];
                frame(opcode, key, &payload[..length.min(125) as usize])
            }),
            7 if self.open.is_some() => {
                (Violation::InterleavedMessage, frame(BINARY | FIN, key, &payload))
            }
            7 => (Violation::StrayContinuation, frame(CONTINUATION | FIN, key, &payload)),
            8 => (Violation::HalfCloseCode, frame(CLOSE | FIN, key, b"\x03")),
            9 => (Violation::BadCloseCode, {
                let codes = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535];
                frame(CLOSE | FIN, key, &close_payload(codes[choices.below(10)], b""))
            }),
            10 => {
                let reasons: [&[u8]; 4] = [b"\xff", b"ok\xc3", b"\xed\xa0\x80", b"\xc0\xaf"];
                let payload = close_payload(1000, reasons[choices.below(4)]);
                (Violation::ReasonNotUtf8, frame(CLOSE | FIN, key, &payload))
            }
            _ => {
                let (opcode, mut text) = match self.open.take() {
                    Some((Kind::Text, rest)) => (CONTINUATION, rest),
                    Some((Kind::Binary, _)) => {
                        self.wire.extend(frame(CONTINUATION | FIN, key, b""));
                        (TEXT, b"ok".to_vec())
                    }
                    None => (TEXT, b"ok".to_vec()),
                };
                let bad: [&[u8]; 6] =
                    [b"\xff", b"\xc3", b"\xe2\x82", b"\xf4\x90\x80\x80", b"\xed\xa0\x80", b"\xff!"];
                text.extend(bad[choices.below(6)]);
                (Violation::TextNotUtf8, frame(opcode | FIN, key, &text))
            }
        };
        self.wire.extend(bytes);
        violation
    }
}

/// Lengths around every change of form, most of them short.
fn length(choices: &mut Choices<'_>) -> usize {
    match choices.below(32) {
        0..=20 => choices.below(20),
        21..=25 => 120 + choices.below(10),
        26..=30 => usize::from(choices.byte()) * 4,
        _ => 0xfffe + choices.below(4),
    }
}

fn binary(choices: &mut Choices<'_>) -> Vec<u8> {
    let (length, start) = (length(choices), choices.byte());
    (0..length).map(|index| start.wrapping_add((index * 7) as u8)).collect()
}

/// Characters of one to four bytes; as long as whole characters allow.
fn text(choices: &mut Choices<'_>) -> Vec<u8> {
    let (length, start) = (length(choices), choices.below(9));
    let mut text = String::new();
    for character in "aé€𝄞\0\u{7f}\u{7ff}\u{ffff}\u{10ffff}".chars().cycle().skip(start) {
        if text.len() + character.len_utf8() > length {
            break;
        }
        text.push(character);
    }
    text.into_bytes()
}
