//! The writer and reader of `wsferry-frames`, for the roles of `wsferry-proto`.

use wsferry_proto::{Mask, Role};

pub use wsferry_frames::{
    BINARY, CLOSE, CONTINUATION, FIN, Form, KEY, PING, PONG, Parsed, TEXT, close_payload, frame,
    header, parse,
};

/// A frame with the key that such a writer must use: a client masks, a server does not.
pub fn frame_from(writer: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, key_of(writer), payload)
}

pub fn key_of(writer: Role) -> Option<[u8; 4]> {
    (writer == Role::Client).then_some(KEY)
}

/// Byte by byte as RFC 6455 §5.3 writes it; [`Mask`] is what is tested by it.
pub fn masked(key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let bytes = wsferry_frames::masked(key, payload);
    let key = key.unwrap_or_default();
    let mut other = payload.to_vec();
    Mask::new(key).apply(&mut other);
    assert_eq!(bytes, other, "key {key:x?}");
    bytes
}
