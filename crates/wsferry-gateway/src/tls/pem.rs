//! PEM files (RFC 7468), with the header lines of RFC 1421 that keys encrypted in the traditional form
//! have.
//!
//! Why not the TLS library's: it fails at such headers, even on the way to another section, and does
//! not tell the line of what is wrong.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Forgiving of padding, as OpenSSL is.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One section: what is between a BEGIN and its END.
pub(crate) struct Section {
    /// `CERTIFICATE`, `PRIVATE KEY`, ...
    pub(crate) label: String,
    /// `DEK-Info` and its like, in the order of the file.
    headers: Vec<(String, String)>,
    /// The decoded content.
    pub(crate) der: Vec<u8>,
}

impl Section {
    /// The cipher of a key that is encrypted in the traditional form (RFC 1421 §4.6.1), which its
    /// headers tell; `None` where it is not.
    pub(crate) fn traditional_encryption(&self) -> Option<&str> {
        let header = |name| {
            let mut headers = self.headers.iter();
            headers.find(|(given, _)| given == name).map(|(_, value)| &**value)
        };
        let cipher = header("DEK-Info").map(|info| info.split(',').next().unwrap_or_default());
        let says_so = header("Proc-Type").is_some_and(|value| value.ends_with("ENCRYPTED"));
        cipher.or(says_so.then_some("missing"))
    }
}

/// All sections of a file. What is outside of them is comment.
///
/// # Errors
/// What is wrong, with the number of the line.
pub(crate) fn sections(text: &[u8]) -> Result<Vec<Section>, String> {
    if text.starts_with(&[0xff, 0xfe]) || text.starts_with(&[0xfe, 0xff]) {
        return Err("it is in UTF-16, as Windows tools write it, and not in ASCII".to_owned());
    }
    // Editors of Windows put a byte order mark in front, also of files that are joined later.
    let text = String::from_utf8_lossy(text).replace('\u{feff}', "");
    let mut found = Vec::new();
    let mut lines = text.lines().map(str::trim).zip(1_usize..);
    while let Some((line, number)) = lines.next() {
        if let Some(label) = marked(line, "-----BEGIN ") {
            found.push(section(label, number, &mut lines)?);
        }
    }
    Ok(found)
}

fn marked<'t>(line: &'t str, marker: &str) -> Option<&'t str> {
    line.strip_prefix(marker)?.strip_suffix("-----")
}

fn section<'t>(
    label: &str,
    begins: usize,
    lines: &mut impl Iterator<Item = (&'t str, usize)>,
) -> Result<Section, String> {
    let mut headers = Vec::new();
    let mut body = String::new();
    for (line, number) in lines {
        if let Some(end) = marked(line, "-----END ") {
            if end != label {
                return Err(format!("line {number} ends {end:?}, not {label:?}"));
            }
            let der = BASE64
                .decode(&body)
                .map_err(|error| format!("the section in line {begins} is not base64: {error}"))?;
            return Ok(Section { label: label.to_owned(), headers, der });
        }
        if line.starts_with("-----BEGIN ") {
            break;
        }
        match line.split_once(':') {
            Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
            None => body.push_str(line),
        }
    }
    Err(format!("the section that begins in line {begins} has no -----END {label}-----"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_found_between_comments_with_their_headers() {
        let text = "Subject: CN=a\r\n-----BEGIN A-----\r\nAQID\r\nBA==\r\n-----END A-----\r\n\
                    \n-----BEGIN B C-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X,00\n\nBQ\n-----END B C-----";
        let found = sections(text.as_bytes()).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((&*found[0].label, &*found[0].der), ("A", &[1, 2, 3, 4][..]));
        assert_eq!((&*found[1].label, &*found[1].der), ("B C", &[5][..]));
        assert_eq!(found[1].headers[1], ("DEK-Info".to_owned(), "X,00".to_owned()));
    }

    #[test]
    fn a_byte_order_mark_is_skipped_and_utf_16_is_named() {
        let found = sections(b"\xef\xbb\xbf-----BEGIN A-----\nAQID\n-----END A-----").unwrap();
        assert_eq!(found.len(), 1);
        let marked = b"\xef\xbb\xbf-----BEGIN A-----\nAQID\n-----END A-----\n".repeat(2);
        assert_eq!(sections(&marked).unwrap().len(), 2);
        let error = sections(b"\xff\xfe-\0-\0").err().unwrap();
        assert!(error.contains("UTF-16"), "{error}");
    }

    #[test]
    fn what_is_cut_off_or_not_base64_is_named_with_its_line() {
        for (text, words) in [
            ("-----BEGIN A-----\nAQID\n", "line 1 has no -----END A-----"),
            ("x\n-----BEGIN A-----\nAQID\n-----BEGIN A-----\nAQ==\n-----END A-----", "line 2"),
            ("-----BEGIN A-----\n!!\n-----END A-----", "not base64"),
            ("-----BEGIN A-----\nAQID\n-----END B-----", "line 3 ends \"B\""),
        ] {
            let error = sections(text.as_bytes()).err().unwrap();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn any_bytes_are_read_without_harm() {
        assert!(sections(&[0xff, 0, b'\n', 0x80]).unwrap().is_empty());
        assert!(sections(b"").unwrap().is_empty());
    }
}
