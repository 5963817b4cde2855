//! Which subprotocol is spoken (RFC 6455 §1.9, §4.2.2).
//!
//! A browser fails the connection when it offered some and gets none back, or gets one that it did
//! not offer: so one of those offered is always echoed.

use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderMap, HeaderValue};

use super::Refusal;
use crate::head::is_token_byte;

/// `binary` when offered, else the first one offered that is not `base64`.
pub(super) fn choose(headers: &HeaderMap) -> Result<Option<HeaderValue>, Refusal> {
    if !headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        return Ok(None);
    }
    let mut offered: Vec<&[u8]> = Vec::new();
    for value in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        // Empty items of a list are ignored (RFC 9110 §5.6.1.2).
        let items = value.as_bytes().split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
        offered.extend(items.filter(|item| !item.is_empty()));
    }
    let is_token = |word: &&[u8]| word.iter().all(|&byte| is_token_byte(byte));
    if offered.is_empty() || !offered.iter().all(is_token) {
        return Err(Refusal::bad("Sec-WebSocket-Protocol is not a list of tokens"));
    }
    let usable = |word: &&&[u8]| **word != b"base64";
    let chosen = offered
        .iter()
        .find(|&&word| word == b"binary")
        .or_else(|| offered.iter().find(usable))
        .ok_or(Refusal::bad(
            "the subprotocol base64 is not spoken here: offer \"binary\", or none",
        ))?;
    Ok(HeaderValue::from_bytes(chosen).ok())
}
