//! Words → numbers: times, sizes and limits.

use std::str::FromStr;
use std::time::Duration;

use super::values::ValueError;

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

/// Reads a duration as a file writes it: a number of seconds, or one with ms, s, m or h.
///
/// # Errors
/// Neither.
pub fn duration(text: &str) -> Result<Duration, ValueError> {
    let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "" | "s" => Some(1.0),
        "ms" => Some(0.001),
        "m" => Some(60.0),
        "h" => Some(3600.0),
        _ => None,
    };
    let seconds = unit.and_then(|unit| Some(number.parse::<f64>().ok()? * unit));
    seconds.filter(|seconds| (0.0..=1e9).contains(seconds)).map(Duration::from_secs_f64).ok_or_else(
        || ValueError::new(text, "a duration: give seconds, such as 25, or 10s, 5m or 500ms"),
    )
}

/// Reads a duration; `None` where it is 0 or `off`.
///
/// # Errors
/// Not a duration either.
pub(super) fn off_or_duration(text: &str) -> Result<Option<Duration>, ValueError> {
    if text == "off" {
        return Ok(None);
    }
    duration(text).map(|duration| Some(duration).filter(|duration| !duration.is_zero()))
}

/// Reads a count.
///
/// # Errors
/// Not a whole number from 1 up.
pub(super) fn count(text: &str) -> Result<usize, ValueError> {
    text.parse().ok().filter(|&number| number > 0).ok_or_else(|| {
        ValueError::new(text, "a count: give a whole number from 1 up, such as 1000")
    })
}

/// A duration as [`seconds`] reads it.
pub fn spell_seconds(duration: Duration) -> String {
    duration.as_secs_f64().to_string()
}

/// A size as [`message_size`] reads it, in the largest unit that leaves no rest.
pub fn spell_size(size: usize) -> String {
    match size {
        size if size > 0 && size.is_multiple_of(1 << 20) => format!("{}MiB", size >> 20),
        size if size > 0 && size.is_multiple_of(1 << 10) => format!("{}KiB", size >> 10),
        size => size.to_string(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use wsferry_proto::head;

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
    fn durations_of_a_file_may_have_a_unit() {
        for (text, millis) in [("10s", 10_000), ("5m", 300_000), ("500ms", 500), ("2h", 7_200_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(duration("0.5"), Ok(Duration::from_millis(500)));
        for text in ["", "s", "10 s", "1d", "-1s", "1e9", "off", "99999999999h"] {
            let error = duration(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text:?} is not a duration")), "{error}");
        }
    }

    #[test]
    fn nought_and_off_turn_a_limit_of_time_off() {
        for text in ["0", "0s", "off"] {
            assert_eq!(off_or_duration(text), Ok(None), "{text}");
        }
        assert_eq!(off_or_duration("1s"), Ok(Some(Duration::from_secs(1))));
        assert!(off_or_duration("never").is_err());
    }

    #[test]
    fn what_is_spelled_is_read_as_what_it_was() {
        for size in [1, 1023, 1024, 65_536, 1 << 20, (1 << 20) + 1024] {
            assert_eq!(message_size(&spell_size(size)), Ok(size));
        }
        for millis in [0, 500, 25_000] {
            let time = Duration::from_millis(millis);
            assert_eq!(seconds(&spell_seconds(time)), Ok(time));
        }
        assert_eq!(
            (spell_size(65_536), spell_seconds(Duration::from_secs(25))),
            ("64KiB".to_owned(), "25".to_owned())
        );
    }
}
