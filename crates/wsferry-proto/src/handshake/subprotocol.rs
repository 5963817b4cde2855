//! Which subprotocol is spoken (RFC 6455 §1.9, §4.2.2).
//!
//! A browser fails the connection when it offered some and gets none back, or gets one that it did
//! not offer: so one of those offered is always echoed. One that promises more than a stream of bytes
//! keeps is left out: a client that got it would wait forever for what no target sends.

use std::fmt;
use std::str::FromStr;

use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderMap, HeaderValue};

use super::Refusal;
use crate::frame::Kind;
use crate::head::is_token_byte;

/// Subprotocols whose messages are no pieces of a byte stream.
const PROMISES: [&[u8]; 5] =
    [b"xmpp", b"text.ircv3.net", b"binary.ircv3.net", b"graphql-ws", b"graphql-transport-ws"];

/// A subprotocol that a target speaks, as its operator says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subprotocol(Box<str>);

/// Text that names no subprotocol which could be spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubprotocolError;

impl fmt::Display for SubprotocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected the name of a subprotocol, such as text.ircv3.net, and not base64")
    }
}

impl std::error::Error for SubprotocolError {}

impl FromStr for Subprotocol {
    type Err = SubprotocolError;

    fn from_str(text: &str) -> Result<Self, SubprotocolError> {
        let is_name = !text.is_empty() && text.bytes().all(is_token_byte) && text != "base64";
        if is_name { Ok(Self(text.into())) } else { Err(SubprotocolError) }
    }
}

/// `binary` when offered, else the first one offered that can be kept.
pub(super) fn choose(
    headers: &HeaderMap,
    spoken: &[Subprotocol],
) -> Result<Option<HeaderValue>, Refusal> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let mut values = values
        .map(|value| value.as_bytes().trim_ascii())
        .filter(|value| !value.is_empty())
        .peekable();
    if values.peek().is_none() {
        return Ok(None); // an empty field says as little as none
    }
    let mut offered: Vec<&[u8]> = Vec::new();
    for value in values {
        // Empty items of a list are ignored (RFC 9110 §5.6.1.2).
        let items = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
        offered.extend(items.filter(|item| !item.is_empty()));
    }
    let is_token = |word: &&[u8]| word.iter().all(|&byte| is_token_byte(byte));
    if offered.is_empty() || !offered.iter().all(is_token) {
        return Err(Refusal::bad("Sec-WebSocket-Protocol is not a list of tokens"));
    }
    let is_kept = |word: &[u8]| match word {
        b"base64" => false,
        word if PROMISES.contains(&word) || word.starts_with(b"wamp.") => {
            spoken.iter().any(|Subprotocol(name)| name.as_bytes() == word)
        }
        _ => true,
    };
    let binary = offered.iter().find(|&&word| word == b"binary");
    match binary.or_else(|| offered.iter().find(|word| is_kept(word))) {
        Some(chosen) => Ok(HeaderValue::from_bytes(chosen).ok()),
        None if offered.iter().all(|&word| word == b"base64") => Err(Refusal::bad(
            "the subprotocol base64 is not spoken here: offer \"binary\", or none",
        )),
        None => Err(Refusal::bad(
            "the subprotocol that was offered promises more than a byte stream: offer \"binary\", or \
             none; if the target speaks it: --subprotocol NAME",
        )),
    }
}

/// What a subprotocol says of the frames to the client.
pub(super) fn kind(subprotocol: &HeaderValue) -> Option<Kind> {
    match subprotocol.as_bytes() {
        b"text" => Some(Kind::Text),
        b"binary" => Some(Kind::Binary),
        _ => None,
    }
}
