//! Bytes → frames (RFC 6455 §5): a decoder that streams.
//!
//! It takes the caller's buffer, unmasks payload where it lies and says where that is. What it
//! keeps is a header that is not whole yet, what came of a control frame that is not whole (boxed, as
//! hardly any is cut), the tail of one character of text, and three counters.

use std::fmt;
use std::ops::Range;

use crate::close::{CloseCode, CloseReason};
use crate::frame::{Kind, MAX_HEADER, Opcode};
use crate::mask::{Mask, unmask_to_front};
use crate::utf8::Utf8;
use crate::violation::Violation;

/// The most payload a control frame can have (RFC 6455 §5.5).
const MAX_CONTROL_PAYLOAD: usize = 125;

/// What the decoder found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A slice of a message's payload.
    Payload(Payload),
    /// A Ping, to be answered with a Pong of the same payload.
    Ping(Control),
    /// A Pong.
    Pong(Control),
    /// The closing handshake begins, or is answered. Nothing after it is a frame.
    Close(CloseReason),
}

/// A slice of a message's payload. An empty one is only given when it ends its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Where the unmasked bytes are in the buffer that was given.
    pub range: Range<usize>,
    /// The type of the message.
    pub kind: Kind,
    /// Whether the message ends with this slice.
    pub ends_message: bool,
}

/// The payload of a Ping or a Pong, 0 to 125 bytes.
#[derive(Clone)]
pub struct Control {
    bytes: [u8; MAX_CONTROL_PAYLOAD],
    length: u8,
}

impl Default for Control {
    fn default() -> Self {
        Self { bytes: [0; MAX_CONTROL_PAYLOAD], length: 0 }
    }
}

impl Control {
    /// The payload.
    pub fn payload(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    fn push(&mut self, bytes: &[u8]) {
        let start = usize::from(self.length);
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len() as u8;
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Control").field(&self.payload().escape_ascii().to_string()).finish()
    }
}

impl PartialEq for Control {
    fn eq(&self, other: &Self) -> bool {
        self.payload() == other.payload()
    }
}

impl Eq for Control {}

/// Where in the stream the decoder stands.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// In a header of which `have` bytes are kept.
    Header { bytes: [u8; MAX_HEADER], have: u8 },
    /// In the payload of a data frame.
    Data { left: u64, mask: Mask, fin: bool },
    /// In the payload of a control frame.
    Control { left: u8, mask: Mask, opcode: Opcode },
    /// Behind the last byte that had a meaning.
    Broken(Violation),
}

impl Place {
    const START: Self = Self::Header { bytes: [0; MAX_HEADER], have: 0 };
}

/// The streaming decoder. Any split of the same bytes gives the same items, but for where the
/// slices of payload are cut.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// A server's decoder wants masks, a client's refuses them.
    expects_mask: bool,
    accepts_text: bool,
    place: Place,
    /// The message that has begun and not ended.
    message: Option<Kind>,
    text: Utf8,
    /// What came of the payload of a control frame in earlier inputs.
    control: Option<Box<Control>>,
}

impl Decoder {
    /// A decoder at the start of a stream: `expects_mask` for a server, which reads a client.
    pub const fn new(expects_mask: bool, accepts_text: bool) -> Self {
        Self {
            expects_mask,
            accepts_text,
            place: Place::START,
            message: None,
            text: Utf8::EMPTY,
            control: None,
        }
    }

    /// Whether the stream could end here without a frame or a message being cut.
    pub const fn is_between_messages(&self) -> bool {
        matches!(self.place, Place::Header { have: 0, .. }) && self.message.is_none()
    }

    /// Decodes from the start of `input` up to the first item: how many bytes it took, and the item
    /// if there was one. Payload is unmasked in place. To be called again with the rest, until it
    /// took everything.
    ///
    /// # Errors
    /// A broken rule. The stream has no meaning from there on, and the same error is given again.
    pub fn decode(&mut self, input: &mut [u8]) -> Result<(usize, Option<Item>), Violation> {
        let mut at = 0;
        loop {
            match self.place {
                Place::Header { bytes, have } if at < input.len() => {
                    let (taken, ended) = self
                        .header(bytes, usize::from(have), &input[at..])
                        .inspect_err(|&violation| self.place = Place::Broken(violation))?;
                    at += taken;
                    if let Some(kind) = ended {
                        let payload = Payload { range: at..at, kind, ends_message: true };
                        return Ok((at, Some(Item::Payload(payload))));
                    }
                }
                Place::Data { left, mask, fin } if at < input.len() => {
                    let end =
                        at + usize::try_from(left).unwrap_or(usize::MAX).min(input.len() - at);
                    let (length, kind, ends_message) =
                        self.data(&mut input[at..end], left, mask, fin)?;
                    let payload = Payload { range: at..at + length, kind, ends_message };
                    return Ok((at + length, Some(Item::Payload(payload))));
                }
                // One without payload is whole when its header is: it does not wait for input.
                Place::Control { left, mut mask, opcode } => {
                    let end = at + usize::from(left).min(input.len() - at);
                    let slice = &mut input[at..end];
                    mask.apply(slice);
                    let left = left - slice.len() as u8;
                    at = end;
                    if left > 0 {
                        if !slice.is_empty() {
                            self.control.get_or_insert_default().push(slice);
                        }
                        self.place = Place::Control { left, mask, opcode };
                        return Ok((at, None));
                    }
                    self.place = Place::START;
                    let mut control = self.control.take().map_or_else(Control::default, |c| *c);
                    control.push(slice);
                    let item = control_item(opcode, control)
                        .inspect_err(|&violation| self.place = Place::Broken(violation))?;
                    return Ok((at, Some(item)));
                }
                Place::Header { .. } | Place::Data { .. } => return Ok((at, None)),
                Place::Broken(violation) => return Err(violation),
            }
        }
    }

