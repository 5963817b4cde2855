//! Words → values: addresses, names and header fields.

use std::fmt;
use std::str::FromStr;

use http::{HeaderName, HeaderValue};
use wsferry_proto::handshake::Subprotocol;
use wsferry_proto::{HostName, Kind};

use crate::address::{Address, AddressError, host_before_port};
use crate::auth::{AllowHost, AllowOrigin};
use crate::gateway::Listen;
use crate::route::Dial;
use crate::wrap::WrapMode;

/// Where to listen: `[host:]port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// A name, an address without brackets, or nothing for all addresses.
    pub host: String,
    /// 0 for a free one.
    pub port: u16,
}

/// Text that is not what was expected: one sentence with the text, what was expected, and an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError {
    text: String,
    expected: &'static str,
}

impl ValueError {
    pub(super) fn new(text: &str, expected: &'static str) -> Self {
        Self { text: text.to_owned(), expected }
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not {}", self.text, self.expected)
    }
}

impl std::error::Error for ValueError {}

impl FromStr for ListenAddress {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let error = || {
            ValueError::new(
                text,
                "an address to listen on: give a port, such as 27016, or host:port, such as \
                 127.0.0.1:27016 or [::1]:27016",
            )
        };
        let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
        if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(error());
        }
        let port = port.parse().map_err(|_| error())?;
        let host = match host {
            "" | "*" => String::new(),
            host => match host_before_port(host).ok_or_else(error)? {
                HostName::Name(name) => name.into(),
                HostName::Address(address) => address.to_string(),
            },
        };
        Ok(Self { host, port })
    }
}

impl From<ListenAddress> for Listen {
    fn from(ListenAddress { host, port }: ListenAddress) -> Self {
        Self::Tcp { host, port }
    }
}

/// Reads a target as it is typed: without a host it is on this machine.
///
/// # Errors
/// Not the address of a target.
pub fn target(text: &str) -> Result<Address, AddressError> {
    let here = text.strip_prefix(':').and_then(|port| format!("localhost:{port}").parse().ok());
    here.map_or_else(|| text.parse(), Ok)
}

/// Reads the rights of a file, in octal.
///
/// # Errors
/// Not an octal number up to 777.
pub fn mode(text: &str) -> Result<u32, ValueError> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let is_octal = !digits.is_empty() && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    let mode = if is_octal { u32::from_str_radix(digits, 8).ok() } else { None };
    mode.filter(|&mode| mode <= 0o777).ok_or_else(|| {
        ValueError::new(text, "the rights of a file: give them in octal, such as 0660")
    })
}

/// The fields of an answer that the file or the connection decides.
const OWN_FIELDS: &[&str] = &[
    "accept-ranges",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "etag",
    "keep-alive",
    "last-modified",
    "location",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Reads a header field of `--header`.
///
/// # Errors
/// Not `Name: value`, or a field that is not the operator's to set.
pub fn header(text: &str) -> Result<(HeaderName, HeaderValue), ValueError> {
    let read = || {
        let (name, value) = text.split_once(':')?;
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(value.trim()).ok()?))
    };
    let field = read().ok_or_else(|| {
        ValueError::new(
            text,
            "a header field: give its name, a colon and its value, such as Cache-Control: no-cache",
        )
    })?;
    if OWN_FIELDS.contains(&field.0.as_str()) || field.0.as_str().starts_with("sec-websocket-") {
        let expected = "a header field that can be set: the file or the connection decides it";
        return Err(ValueError::new(text, expected));
    }
    Ok(field)
}

/// Reads an item of `--allow-origin`.
///
/// # Errors
/// Neither an origin nor a pattern of origins.
pub fn allow_origin(text: &str) -> Result<AllowOrigin, ValueError> {
    text.parse().map_err(|_| {
        ValueError::new(
            text,
            "an origin: give scheme://host[:port] without a path, such as https://example.com, or a \
             pattern, such as https://*.example.com, http://localhost:* or moz-extension://*, or * for \
             every origin",
        )
    })
}

