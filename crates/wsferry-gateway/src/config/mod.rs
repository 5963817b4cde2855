//! Text → valid settings. After it nothing is checked again.

pub mod plugin;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use wsferry_proto::handshake::Subprotocol;
use wsferry_proto::{HostName, KeepAlive, Kind, head};

use crate::address::{Address, AddressError, host_before_port};
use crate::auth::{self, AllowHost, AllowOrigin};
use crate::door::HeadRules;
pub use crate::gateway::{Config, Listen};
use crate::net::Resolver;
use crate::relay;
use crate::route::Dial;
pub use crate::route::{DestinationSettings, Reached};
use crate::session;

/// How long a Ping may go unanswered.
pub const PONG_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a wrapped program may take to end after SIGTERM.
pub const WRAP_GRACE: Duration = Duration::from_secs(5);

/// The defaults, which are safe: `docs/how-to.md` says what each of them is for.
pub mod default {
    /// Seconds of silence before a Ping.
    pub const HEARTBEAT: &str = "25";
    /// Seconds for the target's name and connection.
    pub const CONNECT_TIMEOUT: &str = "5";
    /// Seconds for a request head.
    pub const HEADER_TIMEOUT: &str = "10";
    /// Seconds for the answer to a Close.
    pub const CLOSE_TIMEOUT: &str = "10";
    /// Seconds that the target may still send after its client closed.
    pub const LINGER: &str = "1";
    /// Seconds without any progress of a write.
    pub const WRITE_TIMEOUT: &str = "60";
    /// Seconds for the drain.
    pub const DRAIN_TIMEOUT: &str = "30";
    /// The largest request head.
    pub const MAX_HEAD_SIZE: &str = "64KiB";
    /// The largest message to a client.
    pub const MAX_MESSAGE: &str = "64KiB";
    /// Bytes of an answer in a second.
    pub const FILE_MIN_RATE: &str = "4096";
    /// Wrong credentials and unknown tokens of a source in a minute.
    pub const AUTH_FAILURES_PER_SOURCE: &str = "10";
    /// Connections that are not sessions yet.
    pub const MAX_HANDSHAKES: &str = "1024";
}

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
    fn new(text: &str, expected: &'static str) -> Self {
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

/// Reads a duration in seconds.
///
/// # Errors
/// Not a number from 0 to 10^9.
pub fn seconds(text: &str) -> Result<Duration, ValueError> {
    text.parse::<f64>()
        .ok()
        .filter(|seconds| (0.0..=1e9).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| ValueError::new(text, "a number of seconds, such as 25 or 0.5"))
}

/// Reads a size of messages: bytes, or a number of KiB, MiB or GiB.
///
/// # Errors
/// Not such a size, or 0.
pub fn message_size(text: &str) -> Result<usize, ValueError> {
    size(text).filter(|&size| size > 0).ok_or_else(|| {
        ValueError::new(
            text,
            "a size of messages: give bytes from 1 up, such as 16384 or 64KiB or 1MiB",
        )
    })
}

/// Reads a size of request heads.
///
/// # Errors
/// Not a size from 1 KiB to 1 MiB.
pub fn head_size(text: &str) -> Result<usize, ValueError> {
    size(text).filter(|size| (1 << 10..=1 << 20).contains(size)).ok_or_else(|| {
        ValueError::new(text, "a size of request heads: give 1KiB to 1MiB, such as 64KiB or 16384")
    })
}

/// Bytes, or a number of KiB, MiB or GiB.
fn size(text: &str) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    unit.and_then(|unit: usize| number.parse::<usize>().ok()?.checked_mul(unit))
}

/// Reads a limit: a whole number; 0 or `off` for none.
///
/// # Errors
/// Neither, or more than the type of the limit has.
pub fn or_off<N: FromStr + Default>(text: &str) -> Result<N, ValueError> {
    if text == "off" {
        return Ok(N::default());
    }
    let number = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    number.ok_or_else(|| {
        ValueError::new(text, "a limit: give a whole number, such as 10, or off for none")
    })
}

