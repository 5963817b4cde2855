//! Why TLS with a target did not come about, in words: what is wrong first, then the option that helps,
//! because a Close has no room for more than the first.

use std::io;

use rustls::{CertificateError, Error, OtherError};

use crate::error::words;

/// What is said of a failed handshake with a target.
pub fn target_words(error: &io::Error) -> String {
    let cause = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
    match cause {
        Some(Error::InvalidCertificate(error)) => certificate_words(error),
        // What answers with other bytes, and what sends them back.
        Some(
            Error::InvalidMessage(_)
            | Error::InappropriateMessage { .. }
            | Error::InappropriateHandshakeMessage { .. },
        ) => "the target does not speak TLS; leave --ssl-target out".to_owned(),
        _ => words(error),
    }
}

fn certificate_words(error: &CertificateError) -> String {
    let what = match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "has expired: renew it".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet: check the clocks".to_owned()
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<_> = presented.iter().map(|name| bare(name)).collect();
            let names = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
            let expected = expected.to_str();
            format!("is not valid for {expected}, only for {names}: use a name that it has")
        }
        CertificateError::UnknownIssuer | CertificateError::Other(OtherError(_)) => {
            "is not trusted: --ssl-target-cafile FILE names its CA, or itself".to_owned()
        }
        other => format!("cannot be used: {other}"),
    };
    format!("the certificate {what}; --ssl-target-insecure takes any")
}

/// The library writes names as `DnsName("a.example")` and `IpAddress(192.0.2.1)`.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}