    /// The fast way for what most streams are made of: whole binary messages of one frame. Takes as
    /// many as `buffer[raw]` begins with, unmasks them and moves their payload together to
    /// `buffer[to..]`: how many bytes it took, and how many bytes of payload there are.
    ///
    /// It takes nothing that [`decode`](Self::decode) would not take in the same way, and leaves the
    /// rest to it: other frames, frames that are not whole, and faults.
    pub(crate) fn gather(
        &mut self,
        buffer: &mut [u8],
        raw: Range<usize>,
        to: usize,
    ) -> (usize, usize) {
        const FINAL_BINARY: u8 = 0x82;
        let (mut at, mut end) = (raw.start, to);
        let is_at_start = matches!(self.place, Place::Header { have: 0, .. });
        if !is_at_start || self.message.is_some() || !self.expects_mask {
            return (0, 0);
        }
        while let Some(&[FINAL_BINARY, second, high, low]) = buffer[at..raw.end].first_chunk() {
            let (length, header) = match second {
                0x80..=0xfd => (usize::from(second & 0x7f), 6),
                0xfe => (usize::from(u16::from_be_bytes([high, low])), 8),
                _ => break,
            };
            let is_shortest = header == 6 || length > 125;
            let payload = at + header..at + header + length;
            if payload.end > raw.end || !is_shortest {
                break;
            }
            let mut key = [0; 4];
            key.copy_from_slice(&buffer[payload.start - 4..payload.start]);
            unmask_to_front(key, buffer, payload.clone(), end);
            end += length;
            at = payload.end;
        }
        (at - raw.start, end - to)
    }

    /// Takes bytes of a header, judging each as early as it can be. Gives the kind of a message that
    /// an empty final frame ends.
    fn header(
        &mut self,
        mut bytes: [u8; MAX_HEADER],
        mut have: usize,
        input: &[u8],
    ) -> Result<(usize, Option<Kind>), Violation> {
        let taken = if have == 0
            && let Some(whole) = input.first_chunk()
        {
            // Most often it is whole. Behind the header are bytes of the payload, which do no harm.
            bytes = *whole;
            self.judge_first_byte(bytes[0])?;
            self.judge_second_byte(bytes[0], bytes[1])?;
            header_length(bytes[1])
        } else {
            let taken = self.collect_header(&mut bytes, &mut have, input)?;
            if have < 2 || have < header_length(bytes[1]) {
                self.place = Place::Header { bytes, have: have as u8 };
                return Ok((taken, None));
            }
            taken
        };
        let (length, end) = match bytes[1] & 0x7f {
            126 => (u64::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4),
            127 => {
                let mut length = [0; 8];
                length.copy_from_slice(&bytes[2..10]);
                (u64::from_be_bytes(length), 10)
            }
            short => (u64::from(short), 2),
        };
        // RFC 6455 §5.2: "the most significant bit MUST be 0", "the minimal number of bytes MUST be
        // used".
        if length >> 63 != 0 {
            return Err(Violation::LengthTopBit);
        }
        if (end == 4 && length < 126) || (end == 10 && length < 0x1_0000) {
            return Err(Violation::LongLength);
        }
        let mask = if self.expects_mask {
            Mask::new([bytes[end], bytes[end + 1], bytes[end + 2], bytes[end + 3]])
        } else {
            Mask::default()
        };
        Ok((taken, self.begin(bytes[0], length, mask)?))
    }

    /// Takes bytes of a header one by one, as far as there are any: how many.
    fn collect_header(
        &self,
        bytes: &mut [u8; MAX_HEADER],
        have: &mut usize,
        input: &[u8],
    ) -> Result<usize, Violation> {
        let mut taken = 0;
        for &byte in input {
            if *have >= 2 && *have == header_length(bytes[1]) {
                break;
            }
            bytes[*have] = byte;
            *have += 1;
            taken += 1;
            match *have {
                1 => self.judge_first_byte(byte)?,
                2 => self.judge_second_byte(bytes[0], byte)?,
                _ => {}
            }
        }
        Ok(taken)
    }

