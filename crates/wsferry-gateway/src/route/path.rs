//! What a path begins with: compared segment by segment, so `/game` is `/game` and all below it, and
//! not `/gamers`.
//!
//! Segments are compared in their normal form (RFC 3986 §6.2.2): letters, digits and `-._~` are
//! decoded, other encoded bytes stay encoded in upper case, so `%67ame` is `game` and an encoded slash
//! is no border. Dot segments are resolved first, and empty ones do not count (`//a` is `/a`).

use std::borrow::Cow;
use std::fmt;
use std::fmt::Write;
use std::str::FromStr;

/// The beginning of a path; the default, `/`, is that of every path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PathPrefix(Vec<Box<str>>);

/// Not the beginning of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPrefixError(String);

impl fmt::Display for PathPrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a path of a route: give one that begins with a slash, without a query and \
             without dot segments, such as /game",
            self.0
        )
    }
}

impl std::error::Error for PathPrefixError {}

impl FromStr for PathPrefix {
    type Err = PathPrefixError;

    fn from_str(text: &str) -> Result<Self, PathPrefixError> {
        let is_dotted = text.split('/').any(|segment| is_dots(&normal(segment)));
        if !text.starts_with('/') || text.contains(['?', '#', '*']) || is_dotted {
            return Err(PathPrefixError(text.to_owned()));
        }
        Ok(Self(segments(text).into_iter().map(|segment| segment.into_owned().into()).collect()))
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_char('/');
        }
        self.0.iter().try_for_each(|segment| write!(f, "/{segment}"))
    }
}

impl PathPrefix {
    /// Its segments in their normal form.
    pub(super) fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|segment| &**segment)
    }

    /// How many segments it has; 0 is every path.
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// What stands behind this prefix in a path, beginning with its slash. `None` where the path ends
    /// with the prefix and has no slash, or where dot segments or empty ones stand before its end.
    pub fn strip<'p>(&self, path: &'p str) -> Option<&'p str> {
        let mut rest = path.trim_start_matches('/');
        for segment in &self.0 {
            let (first, behind) = rest.split_once('/')?;
            if normal(first) != **segment {
                return None;
            }
            rest = behind;
        }
        let start = path.len() - rest.len();
        // The slash in front of the rest is the path's own.
        path.get(start.checked_sub(1)?..)
    }
}

/// The segments of a path in their normal form, without dot segments and empty ones.
pub(super) fn segments(path: &str) -> Vec<Cow<'_, str>> {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        let segment = normal(segment);
        match &*segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    segments
}

fn is_dots(segment: &str) -> bool {
    matches!(segment, "." | "..")
}

/// Bytes that mean the same whether they are encoded or not (RFC 3986 §2.3).
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// A segment in its normal form.
fn normal(segment: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'%';
    if segment.bytes().all(is_plain) {
        return Cow::Borrowed(segment);
    }
    let mut text = String::with_capacity(segment.len());
    let mut bytes = segment.as_bytes();
    while let Some((&first, rest)) = bytes.split_first() {
        let encoded = if first == b'%' { rest.first_chunk().and_then(hex) } else { None };
        let byte = encoded.unwrap_or(first);
        bytes = if encoded.is_some() { &rest[2..] } else { rest };
        if is_unreserved(byte) || encoded.is_none() && is_plain(byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    Cow::Owned(text)
}

/// The byte that two digits stand for.
fn hex(digits: &[u8; 2]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_normal_form() {
        for (path, normal) in [
            ("/", "/"),
            ("", "/"),
            ("/game", "/game"),
            ("/game/", "/game"),
            ("//game//x", "/game/x"),
            ("/%67am%65", "/game"),
            ("/a%2fb", "/a%2Fb"),
            ("/a%2Fb/c", "/a%2Fb/c"),
            ("/./a/../b", "/b"),
            ("/../../b", "/b"),
            ("/a/%2e%2E/b", "/b"),
            ("/a%20b", "/a%20b"),
            ("/a%zz%", "/a%25zz%25"),
        ] {
            let found: String =
                segments(path).iter().map(|segment| format!("/{segment}")).collect();
            assert_eq!(if found.is_empty() { "/" } else { &found }, normal, "{path}");
        }
    }

    #[test]
    fn a_prefix_begins_with_a_slash_and_has_no_dots() {
        for (text, shown) in [("/", "/"), ("/a/b/", "/a/b"), ("/ä", "/%C3%A4")] {
            assert_eq!(text.parse::<PathPrefix>().unwrap().to_string(), shown);
        }
        for text in ["", "a", "/a/../b", "/.", "/%2e%2e", "/a?b", "/a#b", "*", "/*"] {
            let error = text.parse::<PathPrefix>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text:?} is not a path")), "{error}");
        }
    }

    #[test]
    fn what_is_behind_a_prefix_begins_with_a_slash() {
        let prefix: PathPrefix = "/a/b".parse().unwrap();
        for (path, rest) in [
            ("/a/b/c.html", Some("/c.html")),
            ("/a/b/", Some("/")),
            ("/%61/b/c", Some("/c")),
            ("/a/b", None),
            ("/a", None),
            ("//a/b//c", Some("//c")),
            ("/a//b/c", None),
            ("/a/./b/c", None),
            ("/x/../a/b/c", None),
        ] {
            assert_eq!(prefix.strip(path), rest, "{path}");
        }
        assert_eq!(PathPrefix::default().strip("/x"), Some("/x"));
    }
}
