//! Whether to honour the `Range` of a request (RFC 9110 §13.1.5, §14.2). tower-http serves ranges, but
//! it answers 416 where the RFC wants the whole file, and it ignores `If-Range`.

use http::HeaderMap;
use http::header::{CONTENT_LENGTH, ETAG, IF_RANGE, LAST_MODIFIED, RANGE};

/// Whether the range in `asked` can be honoured; `file` has the fields of an answer without it. If
/// not, the request is answered as if it had no range. A range beyond the end counts as one that can:
/// its answer is 416.
pub(super) fn is_honoured(asked: &HeaderMap, file: &HeaderMap) -> bool {
    let length = file.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let range = asked.get(RANGE).and_then(|range| range.to_str().ok());
    let (Some(length), Some(range)) = (length, range) else { return false };
    is_one_range(range, length) && is_unchanged(asked, file)
}

/// `bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-SUFFIX`, where the suffix is shorter than the file.
fn is_one_range(range: &str, length: u64) -> bool {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-'))
    else {
        return false;
    };
    let number = |text: &str| -> Option<u64> {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
    };
    match (first, last) {
        ("", suffix) => number(suffix).is_some_and(|suffix| suffix < length),
        (first, "") => number(first).is_some(),
        (first, last) => number(first).zip(number(last)).is_some_and(|(first, last)| first <= last),
    }
}

/// Whether `If-Range`, if present, names the file as it is now: by its strong tag or its date.
fn is_unchanged(asked: &HeaderMap, file: &HeaderMap) -> bool {
    asked.get(IF_RANGE).is_none_or(|known| {
        let is_strong = !known.as_bytes().starts_with(b"W/");
        is_strong && [ETAG, LAST_MODIFIED].iter().any(|name| file.get(name) == Some(known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_well_formed_range_is_followed() {
        for range in ["bytes=0-0", "bytes=0-", "bytes=5-999", "bytes=99-", "bytes=-9", "bytes=-0"] {
            assert!(is_one_range(range, 10), "{range}");
        }
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=3-1",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=0-1,2-3",
            "bytes=-10",
            "bytes=-11",
            "lines=0-1",
            "bytes = 0-1",
            "bytes=0-99999999999999999999",
        ] {
            assert!(!is_one_range(range, 10), "{range}");
        }
    }
}
