//! `--ssl-version`: the lowest version of TLS that is spoken with clients.

use std::str::FromStr;

use thiserror::Error;

/// The lowest version that is spoken. The highest one is always TLS 1.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinVersion {
    /// TLS 1.2 and 1.3.
    #[default]
    Tls12,
    /// TLS 1.3 only.
    Tls13,
}

/// Not a minimum version that wsferry speaks.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum VersionError {
    /// Older than what is spoken.
    #[error(
        "{0:?} asks for a version of TLS that wsferry does not speak, because it is broken (RFC \
         8996): use default, tlsv1_2 or tlsv1_3"
    )]
    TooOld(String),
    /// Not a version.
    #[error("{0:?} is not a version of TLS: use default, tlsv1_2 or tlsv1_3")]
    Unknown(String),
}

impl FromStr for MinVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        match text {
            "default" | "tlsv1_2" => Ok(Self::Tls12),
            "tlsv1_3" => Ok(Self::Tls13),
            "tlsv1_1" | "tlsv1_0" | "tlsv1" | "sslv3" | "sslv2" | "sslv23" => {
                Err(VersionError::TooOld(text.to_owned()))
            }
            _ => Err(VersionError::Unknown(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_tls_1_2() {
        for text in ["default", "tlsv1_2"] {
            assert_eq!(text.parse(), Ok(MinVersion::Tls12));
        }
        assert_eq!("tlsv1_3".parse(), Ok(MinVersion::Tls13));
        assert_eq!(MinVersion::default(), MinVersion::Tls12);
    }

    #[test]
    fn versions_that_are_not_spoken_are_refused_in_a_sentence() {
        let error = "tlsv1_1".parse::<MinVersion>().unwrap_err();
        assert_eq!(error, VersionError::TooOld("tlsv1_1".to_owned()));
        let error = "tls1.3".parse::<MinVersion>().unwrap_err().to_string();
        assert!(error.contains("\"tls1.3\"") && error.contains("tlsv1_3"), "{error}");
    }
}