/// Reads an item of `--subprotocol`.
///
/// # Errors
/// Not a name of a subprotocol, or `base64`.
pub fn subprotocol(text: &str) -> Result<Subprotocol, ValueError> {
    text.parse().map_err(|_| {
        ValueError::new(
            text,
            "a subprotocol that a target can speak: give its name, such as text.ircv3.net",
        )
    })
}

/// Reads an item of `--allow-host`.
///
/// # Errors
/// Neither `*` nor a host name.
pub fn allow_host(text: &str) -> Result<AllowHost, ValueError> {
    if text == "*" {
        return Ok(AllowHost::Any);
    }
    text.parse().map(AllowHost::One).map_err(|_| {
        ValueError::new(text, "a host name without a port, such as play.example.com, or * for any")
    })
}

/// Reads one of a few words.
fn choice<T: Copy>(
    text: &str,
    expected: &'static str,
    words: &[(&str, T)],
) -> Result<T, ValueError> {
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or_else(|| ValueError::new(text, expected))
}

/// Reads `dial`.
pub(super) fn dial(text: &str) -> Result<Dial, ValueError> {
    let words = [("after-accept", Dial::AfterAccept), ("before-accept", Dial::BeforeAccept)];
    choice(text, "when to dial: give after-accept or before-accept", &words)
}

/// Reads `send`.
pub(super) fn send(text: &str) -> Result<Kind, ValueError> {
    let words = [("binary", Kind::Binary), ("text", Kind::Text)];
    choice(text, "a type of messages: give binary or text", &words)
}

/// Reads `wrap-mode`.
pub(super) fn wrap_mode(text: &str) -> Result<WrapMode, ValueError> {
    let words =
        [("exit", WrapMode::Exit), ("ignore", WrapMode::Ignore), ("respawn", WrapMode::Respawn)];
    choice(text, "what follows the end of a program: give exit, ignore or respawn", &words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_to_listen_on_may_leave_out_the_host() {
        for (text, host, port) in [
            ("27016", "", 27016),
            (":27016", "", 27016),
            ("0", "", 0),
            ("localhost:1", "localhost", 1),
            ("127.0.0.1:80", "127.0.0.1", 80),
            ("[::1]:80", "::1", 80),
            ("::1:80", "::1", 80),
            ("2001:db8::7:80", "2001:db8::7", 80),
            ("*:80", "", 80),
        ] {
            let expected = ListenAddress { host: host.to_owned(), port };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in ["", "x", "65536", "-1", "+1", "localhost:", "::1", "a b:1", "1:2:3"] {
            let error = text.parse::<ListenAddress>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text:?} is not")), "{error}");
        }
    }

    #[test]
    fn a_target_without_a_host_is_on_this_machine() {
        assert_eq!(target(":5901"), "localhost:5901".parse());
        for text in [":", ":0", ":x", "::1", ":65536"] {
            assert!(target(text).unwrap_err().to_string().contains(&format!("{text:?}")));
        }
    }

    #[test]
    fn a_header_field_has_a_name_a_colon_and_a_value() {
        let (name, value) = header("X-Own:  a b ").unwrap();
        assert_eq!((name.as_str(), value.as_bytes()), ("x-own", &b"a b"[..]));
        for text in ["", "X-Own", ": a", "X Own: a", "X-Own : a", "X-Own: a\r\nX-More: b"] {
            let error = header(text).unwrap_err().to_string();
            assert!(error.contains("is not a header field: give its name"), "{error}");
        }
        for text in ["Content-Length: 1", "connection: close", "Sec-WebSocket-Accept: a"] {
            assert!(header(text).unwrap_err().to_string().contains("decides it"), "{text}");
        }
    }

    #[test]
    fn origins_and_hosts_with_more_than_they_are_refused() {
        for text in ["example.com", "https://example.com/", "https://", "", "https://*"] {
            assert!(allow_origin(text).is_err(), "{text}");
        }
        for text in ["https://example.com", "example.com:80", "", "*.example.com"] {
            assert!(allow_host(text).is_err(), "{text}");
        }
    }
}
