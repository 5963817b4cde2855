//! Two ways to look at a target's certificate that the TLS library does not have: a self-signed one
//! that is known, and not at all.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::certificate::{self, Facts};

/// Verifies by the CAs of a file, and takes a certificate that is itself in the file.
///
/// The library's verifier refuses that for what `openssl req -x509` makes: a certificate that calls
/// itself a CA. OpenSSL takes it.
#[derive(Debug)]
pub(super) struct Pinned {
    by_authority: Arc<WebPkiServerVerifier>,
    known: Vec<CertificateDer<'static>>,
}

impl Pinned {
    pub(super) const fn new(
        by_authority: Arc<WebPkiServerVerifier>,
        known: Vec<CertificateDer<'static>>,
    ) -> Self {
        Self { by_authority, known }
    }

    /// A known certificate must still be in time and for this name.
    fn verify_known(
        certificate: &CertificateDer<'_>,
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let facts = certificate::facts(certificate)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let [not_before, not_after] = [facts.validity.from, facts.validity.until].map(unix_time);
        if now > not_after {
            let expired = CertificateError::ExpiredContext { time: now, not_after };
            return Err(Error::InvalidCertificate(expired));
        }
        if now < not_before {
            let early = CertificateError::NotValidYetContext { time: now, not_before };
            return Err(Error::InvalidCertificate(early));
        }
        match verify_server_name(&ParsedCertificate::try_from(certificate)?, server_name) {
            Err(_) if is_common_name(certificate, &facts, server_name) => Ok(()),
            result => result,
        }
    }
}

/// Before 1970 is 1970.
fn unix_time(time: SystemTime) -> UnixTime {
    UnixTime::since_unix_epoch(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Self-signed certificates often have their name only there.
fn is_common_name(
    certificate: &CertificateDer<'_>,
    facts: &Facts,
    server_name: &ServerName<'_>,
) -> bool {
    let name = server_name.to_str();
    !facts.has_alternative_names
        && certificate::common_names(certificate).iter().any(|own| own.eq_ignore_ascii_case(&name))
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.known.iter().any(|known| known == end_entity) {
            Self::verify_known(end_entity, server_name, now)?;
            return Ok(ServerCertVerified::assertion());
        }
        self.by_authority.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_authority.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_authority.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.by_authority.supported_verify_schemes()
    }
}

/// Takes whatever the target shows: only for the explicit switch.
#[derive(Debug)]
pub(super) struct Unverified {
    schemes: Vec<SignatureScheme>,
}

impl Unverified {
    pub(super) fn new(provider: &CryptoProvider) -> Self {
        Self { schemes: provider.signature_verification_algorithms.supported_schemes() }
    }
}

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    // With any key accepted, a signature by it proves nothing; and the library does not verify those
    // of the short keys and old certificates that are in the devices this switch is for.
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}