    /// What the first byte of a header may say.
    fn judge_first_byte(&self, first: u8) -> Result<(), Violation> {
        if first & 0x70 != 0 {
            return Err(Violation::ReservedBits);
        }
        let fin = first & 0x80 != 0;
        match Opcode::from_bits(first).ok_or(Violation::ReservedOpcode)? {
            Opcode::Continuation if self.message.is_none() => Err(Violation::StrayContinuation),
            Opcode::Text | Opcode::Binary if self.message.is_some() => {
                Err(Violation::InterleavedMessage)
            }
            Opcode::Text if !self.accepts_text => Err(Violation::TextRefused),
            Opcode::Close | Opcode::Ping | Opcode::Pong if !fin => {
                Err(Violation::FragmentedControl)
            }
            _ => Ok(()),
        }
    }

    /// What the second byte of a header may say after the first.
    fn judge_second_byte(&self, first: u8, second: u8) -> Result<(), Violation> {
        match (second & 0x80 != 0, self.expects_mask) {
            (false, true) => return Err(Violation::Unmasked),
            (true, false) => return Err(Violation::Masked),
            _ => {}
        }
        let is_control = Opcode::from_bits(first).is_some_and(Opcode::is_control);
        if is_control && usize::from(second & 0x7f) > MAX_CONTROL_PAYLOAD {
            return Err(Violation::LongControl);
        }
        Ok(())
    }

    /// Enters the payload of the frame whose header is whole.
    fn begin(&mut self, first: u8, length: u64, mask: Mask) -> Result<Option<Kind>, Violation> {
        let fin = first & 0x80 != 0;
        let opcode = Opcode::from_bits(first).ok_or(Violation::ReservedOpcode)?;
        if opcode.is_control() {
            self.place = Place::Control { left: length as u8, mask, opcode };
            return Ok(None);
        }
        let kind = match opcode {
            Opcode::Text => Kind::Text,
            Opcode::Binary => Kind::Binary,
            _ => self.message.ok_or(Violation::StrayContinuation)?,
        };
        self.message = Some(kind);
        if length > 0 {
            self.place = Place::Data { left: length, mask, fin };
            return Ok(None);
        }
        self.place = Place::START;
        if fin {
            self.end_message()?;
            return Ok(Some(kind));
        }
        Ok(None)
    }

    /// Unmasks and checks a slice of a data frame's payload: how many bytes of it are good, of which
    /// kind, and whether the message ends with them. What is good before a fault is still given, so
    /// that what a reader gets does not depend on how the stream was cut.
    fn data(
        &mut self,
        slice: &mut [u8],
        left: u64,
        mut mask: Mask,
        fin: bool,
    ) -> Result<(usize, Kind, bool), Violation> {
        let kind = self.message.unwrap_or(Kind::Binary);
        mask.apply(slice);
        if kind == Kind::Text
            && let Err(good) = self.text.check(slice)
        {
            self.place = Place::Broken(Violation::TextNotUtf8);
            return if good > 0 { Ok((good, kind, false)) } else { Err(Violation::TextNotUtf8) };
        }
        let left = left - slice.len() as u64;
        if left > 0 {
            self.place = Place::Data { left, mask, fin };
            return Ok((slice.len(), kind, false));
        }
        self.place = Place::START;
        if fin && let Err(violation) = self.end_message() {
            // The character that is cut makes the last byte the bad one.
            self.place = Place::Broken(violation);
            let good = slice.len() - 1;
            return if good > 0 { Ok((good, kind, false)) } else { Err(violation) };
        }
        Ok((slice.len(), kind, fin))
    }

    fn end_message(&mut self) -> Result<(), Violation> {
        self.message = None;
        if self.text.is_complete() { Ok(()) } else { Err(Violation::TextNotUtf8) }
    }
}

/// Bytes of a header whose second byte this is.
const fn header_length(second: u8) -> usize {
    let length = match second & 0x7f {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    if second & 0x80 != 0 { length + 4 } else { length }
}

fn control_item(opcode: Opcode, control: Control) -> Result<Item, Violation> {
    Ok(match opcode {
        Opcode::Ping => Item::Ping(control),
        Opcode::Close => Item::Close(close_reason(control.payload())?),
        _ => Item::Pong(control),
    })
}

/// The payload of a Close frame (RFC 6455 §5.5.1, §7.4).
fn close_reason(payload: &[u8]) -> Result<CloseReason, Violation> {
    let Some((code, text)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() {
            Ok(CloseReason::default())
        } else {
            Err(Violation::HalfCloseCode)
        };
    };
    let code = CloseCode::new(u16::from_be_bytes(*code)).ok_or(Violation::BadCloseCode)?;
    let text = std::str::from_utf8(text).map_err(|_| Violation::ReasonNotUtf8)?;
    Ok(CloseReason { code: Some(code), text: text.into() })
}
