//! Whose signatures count: the CAs of a file, or those of the system.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::{TlsError, key};

/// The CAs of a file, and the certificates as they are in it. All of them must be usable.
pub(super) fn of_file(
    path: &Path,
) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), TlsError> {
    let certificates = key::certificates("CA", path)?;
    let mut roots = RootCertStore::empty();
    for (certificate, number) in certificates.iter().zip(1..) {
        roots.add(certificate.clone()).map_err(|error| TlsError::BadAuthority {
            path: path.to_owned(),
            reason: format!("certificate {number} of it: {error}"),
        })?;
    }
    Ok((roots, certificates))
}

/// The CAs of the system, or of `SSL_CERT_FILE` and `SSL_CERT_DIR`, and the certificates as they are
/// there. Those that cannot be used are left out: there are always some.
pub(super) fn of_system() -> Result<(RootCertStore, Vec<CertificateDer<'static>>), TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs.iter().cloned());
    if added == 0 {
        let reason = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        return Err(TlsError::NoSystemAuthorities { reason });
    }
    Ok((roots, found.certs))
}
