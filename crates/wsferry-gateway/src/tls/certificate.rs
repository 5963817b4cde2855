//! What is read out of a certificate (RFC 5280): the names of a client's, the dates of the server's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate, X509Version};

use super::Validity;

/// The common names of a certificate's subject, in its order. Empty where it has none, and where it
/// cannot be read. What the names say is true only of a certificate that was verified.
pub fn common_names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let names = certificate.subject().iter_common_name();
    names.filter_map(|name| name.as_str().ok().map(str::to_owned)).collect()
}

/// What a certificate says of itself.
pub(super) struct Facts {
    /// The public key, DER of `SubjectPublicKeyInfo`.
    pub(super) public_key: Vec<u8>,
    /// Its dates.
    pub(super) validity: Validity,
    /// Whether it is of X.509 version 1, which has no extensions.
    pub(super) is_version_1: bool,
    /// Whether its names are where they belong (RFC 6125 §6.4.4), and not only the common name.
    pub(super) has_alternative_names: bool,
}

/// # Errors
/// What is wrong with the certificate.
pub(super) fn facts(certificate: &CertificateDer<'_>) -> Result<Facts, String> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
    let validity = parsed.validity();
    let names = parsed.subject_alternative_name().map_err(|error| error.to_string())?;
    Ok(Facts {
        is_version_1: parsed.version() == X509Version::V1,
        has_alternative_names: names.is_some(),
        public_key: parsed.public_key().raw.to_vec(),
        validity: Validity { from: time(validity.not_before), until: time(validity.not_after) },
    })
}

fn time(time: ASN1Time) -> SystemTime {
    let seconds = time.timestamp();
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(UNIX_EPOCH)
}
