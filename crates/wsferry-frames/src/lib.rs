//! Frames as they stand on the wire, right or wrong, written and read without the code that is tested.
#![forbid(unsafe_code)]

/// The masking key of a frame in which it does not matter.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// FIN, to be joined with an opcode.
pub const FIN: u8 = 0x80;

/// Opcodes (RFC 6455 §5.2).
pub const CONTINUATION: u8 = 0x0;
/// See [`CONTINUATION`].
pub const TEXT: u8 = 0x1;
/// See [`CONTINUATION`].
pub const BINARY: u8 = 0x2;
/// See [`CONTINUATION`].
pub const CLOSE: u8 = 0x8;
/// See [`CONTINUATION`].
pub const PING: u8 = 0x9;
/// See [`CONTINUATION`].
pub const PONG: u8 = 0xa;

/// How a length is written; a right frame has the shortest form (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In the second byte.
    Short,
    /// In two bytes behind it.
    Medium,
    /// In eight bytes behind it.
    Long,
}

impl Form {
    /// The form that a length must have.
    pub const fn shortest(length: u64) -> Self {
        match length {
            0..=125 => Self::Short,
            126..=0xffff => Self::Medium,
            _ => Self::Long,
        }
    }
}

/// A header. `first` is the whole first byte.
pub fn header(first: u8, form: Form, length: u64, key: Option<[u8; 4]>) -> Vec<u8> {
    let mask_bit = if key.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match form {
        Form::Short => bytes.push(mask_bit | length as u8),
        Form::Medium => {
            bytes.push(mask_bit | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        Form::Long => {
            bytes.push(mask_bit | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend(key.into_iter().flatten());
    bytes
}

/// A frame with a right length.
pub fn frame(first: u8, key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u64;
    let mut bytes = header(first, Form::shortest(length), length, key);
    bytes.extend(masked(key, payload));
    bytes
}

/// The payload of a Close frame.
pub fn close_payload(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

/// Masked, or unmasked, byte by byte as RFC 6455 §5.3 writes it.
pub fn masked(key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let key = key.unwrap_or_default();
    payload.iter().enumerate().map(|(index, byte)| byte ^ key[index % 4]).collect()
}

/// What a header says, read without the code that is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// FIN, reserved bits and opcode.
    pub first: u8,
    /// How the length is written.
    pub form: Form,
    /// Bytes of payload.
    pub length: u64,
    /// The masking key.
    pub key: Option<[u8; 4]>,
}

impl Parsed {
    /// Bytes of the header itself.
    pub const fn size(&self) -> usize {
        let extended = match self.form {
            Form::Short => 0,
            Form::Medium => 2,
            Form::Long => 8,
        };
        2 + extended + if self.key.is_some() { 4 } else { 0 }
    }
}

/// Reads the header at the start of `bytes`; `None` while it is not whole.
pub fn parse_start(bytes: &[u8]) -> Option<Parsed> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    let (form, length, rest) = match second & 0x7f {
        126 => {
            let (length, rest) = rest.split_first_chunk()?;
            (Form::Medium, u64::from(u16::from_be_bytes(*length)), rest)
        }
        127 => {
            let (length, rest) = rest.split_first_chunk()?;
            (Form::Long, u64::from_be_bytes(*length), rest)
        }
        length => (Form::Short, u64::from(length), rest),
    };
    let key = if second & 0x80 == 0 { None } else { Some(*rest.first_chunk()?) };
    Some(Parsed { first, form, length, key })
}

/// Reads a header that is whole and nothing else.
///
/// # Panics
/// When it is not.
pub fn parse(bytes: &[u8]) -> Parsed {
    let parsed = parse_start(bytes).unwrap_or_else(|| panic!("half a header: {bytes:x?}"));
    assert_eq!(parsed.size(), bytes.len(), "bytes behind the header: {bytes:x?}");
    parsed
}

#[cfg(test)]
mod tests {
    use super::*;

    // Examples of RFC 6455 §5.7.
    const HELLO: [u8; 11] = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";

    #[test]
    fn a_masked_text_message_is_that_of_the_rfc() {
        assert_eq!(frame(FIN | TEXT, Some(KEY), b"Hello"), HELLO);
        assert_eq!(frame(FIN | TEXT, None, b"Hello"), b"\x81\x05Hello");
    }

    #[test]
    fn a_header_is_read_as_soon_as_it_is_whole_and_not_before() {
        for (form, length) in [(Form::Short, 5), (Form::Medium, 256), (Form::Long, 1 << 40)] {
            for key in [None, Some(KEY)] {
                let bytes = header(FIN | BINARY, form, length, key);
                let parsed = Parsed { first: FIN | BINARY, form, length, key };
                assert_eq!(parse(&bytes), parsed);
                assert_eq!(parse_start(&[&bytes[..], b"more"].concat()), Some(parsed));
                for end in 0..bytes.len() {
                    assert_eq!(parse_start(&bytes[..end]), None, "{bytes:x?} {end}");
                }
            }
        }
    }
}
