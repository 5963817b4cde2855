//! What stands in a token file: lines of `token: host:port`.

use std::net::Ipv6Addr;

use wsferry_proto::HostName;

use super::MAX_LENGTH;
use crate::address::Address;

/// Why a line is of no use. It says nothing of what stands there, which may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    NoText,
    NoSeparator,
    NoToken,
    ImpossibleToken,
    NoTarget,
}

impl Broken {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::NoText => "it is not UTF-8; write it as token: host:port",
            Self::NoSeparator => "no colon with a blank behind it; write it as token: host:port",
            Self::NoToken => "there is no token before the colon; write it as token: host:port",
            Self::ImpossibleToken => {
                "no request can hold such a token: it is too long, or has a NUL"
            }
            Self::NoTarget => {
                "what stands behind the token is not a target: write host:port, [IPv6 address]:port \
                 or unix_socket:/path"
            }
        }
    }
}

/// Reads a line without its end; `None`: it is empty or a comment.
pub(super) fn read(line: &[u8]) -> Option<Result<(&str, Address), Broken>> {
    let Ok(line) = std::str::from_utf8(line) else { return Some(Err(Broken::NoText)) };
    let line = line.trim();
    (!line.is_empty() && !line.starts_with('#')).then(|| entry(line))
}

/// The first colon with a blank behind it ends the token, which may hold colons.
fn entry(line: &str) -> Result<(&str, Address), Broken> {
    let is_separator =
        |&(at, _): &(usize, &str)| line[at + 1..].starts_with(|next: char| next.is_whitespace());
    let (at, _) = line.match_indices(':').find(is_separator).ok_or(Broken::NoSeparator)?;
    let (token, target) = (line[..at].trim_end(), line[at + 1..].trim_start());
    if token.is_empty() {
        return Err(Broken::NoToken);
    }
    if token.len() > MAX_LENGTH || token.contains('\0') {
        return Err(Broken::ImpossibleToken);
    }
    Ok((token, target_of(target).ok_or(Broken::NoTarget)?))
}

/// A text without the byte order mark that programs of Windows write before UTF-8.
pub(super) fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// Reads a target. The port is always there, so an IPv6 address needs no brackets: websockify knows
/// them only so.
pub(super) fn target_of(text: &str) -> Option<Address> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (host, port) = text.rsplit_once(':')?;
    let host = HostName::Address(host.parse::<Ipv6Addr>().ok()?.into());
    format!("{host}:{port}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(line: &str) -> (String, String) {
        let (token, target) = read(line.as_bytes()).unwrap().unwrap();
        (token.to_owned(), target.to_string())
    }

    #[test]
    fn a_line_is_a_token_a_colon_a_blank_and_a_target() {
        for (line, token, target) in [
            ("a: h:1", "a", "h:1"),
            ("a:\th:1", "a", "h:1"),
            ("  a :  h:1 \r", "a", "h:1"),
            ("a:b: h:1", "a:b", "h:1"),
            ("a b: h:1", "a b", "h:1"),
            ("a: [::1]:5900", "a", "[::1]:5900"),
            ("a: fe80::1:5900", "a", "[fe80::1]:5900"),
            ("a: ::1:1", "a", "[::1]:1"),
            ("a: unix_socket:/run/a:b.sock", "a", "unix_socket:/run/a:b.sock"),
            ("ключ: h:1", "ключ", "h:1"),
            ("a\u{a0}b:\u{a0}h:1", "a\u{a0}b", "h:1"),
        ] {
            assert_eq!(good(line), (token.to_owned(), target.to_owned()), "{line:?}");
        }
    }

    #[test]
    fn comments_and_empty_lines_are_no_entries() {
        for line in ["", " \t", "# a: h:1", "   #a: h:1", "\r"] {
            assert_eq!(read(line.as_bytes()), None, "{line:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_line_is_known() {
        let long = format!("{}: h:1", "x".repeat(MAX_LENGTH + 1));
        for (line, broken) in [
            ("a:h:1", Broken::NoSeparator),
            ("a", Broken::NoSeparator),
            ("a:", Broken::NoSeparator),
            (": h:1", Broken::NoToken),
            ("a: h", Broken::NoTarget),
            ("a: h:x", Broken::NoTarget),
            ("a: h:0", Broken::NoTarget),
            ("a: h:65536", Broken::NoTarget),
            ("a: h: 1", Broken::NoTarget),
            ("a: h:1 # c", Broken::NoTarget),
            ("a: ::1:99999", Broken::NoTarget),
            ("a\0: h:1", Broken::ImpossibleToken),
            (&long, Broken::ImpossibleToken),
        ] {
            assert_eq!(read(line.as_bytes()), Some(Err(broken)), "{line:?}");
        }
        assert_eq!(read(b"\xff: h:1"), Some(Err(Broken::NoText)));
    }
}
