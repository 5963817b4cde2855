//! Close codes and reasons (RFC 6455 §5.5.1, §7.4).

use std::fmt;

/// A close code that may travel in a Close frame: 1000–1003, 1007–1014, 3000–4999.
///
/// 1004–1006 and 1015 never travel (RFC 6455 §7.4.1), the rest below 3000 is reserved (§7.4.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// This side goes away: a server that stops, a page that is left.
    pub const GOING_AWAY: Self = Self(1001);
    /// The other side broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// A type of data that is not accepted, such as text where only binary is.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// Text, or a close reason, that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// A policy of this side ends the connection.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// This side, or what stands behind it, failed.
    pub const INTERNAL_ERROR: Self = Self(1011);

    /// The code of a number, `None` if that number may not travel.
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number on the wire.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What a Close frame says: nothing, a code, or a code and a reason of at most 123 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloseReason {
    /// The code; without one the frame was empty (which an API shows as 1005).
    pub code: Option<CloseCode>,
    /// UTF-8 for people; empty without a code.
    pub text: Box<str>,
}

impl CloseReason {
    /// The most bytes a reason can have: 125 of a control frame less two for the code.
    pub const MAX_TEXT: usize = 123;

    /// A code and a reason, which is cut at a character boundary if it is over 123 bytes.
    pub fn new(code: CloseCode, text: &str) -> Self {
        let end = text.floor_char_boundary(Self::MAX_TEXT);
        Self { code: Some(code), text: text[..end].into() }
    }

    /// Writes the payload of the Close frame to the start of `room` (125 bytes are always enough)
    /// and says how many bytes it has.
    pub(crate) fn write_to(&self, room: &mut [u8]) -> usize {
        let Some(code) = self.code else { return 0 };
        let end = 2 + self.text.len();
        room[..2].copy_from_slice(&code.get().to_be_bytes());
        room[2..end].copy_from_slice(self.text.as_bytes());
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_codes_that_may_travel_exist() {
        let travelling: Vec<u16> =
            (0..=u16::MAX).filter(|&c| CloseCode::new(c).is_some()).collect();
        let expected: Vec<u16> = (1000..=1003).chain(1007..=1014).chain(3000..=4999).collect();
        assert_eq!(travelling, expected);
    }

    #[test]
    fn a_reason_is_cut_at_a_character_boundary() {
        let reason = CloseReason::new(CloseCode::NORMAL, &"é".repeat(100));
        assert_eq!(reason.text.len(), 122);
        assert_eq!(&*reason.text, "é".repeat(61));
    }
}
