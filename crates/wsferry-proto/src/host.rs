//! Hosts and origins as a client names them: parsed, so that they are compared by meaning and not
//! as text (RFC 9110 §7.2, RFC 3986 §3.2.2, RFC 6454 §6).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A host without its port: a name in lower case and without a last dot, or an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostName {
    /// A registered name.
    Name(Box<str>),
    /// An IPv4 address, or an IPv6 one from its brackets.
    Address(IpAddr),
}

/// A host with the port, as in a `Host` header.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    /// The host.
    pub name: HostName,
    /// The port, where one is given.
    pub port: Option<u16>,
}

/// Not a host, or not one with a valid port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostError;

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a name, an IPv4 address or an IPv6 address in brackets, with an optional :port")
    }
}

impl std::error::Error for HostError {}

impl HostName {
    /// Whether it can only mean this machine: a loopback address, `localhost`, `*.localhost`
    /// (RFC 6761 §6.3).
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Name(name) => &**name == "localhost" || name.ends_with(".localhost"),
            Self::Address(IpAddr::V4(address)) => address.is_loopback(),
            Self::Address(IpAddr::V6(address)) => {
                address.is_loopback()
                    || address.to_ipv4_mapped().is_some_and(|address| address.is_loopback())
            }
        }
    }
}

impl FromStr for HostName {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let address = inner.parse::<Ipv6Addr>().map_err(|_| HostError)?;
            return Ok(Self::Address(address.into()));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Address(address.into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if name.len() > 253 || !name.split('.').all(label) {
            return Err(HostError);
        }
        Ok(Self::Name(name.to_ascii_lowercase().into()))
    }
}

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let (name, port) = match text.rsplit_once(':') {
            // The last colon of `[::1]` is inside the brackets.
            Some((name, port)) if !port.ends_with(']') => (name, port),
            _ => (text, ""),
        };
        // RFC 3986 §3.2.3: the port may be empty, and then it is the default one.
        let port = match port {
            "" => None,
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().map_err(|_| HostError)?)
            }
            _ => return Err(HostError),
        };
        Ok(Self { name: name.parse()?, port })
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Where a page comes from, as a browser says it in `Origin` (RFC 6454 §7).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Scheme, host and port, the port of `http` and `https` filled in.
    Site {
        /// In lower case.
        scheme: Box<str>,
        /// The host.
        host: HostName,
        /// The port; `None` only where the scheme has no default one.
        port: Option<u16>,
    },
    /// `null`, `file://`, `app://.` and whatever else has no host: equal only to itself, letter by
    /// letter.
    Opaque(Box<str>),
}

impl Origin {
    /// The host, if the origin has one.
    pub const fn host(&self) -> Option<&HostName> {
        match self {
            Self::Site { host, .. } => Some(host),
            Self::Opaque(_) => None,
        }
    }

    /// Only the authority counts: a path behind it is ignored.
    fn site(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let host = rest.split('/').next().unwrap_or_default();
        let mut letters = scheme.bytes();
        let scheme_is_valid = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && letters.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        if !scheme_is_valid {
            return None;
        }
        let scheme: Box<str> = scheme.to_ascii_lowercase().into();
        if host == "." {
            return Some(Self::Opaque(format!("{scheme}://.").into())); // as Electron's pages have it
        }
        let host = host.parse::<Host>().ok()?;
        let default = match &*scheme {
            "http" | "ws" => Some(80),
            "https" | "wss" => Some(443),
            _ => None,
        };
        Some(Self::Site { scheme, host: host.name, port: host.port.or(default) })
    }
}

impl From<&str> for Origin {
    fn from(text: &str) -> Self {
        Self::site(text).unwrap_or_else(|| Self::Opaque(text.into()))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site { scheme, host, port } => {
                write!(f, "{scheme}://{host}")?;
                match (&**scheme, port) {
                    ("http", Some(80)) | ("https", Some(443)) | (_, None) => Ok(()),
                    (_, Some(port)) => write!(f, ":{port}"),
                }
            }
            Self::Opaque(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_by_meaning() {
        let same = [("LocalHost", "localhost."), ("[::1]", "[0:0::1]"), ("A.example", "a.EXAMPLE")];
        for (one, other) in same {
            assert_eq!(one.parse::<HostName>(), other.parse::<HostName>(), "{one} {other}");
        }
    }

    #[test]
    fn malformed_hosts_are_refused() {
        for text in [
            "",
            ":80",
            "a b",
            "a/b",
            "a:b",
            "a:65536",
            "a:-1",
            "a:+1",
            "[::1",
            "::1",
            "[::1]x",
            "[]",
            "a..b",
            ".a",
            "a@b",
            "a,b",
            "ä",
            "a:80:80",
            "[1.2.3.4]",
            "http://a",
            "[::1%25lo]",
            "a\0",
        ] {
            assert_eq!(text.parse::<Host>(), Err(HostError), "{text:?}");
        }
    }

    #[test]
    fn ports_are_taken_off() {
        assert_eq!("[::1]:80".parse::<Host>().unwrap().port, Some(80));
        assert_eq!("[::1]".parse::<Host>().unwrap().port, None);
        assert_eq!("a:".parse::<Host>().unwrap().port, None);
        assert_eq!("127.0.0.1:5000".parse::<Host>().unwrap().to_string(), "127.0.0.1:5000");
    }

    #[test]
    fn loopback_is_recognised_and_not_imitated() {
        for text in
            ["localhost", "x.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]"]
        {
            assert!(text.parse::<HostName>().unwrap().is_loopback(), "{text}");
        }
        for text in
            ["notlocalhost", "localhost.evil.com", "128.0.0.1", "127.0.0.1.evil.com", "[::2]"]
        {
            assert!(!text.parse::<HostName>().unwrap().is_loopback(), "{text}");
        }
    }

    #[test]
    fn origins_are_equal_by_scheme_host_and_port() {
        assert_eq!(Origin::from("HTTPS://Example.com:443"), Origin::from("https://example.com"));
        assert_eq!(Origin::from("http://a"), Origin::from("http://a:80"));
        assert_ne!(Origin::from("http://a"), Origin::from("https://a"));
        assert_ne!(Origin::from("http://a"), Origin::from("http://a:8080"));
        assert_ne!(Origin::from("http://a.b"), Origin::from("http://a.b.c"));
    }

    #[test]
    fn a_path_behind_an_origin_is_ignored() {
        for text in ["http://a/", "http://a/b/c?d#e", "http://a//", "http://a:80/@evil"] {
            assert_eq!(Origin::from(text), Origin::from("http://a"), "{text}");
        }
        assert_eq!(Origin::from("APP://./index.html"), Origin::Opaque("app://.".into()));
    }

    #[test]
    fn what_has_no_host_is_opaque() {
        for text in [
            "null",
            "file://",
            "",
            "a",
            "http://",
            "http:///a",
            "http://a?b",
            "http://a@b",
            "://a",
            "http://a b",
        ] {
            assert_eq!(Origin::from(text), Origin::Opaque(text.into()), "{text}");
            assert_eq!(Origin::from(text).host(), None);
        }
    }
}
