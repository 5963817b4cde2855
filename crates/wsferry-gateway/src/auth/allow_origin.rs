//! `--allow-origin`: which pages of other hosts may connect. Origins are compared as they are parsed,
//! never as text.

use std::str::FromStr;

use wsferry_proto::{HostName, Origin};

/// An item of `--allow-origin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowOrigin {
    /// `*`: pages of every origin.
    Any,
    /// One origin.
    One(Origin),
    /// Origins that are alike: `https://*.example.com`, `http://localhost:*`, `moz-extension://*`.
    Like {
        /// Always said.
        scheme: Box<str>,
        /// Which hosts.
        hosts: Hosts,
        /// The port; `None`: any.
        port: Option<Option<u16>>,
    },
}

/// The hosts of origins that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// Any, in schemes where a host is no name of the network.
    Any,
    /// One label or more before this, which begins with a dot.
    Below(Box<str>),
    /// One.
    One(HostName),
}

/// Text that is no origin and no pattern of origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllowOriginError;

impl AllowOrigin {
    /// Whether pages of an origin may connect.
    pub fn allows(&self, origin: &Origin) -> bool {
        match (self, origin) {
            (Self::Any, _) => true,
            (Self::One(allowed), origin) => allowed == origin,
            (
                Self::Like { scheme, hosts, port },
                Origin::Site { scheme: own, host, port: number },
            ) => scheme == own && hosts.hold(host) && port.is_none_or(|port| port == *number),
            (Self::Like { .. }, Origin::Opaque(_)) => false,
        }
    }

    /// Whether any page of the world can have such an origin.
    pub fn is_anybodys(&self) -> bool {
        match self {
            Self::Any => true,
            Self::One(Origin::Opaque(text)) => matches!(&**text, "null" | "file://"),
            Self::One(_) | Self::Like { .. } => false,
        }
    }
}

impl Hosts {
    fn hold(&self, host: &HostName) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::One(one), host) => one == host,
            (Self::Below(end), HostName::Name(name)) => name.ends_with(&**end),
            (Self::Below(_), HostName::Address(_)) => false,
        }
    }
}

impl FromStr for AllowOrigin {
    type Err = AllowOriginError;

    fn from_str(text: &str) -> Result<Self, AllowOriginError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let authority = text.split_once("://").map(|(_, authority)| authority);
        if authority.is_some_and(|authority| authority.contains('/')) {
            return Err(AllowOriginError);
        }
        match Origin::from(text) {
            site @ Origin::Site { .. } => Ok(Self::One(site)),
            Origin::Opaque(own) if matches!(&*own, "null" | "file://") || own.ends_with("://.") => {
                Ok(Self::One(Origin::Opaque(own)))
            }
            Origin::Opaque(_) => Self::alike(text).ok_or(AllowOriginError),
        }
    }
}

impl AllowOrigin {
    /// Reads a pattern: with a label in the place of each star it is an origin.
    fn alike(text: &str) -> Option<Self> {
        let (text, any_port) = match text.strip_suffix(":*") {
            Some(text) => (text, true),
            None => (text, false),
        };
        let (scheme, authority) = text.split_once("://")?;
        let example = match authority.strip_prefix('*') {
            Some(rest) => format!("{scheme}://any{rest}"),
            None => text.to_owned(),
        };
        let Origin::Site { scheme, host, port } = Origin::from(&*example) else { return None };
        let is_of_network = matches!(&*scheme, "http" | "https" | "ws" | "wss");
        let hosts = match (authority.strip_prefix('*'), &host) {
            (None, _) => Hosts::One(host),
            (Some(""), _) if !is_of_network => Hosts::Any,
            (Some(rest), HostName::Name(name)) if rest.starts_with('.') => {
                Hosts::Below(name.strip_prefix("any").filter(|end| !end.is_empty())?.into())
            }
            _ => return None,
        };
        Some(Self::Like { scheme, hosts, port: (!any_port).then_some(port) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(pattern: &str, origin: &str) -> bool {
        pattern.parse::<AllowOrigin>().expect(pattern).allows(&Origin::from(origin))
    }

    #[test]
    fn a_star_before_a_name_is_one_label_or_more_and_never_none() {
        let pattern = "https://*.example.com";
        for origin in [
            "https://a.example.com",
            "https://a.b.example.com",
            "https://A.EXAMPLE.com:443",
            "https://a.example.com./",
        ] {
            assert!(allows(pattern, origin), "{origin}");
        }
        for origin in [
            "https://example.com",
            "https://evilexample.com",
            "https://.example.com",
            "https://a.example.com.evil",
            "https://a.example.com@evil",
            "https://evil/.example.com",
            "https://evil?.example.com",
            "http://a.example.com",
            "https://a.example.com:8443",
            "wss://a.example.com",
            "null",
        ] {
            assert!(!allows(pattern, origin), "{origin}");
        }
        assert!(allows("http://*.example.com:3000", "http://a.example.com:3000"));
        assert!(!allows("http://*.example.com:3000", "http://a.example.com"));
        assert!(allows("http://*.localhost:*", "http://a.localhost:5173"));
    }

    #[test]
    fn a_star_in_the_place_of_the_port_is_any_port_and_none() {
        for origin in ["http://localhost", "http://localhost:5173", "HTTP://LOCALHOST:65535"] {
            assert!(allows("http://localhost:*", origin), "{origin}");
        }
        assert!(allows("http://[::1]:*", "http://[0::1]:3000"));
        for origin in ["https://localhost", "http://a.localhost", "http://127.0.0.1:80", "null"] {
            assert!(!allows("http://localhost:*", origin), "{origin}");
        }
    }

    #[test]
    fn a_star_alone_is_any_host_of_a_scheme_that_is_not_of_the_network() {
        let id = "moz-extension://6f1e0c1a-1c9e-4b0e-8d7a-0b9d0c0f3a11";
        assert!(allows("moz-extension://*", id));
        assert!(allows("moz-extension://*", &format!("{id}/page.html")));
        assert!(!allows("moz-extension://*", "chrome-extension://6f1e0c1a"));
        assert!(!allows("moz-extension://*", "https://6f1e0c1a"));
    }

    #[test]
    fn the_pages_of_an_electron_app_have_a_dot_for_a_host() {
        assert!(allows("app://.", "app://.") && allows("app://.", "app://./index.html"));
        assert!(!allows("app://.", "app://x") && !allows("app://.", "other://."));
    }

    #[test]
    fn what_is_no_origin_and_no_pattern_is_refused() {
        for text in [
            "",
            "example.com",
            "*.example.com",
            "https://",
            "https://*",
            "http://*:3000",
            "http://*:*",
            "ws://*",
            "*://example.com",
            "https://*example.com",
            "https://a.*.example.com",
            "https://*.*.example.com",
            "https://a*.example.com",
            "https://*.",
            "https://*..",
            "https://example.com/",
            "https://example.com/*",
            "https://*.example.com/",
            "http://localhost:3*",
            "http://localhost:*:*",
            "http://user@*.example.com",
            "moz-extension://**",
            "*:*",
        ] {
            assert_eq!(text.parse::<AllowOrigin>(), Err(AllowOriginError), "{text}");
        }
    }

    #[test]
    fn origins_that_anybody_can_send_are_known() {
        for (text, expected) in [
            ("*", true),
            ("null", true),
            ("file://", true),
            ("https://a", false),
            ("app://.", false),
            ("moz-extension://*", false),
        ] {
            assert_eq!(text.parse::<AllowOrigin>().unwrap().is_anybodys(), expected, "{text}");
        }
    }
}
