//! Values of a file → their types. A file may write a number where a command line has words.

use std::ffi::OsString;
use std::fmt;
use std::num::{NonZeroU16, NonZeroU64};
use std::str::FromStr;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use wsferry_proto::Kind;
use wsferry_proto::handshake::Subprotocol;

use super::{numbers, values};
use crate::address::Address;
use crate::auth::http::ShownField;
use crate::auth::{AllowHost, AllowOrigin};
use crate::route::{Dial, HostPattern, PathPrefix};
use crate::tls::{Ciphers, MinVersion};
use crate::wrap::WrapMode;

/// A value that is written in words.
pub(super) trait Worded: Sized {
    /// Reads it, or says in one sentence what is wrong.
    fn read(text: &str) -> Result<Self, String>;
}

macro_rules! worded {
    ($($type:ty: $read:expr,)*) => {$(
        impl Worded for $type {
            fn read(text: &str) -> Result<Self, String> {
                $read(text).map_err(|error| error.to_string())
            }
        }
    )*};
}

worded! {
    Address: values::target,
    AllowHost: values::allow_host,
    AllowOrigin: values::allow_origin,
    Ciphers: Ciphers::from_str,
    Dial: values::dial,
    HostPattern: HostPattern::from_str,
    Kind: values::send,
    MinVersion: MinVersion::from_str,
    OsString: OsString::from_str,
    PathPrefix: PathPrefix::from_str,
    ShownField: ShownField::from_str,
    Subprotocol: values::subprotocol,
    (HeaderName, HeaderValue): values::header,
    WrapMode: values::wrap_mode,
    values::ListenAddress: values::ListenAddress::from_str,
}

/// Words, or a number that is read as if it were written in words.
struct Words(String);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;

        impl Visitor<'_> for Reader {
            type Value = Words;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or text in quotation marks")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Words, E> {
                Ok(Words(text.to_owned()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Words, E> {
                Ok(Words(number.to_string()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Words, E> {
                Ok(Words(number.to_string()))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Words, E> {
                Ok(Words(number.to_string()))
            }
        }

        from.deserialize_any(Reader)
    }
}

fn read<'de, D: Deserializer<'de>, T>(
    from: D,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, D::Error> {
    read(&Words::deserialize(from)?.0).map_err(Error::custom)
}

pub(super) fn one<'de, D: Deserializer<'de>, T: Worded>(from: D) -> Result<T, D::Error> {
    read(from, T::read)
}

pub(super) fn optional<'de, D: Deserializer<'de>, T: Worded>(
    from: D,
) -> Result<Option<T>, D::Error> {
    one(from).map(Some)
}

/// Several values; one that stands alone is a list too.
pub(super) fn list<'de, D: Deserializer<'de>, T: Worded>(from: D) -> Result<Vec<T>, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Several {
        One(Words),
        All(Vec<Words>),
    }
    let words = match Several::deserialize(from)? {
        Several::One(words) => vec![words],
        Several::All(words) => words,
    };
    words.iter().map(|words| T::read(&words.0)).collect::<Result<_, _>>().map_err(Error::custom)
}

macro_rules! numbers {
    ($($name:ident: $type:ty = $read:expr;)*) => {$(
        pub(super) fn $name<'de, D: Deserializer<'de>>(from: D) -> Result<$type, D::Error> {
            read(from, |text| $read(text).map_err(|error| error.to_string()))
        }
    )*};
}

numbers! {
    count: Option<usize> = |text| numbers::count(text).map(Some);
    duration: Duration = numbers::duration;
    failures: Option<NonZeroU16> = |text| numbers::or_off(text).map(NonZeroU16::new);
    head_size: usize = numbers::head_size;
    message_size: usize = numbers::message_size;
    mode: u32 = values::mode;
    off_or_duration: Option<Duration> = numbers::off_or_duration;
    rate: Option<NonZeroU64> = |text| numbers::rate(text).map(NonZeroU64::new);
    some_count: usize = numbers::count;
}
