//! The rules of RFC 6455 that the other side can break, and how it is told.

use std::fmt;

use crate::close::CloseCode;

/// A rule of RFC 6455 that the other side broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Violation {
    /// A reserved bit is set and no extension was agreed on (§5.2).
    ReservedBits,
    /// Opcode 3–7 or B–F (§5.2).
    ReservedOpcode,
    /// A client's frame without a mask (§5.1).
    Unmasked,
    /// A server's frame with a mask (§5.1).
    Masked,
    /// An extended length that a shorter form could hold (§5.2).
    LongLength,
    /// A 64-bit length whose top bit is set (§5.2).
    LengthTopBit,
    /// A control frame of more than 125 bytes (§5.5).
    LongControl,
    /// A control frame that is not final (§5.5).
    FragmentedControl,
    /// A continuation where no message has begun (§5.4).
    StrayContinuation,
    /// A new message inside a fragmented one (§5.4).
    InterleavedMessage,
    /// A Close frame with one byte of payload (§5.5.1).
    HalfCloseCode,
    /// A close code that may not travel (§7.4).
    BadCloseCode,
    /// A text message that is not UTF-8 (§8.1).
    TextNotUtf8,
    /// A close reason that is not UTF-8 (§5.5.1).
    ReasonNotUtf8,
    /// A text message where only binary ones are accepted (a setting, §7.4.1).
    TextRefused,
}

impl Violation {
    /// The close code that tells the other side (RFC 6455 §7.4.1).
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::TextNotUtf8 | Self::ReasonNotUtf8 => CloseCode::INVALID_PAYLOAD,
            Self::TextRefused => CloseCode::UNSUPPORTED_DATA,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }

    /// What is wrong, in words that fit into a close reason.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReservedBits => "reserved bits set without an extension",
            Self::ReservedOpcode => "reserved opcode",
            Self::Unmasked => "client frame without a mask",
            Self::Masked => "server frame with a mask",
            Self::LongLength => "payload length not in its shortest form",
            Self::LengthTopBit => "payload length over 63 bits",
            Self::LongControl => "control frame over 125 bytes",
            Self::FragmentedControl => "fragmented control frame",
            Self::StrayContinuation => "continuation without a message",
            Self::InterleavedMessage => "new message inside a fragmented one",
            Self::HalfCloseCode => "close frame with one byte of payload",
            Self::BadCloseCode => "close code that may not be sent",
            Self::TextNotUtf8 => "text message is not UTF-8",
            Self::ReasonNotUtf8 => "close reason is not UTF-8",
            Self::TextRefused => "text messages are not accepted here",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for Violation {}