/// Reads bytes a second; 0 or `off` for none.
///
/// # Errors
/// Neither.
pub fn rate(text: &str) -> Result<u64, ValueError> {
    let rate = or_off(text).or_else(|_| message_size(text).map(|size| size as u64));
    rate.map_err(|_| {
        ValueError::new(
            text,
            "bytes a second: give a number, such as 4096 or 4KiB, or off for none",
        )
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

/// The pings of `--heartbeat`: 0 turns them off.
pub fn keep_alive(interval: Duration) -> Option<KeepAlive> {
    (!interval.is_zero()).then_some(KeepAlive { interval, timeout: PONG_TIMEOUT })
}

/// The configuration of `wsferry LISTEN TARGET` without a flag.
pub fn plain(listen: impl Into<Listen>, route: impl Into<DestinationSettings>) -> Config {
    let of = |text| seconds(text).unwrap_or_default();
    Config {
        listen: listen.into(),
        tls: None,
        tls_only: false,
        route: route.into(),
        target_tls: None,
        target_must_resolve: true,
        resolver: Resolver::default(),
        web: None,
        allow_host: Vec::new(),
        auth: auth::Settings::default(),
        failures_per_source: or_off(default::AUTH_FAILURES_PER_SOURCE).unwrap_or_default(),
        auth_plugin: None,
        web_auth: false,
        headers: HeaderMap::new(),
        record: None,
        traffic: None,
        session: session::Settings {
            relay: relay::Settings {
                keep_alive: keep_alive(of(default::HEARTBEAT)),
                accept_text: true,
                send: Kind::Binary,
                max_message: message_size(default::MAX_MESSAGE).unwrap_or(65_536),
                splice: true,
                close_timeout: of(default::CLOSE_TIMEOUT),
                linger: of(default::LINGER),
                write_timeout: of(default::WRITE_TIMEOUT),
            },
            connect_timeout: of(default::CONNECT_TIMEOUT),
        },
        dial: Dial::AfterAccept,
        heads: HeadRules {
            max_size: head_size(default::MAX_HEAD_SIZE).unwrap_or(head::MAX_HEAD),
            upgrades_http_1_0: false,
        },
        subprotocols: Vec::new(),
        header_timeout: of(default::HEADER_TIMEOUT),
        file_min_rate: rate(default::FILE_MIN_RATE).unwrap_or_default(),
        drain_timeout: of(default::DRAIN_TIMEOUT),
        max_connections: None,
        max_handshakes: default::MAX_HANDSHAKES.parse().unwrap_or(1024),
        run_once: false,
        timeout: None,
        idle_timeout: None,
    }
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
    fn seconds_may_have_a_fraction_and_nothing_else() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["", "-1", "nan", "inf", "1s", "1e10"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_of_messages_are_bytes_or_have_a_unit() {
        for (text, size) in [("1", 1), ("16384", 16_384), ("64KiB", 65_536), ("1MiB", 1 << 20)] {
            assert_eq!(message_size(text), Ok(size), "{text}");
        }
        for text in ["", "0", "0KiB", "-1", "+1", "1.5MiB", "KiB", "64 KiB", "64kb", "1e3"] {
            let error = message_size(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text:?} is not a size")), "{error}");
        }
        assert!(message_size("99999999999999999999GiB").is_err());
        assert!(message_size("18446744073709551615KiB").is_err());
    }

    #[test]
    fn sizes_of_heads_are_1_kib_to_1_mib() {
        for (text, size) in [("1024", 1024), ("64KiB", head::MAX_HEAD), ("1MiB", 1 << 20)] {
            assert_eq!(head_size(text), Ok(size), "{text}");
        }
        for text in ["", "0", "1023", "1048577", "1GiB", "64k", "off"] {
            let error = head_size(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text:?} is not a size")), "{error}");
        }
    }

    #[test]
    fn a_limit_is_a_number_or_off() {
        assert_eq!(or_off("10"), Ok(10u16));
        assert_eq!((or_off("0"), or_off("off")), (Ok(0u16), Ok(0u16)));
        assert_eq!((rate("4KiB"), rate("4096"), rate("off")), (Ok(4096), Ok(4096), Ok(0)));
        assert!(rate("fast").is_err());
        for text in ["", "-1", "+1", "1.5", "65536", "none", "Off"] {
            assert!(or_off::<u16>(text).is_err(), "{text}");
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
