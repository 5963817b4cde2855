//! Opcodes, and the header of a frame that is to be sent (RFC 6455 §5.2).

/// The most bytes a frame header can have: 2, 8 of extended length, 4 of masking key.
pub const MAX_HEADER: usize = 14;

/// What a frame is, from the low four bits of its first byte (RFC 6455 §5.2, §11.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// A further fragment of the message that has begun.
    Continuation,
    /// The first fragment, or the whole, of a text message.
    Text,
    /// The first fragment, or the whole, of a binary message.
    Binary,
    /// The closing handshake.
    Close,
    /// Asks for a Pong with the same payload.
    Ping,
    /// Answers a Ping, or is sent unasked as a sign of life.
    Pong,
}

impl Opcode {
    /// The opcode of a first byte, `None` for the reserved ones (3–7, B–F).
    pub fn from_bits(first: u8) -> Option<Self> {
        Some(match first & 0x0f {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }

    /// The four bits on the wire.
    pub const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    /// Close, Ping and Pong: at most 125 bytes, never fragmented (RFC 6455 §5.5).
    pub const fn is_control(self) -> bool {
        self.bits() & 0x8 != 0
    }
}

/// The type of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// UTF-8 (RFC 6455 §8.1).
    Text,
    /// Any bytes.
    Binary,
}

impl Kind {
    /// The opcode of the first frame of such a message.
    pub const fn opcode(self) -> Opcode {
        match self {
            Self::Text => Opcode::Text,
            Self::Binary => Opcode::Binary,
        }
    }
}

/// A frame header to be sent. It is at most [`MAX_HEADER`] bytes; the payload stays where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether this is the last frame of its message.
    pub fin: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// Bytes of payload that follow.
    pub length: u64,
    /// The masking key: a client's frames have one, a server's never (RFC 6455 §5.1).
    pub masking_key: Option<[u8; 4]>,
}

impl Header {
    /// Bytes of this header on the wire.
    pub const fn size(&self) -> usize {
        let length = match self.length {
            0..=125 => 2,
            126..=0xffff => 4,
            _ => 10,
        };
        if self.masking_key.is_some() { length + 4 } else { length }
    }

    /// Writes the header to the end of `room` and says at which index it begins, so that a caller
    /// whose payload lies behind `room` has the whole frame in one piece.
    ///
    /// # Panics
    /// When `room` is shorter than [`Header::size`]; [`MAX_HEADER`] is always enough.
    pub fn write_before(&self, room: &mut [u8]) -> usize {
        let start = room.len() - self.size();
        self.write_to(&mut room[start..]);
        start
    }

    /// Writes the header to the start of `room` and says how many bytes it has.
    ///
    /// # Panics
    /// When `room` is shorter than [`Header::size`].
    pub fn write_to(&self, room: &mut [u8]) -> usize {
        let mask_bit = if self.masking_key.is_some() { 0x80 } else { 0 };
        room[0] = if self.fin { 0x80 } else { 0 } | self.opcode.bits();
        let mut end = 2;
        // The shortest form is a MUST (RFC 6455 §5.2).
        match self.length {
            0..=125 => room[1] = mask_bit | self.length as u8,
            126..=0xffff => {
                room[1] = mask_bit | 126;
                room[2..4].copy_from_slice(&(self.length as u16).to_be_bytes());
                end = 4;
            }
            _ => {
                room[1] = mask_bit | 127;
                room[2..10].copy_from_slice(&self.length.to_be_bytes());
                end = 10;
            }
        }
        if let Some(key) = self.masking_key {
            room[end..end + 4].copy_from_slice(&key);
            end += 4;
        }
        end
    }
}
