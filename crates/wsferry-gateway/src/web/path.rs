//! From the path of a request to a path below the root, if it has one.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

/// What a request wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Below the root; no part of it is empty, hidden, `.` or `..`.
    pub(super) relative: PathBuf,
    /// The path ends with a slash.
    pub(super) is_directory: bool,
}

/// Decodes the path once, part by part. Whatever could mean something else to a file system (`..`,
/// an encoded separator, a backslash, NUL) or is hidden leads to nothing. Several slashes at the start
/// count as one.
pub(super) fn parse(path: &str) -> Option<Wanted> {
    let path = path.strip_prefix('/')?.trim_start_matches('/');
    let (parts, is_directory) = match path.strip_suffix('/') {
        Some(parts) => (parts, true),
        None => (path, path.is_empty()),
    };
    let mut relative = PathBuf::new();
    if !path.is_empty() {
        for part in parts.split('/') {
            let part = percent_decode_str(part).decode_utf8().ok()?;
            let is_odd = |c: char| c == '/' || c == '\\' || c.is_control();
            // A drive or a stream on Windows; a doubly encoded `%2e` anywhere.
            let is_tricky = cfg!(windows) && part.contains(':') || has_escape(&part);
            if part.is_empty() || part.starts_with('.') || part.contains(is_odd) || is_tricky {
                return None;
            }
            relative.push(&*part);
        }
    }
    Some(Wanted { relative, is_directory })
}

/// Whether a decoded part still encodes a dot, a separator or NUL.
fn has_escape(part: &str) -> bool {
    let lower = part.to_ascii_lowercase();
    ["%2e", "%2f", "%5c", "%00", "%25"].iter().any(|escape| lower.contains(escape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_lead_below_the_root() {
        for (path, relative, is_directory) in [
            ("/", "", true),
            ("/index.html", "index.html", false),
            ("//", "", true),
            ("//index.html", "index.html", false),
            ("///a/b/", "a/b", true),
            ("/a/b/", "a/b", true),
            ("/a%20b.txt", "a b.txt", false),
            ("/%C3%A4.html", "ä.html", false),
            ("/100%25.txt", "100%.txt", false),
        ] {
            let expected = Wanted { relative: relative.into(), is_directory };
            assert_eq!(parse(path), Some(expected), "{path}");
        }
    }

    #[test]
    fn paths_that_could_leave_the_root_lead_to_nothing() {
        for path in [
            "",
            "*",
            "a",
            "//a//b",
            "//..",
            "//../a",
            "///.git/config",
            "/a//",
            "/a//b",
            "/..",
            "/../a",
            "/a/../b",
            "/.",
            "/./a",
            "/.git/config",
            "/a/.hidden",
            "/%2e%2e/a",
            "/%2E%2E%2Fa",
            "/..%2fa",
            "/..%5ca",
            "/a\\b",
            "/a%5cb",
            "/a%00",
            "/%252e%252e/a",
            "/%252e%252e%252fa",
            "/a%2fb",
            "/a%0d%0ab",
            "/%ff",
            "/a/%2e",
            "/%2e%2e",
        ] {
            assert_eq!(parse(path), None, "{path}");
        }
    }
}
