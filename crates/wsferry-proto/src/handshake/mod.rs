//! The rules of the opening handshake (RFC 6455 §4.2): which request becomes a WebSocket
//! connection, and what the others are told.
//!
//! Pure functions of method, version and header fields, so that every HTTP version and the tests
//! share them. Who may connect is not asked here.

mod extensions;
mod subprotocol;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header::{
    CONTENT_LENGTH, HOST, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use sha1::{Digest, Sha1};

pub use subprotocol::{Subprotocol, SubprotocolError};

use crate::frame::Kind;
use crate::head::list_holds;
use crate::host::Host;

/// What a request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A good WebSocket handshake.
    Upgrade(Upgrade),
    /// A GET or HEAD that does not ask for WebSocket.
    Plain,
}

/// What the answer 101 says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// The value of `Sec-WebSocket-Accept`.
    pub accept: HeaderValue,
    /// The value of `Sec-WebSocket-Protocol`; absent when the client offered none.
    pub subprotocol: Option<HeaderValue>,
    /// What data frames to this client are, where its subprotocol says so: `text` and `binary` mean
    /// what they say.
    pub send: Option<Kind>,
}

/// A decided no, as HTTP tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// One sentence for the person who reads it.
    pub reason: &'static str,
}

impl Refusal {
    const fn new(status: StatusCode, reason: &'static str) -> Self {
        Self { status, reason }
    }

    const fn bad(reason: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason)
    }

    /// A request that does not ask for WebSocket, where nothing else is served.
    pub const UPGRADE_REQUIRED: Self = Self::new(
        StatusCode::UPGRADE_REQUIRED,
        "this port speaks WebSocket only; to serve files too: --web",
    );

    /// The header fields that go with the status: names in lower case, and values.
    pub const fn fields(&self) -> &'static [(&'static str, &'static str)] {
        match self.status {
            StatusCode::UPGRADE_REQUIRED => &[
                ("sec-websocket-version", "13"),
                ("upgrade", "websocket"),
                ("connection", "Upgrade, close"),
            ],
            StatusCode::METHOD_NOT_ALLOWED => &[("allow", "GET, HEAD")],
            _ => &[],
        }
    }
}

/// Judges a request. `spoken` are the subprotocols that the target is known to speak.
///
/// # Errors
/// What is wrong with it. Every rule has its section of RFC 6455 beside it.
pub fn judge(
    method: &Method,
    version: Version,
    headers: &HeaderMap,
    spoken: &[Subprotocol],
) -> Result<Verdict, Refusal> {
    if method != Method::GET && method != Method::HEAD {
        return Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET and HEAD are answered here",
        ));
    }
    // §4.2.1 items 1, 3 and 4; lists may stand in one field or in several (RFC 9110 §5.3).
    let asks = method == Method::GET
        && holds(headers, &UPGRADE, b"websocket")
        && holds(headers, &header::CONNECTION, b"upgrade");
    if !asks {
        return Ok(Verdict::Plain);
    }
    // §4.2.1 item 1.
    if version < Version::HTTP_11 {
        return Err(Refusal::new(
            StatusCode::UPGRADE_REQUIRED,
            "WebSocket needs HTTP/1.1; behind nginx: proxy_http_version 1.1",
        ));
    }
    if announces_body(headers) {
        return Err(Refusal::bad("a WebSocket handshake has no body"));
    }
    // §4.2.1 item 6, §4.4: other versions are answered with the one that is spoken.
    if single(headers, &SEC_WEBSOCKET_VERSION) != Some(b"13") {
        return Err(Refusal::new(
            StatusCode::UPGRADE_REQUIRED,
            "the only WebSocket version spoken here is 13",
        ));
    }
    // §4.2.1 item 5.
    let key = single(headers, &SEC_WEBSOCKET_KEY)
        .filter(|key| is_key(key))
        .ok_or(Refusal::bad("Sec-WebSocket-Key is not one base64 value of 16 bytes"))?;
    // §4.2.2 items 4 and 5; §9.1.
    let subprotocol = subprotocol::choose(headers, spoken)?;
    extensions::check(headers)?;
    let send = subprotocol.as_ref().and_then(subprotocol::kind);
    Ok(Verdict::Upgrade(Upgrade { accept: accept(key), subprotocol, send }))
}

/// Whether a request announces a body (RFC 9112 §6).
pub fn announces_body(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    headers.contains_key(TRANSFER_ENCODING) || lengths.any(|length| length != "0")
}

/// The host that a request names (RFC 9112 §3.2).
///
/// # Errors
/// None, more than one, or a malformed one.
pub fn host(headers: &HeaderMap) -> Result<Host, Refusal> {
    let mut values = headers.get_all(HOST).iter();
    let value = values.next().ok_or(Refusal::bad("the request has no Host field"))?;
    if values.next().is_some() {
        return Err(Refusal::bad("the request has more than one Host field"));
    }
    value
        .to_str()
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(Refusal::bad("the Host field is malformed"))
}

/// The value of `Sec-WebSocket-Accept` for a key (RFC 6455 §4.2.2 item 5.4).
fn accept(key: &[u8]) -> HeaderValue {
    let digest = Sha1::new()
        .chain_update(key)
        .chain_update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
        .finalize();
    let text = base64::engine::general_purpose::STANDARD.encode(digest);
    // Base64 is visible ASCII, so the conversion cannot fail.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// Whether a key is base64 of 16 bytes. The last character may carry bits that mean nothing: the
/// RFC's own example of a key (§4.1) does.
fn is_key(key: &[u8]) -> bool {
    const BASE64: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
    );
    let mut bytes = [0; 18];
    key.len() == 24 && BASE64.decode_slice(key, &mut bytes).is_ok_and(|length| length == 16)
}

/// The value of a field that stands once, without blanks around it.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then_some(value.as_bytes().trim_ascii())
}

fn holds(headers: &HeaderMap, name: &HeaderName, word: &[u8]) -> bool {
    headers.get_all(name).iter().any(|value| list_holds(value.as_bytes(), word))
}
