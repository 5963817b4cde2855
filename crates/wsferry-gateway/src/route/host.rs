//! Which hosts a route is for: one name or address, or all names below one.

use std::fmt;
use std::str::FromStr;

use wsferry_proto::HostName;

/// A host of a route.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// This host alone.
    Exact(HostName),
    /// `*.example.com`: every name with one label or more in front of `.example.com`, and not
    /// `example.com` itself. Holds the name without the `*.`.
    Below(Box<str>),
}

/// Not a host of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPatternError(String);

impl fmt::Display for HostPatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a host of a route: give a name or an address without a port, such as \
             play.example.com, or a pattern such as *.example.com",
            self.0
        )
    }
}

impl std::error::Error for HostPatternError {}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        let error = || HostPatternError(text.to_owned());
        let (name, is_pattern) =
            text.strip_prefix("*.").map_or((text, false), |below| (below, true));
        match (name.parse(), is_pattern) {
            (Ok(host), false) => Ok(Self::Exact(host)),
            (Ok(HostName::Name(name)), true) => Ok(Self::Below(name)),
            _ => Err(error()),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => host.fmt(f),
            Self::Below(name) => write!(f, "*.{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_an_address_or_all_names_below_one() {
        for text in ["play.example.com", "192.0.2.1", "*.example.com"] {
            assert_eq!(text.parse::<HostPattern>().unwrap().to_string(), text);
        }
        assert_eq!("PLAY.Example.com".parse::<HostPattern>(), "play.example.com".parse());
        for text in ["", "*", "*.", "a.*.b", "*.192.0.2.1", "example.com:80", "a b"] {
            let error = text.parse::<HostPattern>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text:?} is not a host")), "{error}");
        }
    }
}
