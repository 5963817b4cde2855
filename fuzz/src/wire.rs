//! Frames as they stand on the wire, right or wrong, written without the code that is tested.

use wsferry_proto::{Mask, Role};

/// The masking key of a frame in which it does not matter.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// FIN, to be joined with an opcode.
pub const FIN: u8 = 0x80;

pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xa;

/// How a length is written; a right frame has the shortest form (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Short,
    Medium,
    Long,
}

impl Form {
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

/// A frame with the key that such a writer must use: a client masks, a server does not.
pub fn frame_from(writer: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, key_of(writer), payload)
}

pub fn key_of(writer: Role) -> Option<[u8; 4]> {
    (writer == Role::Client).then_some(KEY)
}

/// The payload of a Close frame.
pub fn close_payload(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

/// Byte by byte as RFC 6455 §5.3 writes it; [`Mask`] is what is tested by it.
pub fn masked(key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let key = key.unwrap_or_default();
    let plain = payload.iter().enumerate();
    let bytes: Vec<u8> = plain.map(|(index, byte)| byte ^ key[index % 4]).collect();
    let mut other = payload.to_vec();
    Mask::new(key).apply(&mut other);
    assert_eq!(bytes, other, "key {key:x?}");
    bytes
}

/// What a header says, read without the code that is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed {
    pub first: u8,
    pub form: Form,
    pub length: u64,
    pub key: Option<[u8; 4]>,
}

/// Reads a header that is whole and nothing else.
pub fn parse(bytes: &[u8]) -> Parsed {
    let (first, second) = (bytes[0], bytes[1]);
    let (form, extended) = match second & 0x7f {
        126 => (Form::Medium, 2),
        127 => (Form::Long, 8),
        _ => (Form::Short, 0),
    };
    let (length, rest) = bytes[2..].split_at(extended);
    let length = match form {
        Form::Short => u64::from(second & 0x7f),
        _ => length.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)),
    };
    let key = (second & 0x80 != 0).then(|| rest.try_into().expect("a key of four bytes"));
    assert!(key.is_some() || rest.is_empty(), "bytes behind the header: {rest:x?}");
    Parsed { first, form, length, key }
}
