//! Two ways to look at a target's certificate that the TLS library does not have: one that is known
//! itself, and not at all.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use webpki::RawPublicKeyEntity;

use super::certificate::{self, Facts};

/// Verifies by CAs, and takes a certificate that is itself among those that are trusted.
///
/// The library's verifier refuses that for what `openssl req -x509` makes, a certificate that calls
/// itself a CA, and for certificates of version 1, which `openssl x509 -req` makes and many devices
/// have. OpenSSL takes both.
#[derive(Debug)]
pub(super) struct Pinned {
    by_authority: Arc<WebPkiServerVerifier>,
    known: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Pinned {
    pub(super) const fn new(
        by_authority: Arc<WebPkiServerVerifier>,
        known: Vec<CertificateDer<'static>>,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Self {
        Self { by_authority, known, algorithms }
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
        if is_common_name(certificate, &facts, server_name) {
            return Ok(());
        }
        if facts.is_version_1 {
            return Err(Error::InvalidCertificate(CertificateError::NotValidForNameContext {
                expected: server_name.to_owned(),
                presented: certificate::common_names(certificate),
            }));
        }
        verify_server_name(&ParsedCertificate::try_from(certificate)?, server_name)
    }

    /// Verifies a signature by the key of a certificate of version 1, which the library does not
    /// read. `None`: it is of another version.
    fn verify_by_key(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Option<Result<HandshakeSignatureValid, Error>> {
        let facts = certificate::facts(certificate).ok().filter(|facts| facts.is_version_1)?;
        let key = SubjectPublicKeyInfoDer::from(facts.public_key);
        let mut algorithms = self.algorithms.mapping.iter();
        let (_, algorithms) = algorithms.find(|(scheme, _)| *scheme == signed.scheme)?;
        let key = RawPublicKeyEntity::try_from(&key).ok()?;
        let is_good = algorithms
            .iter()
            .any(|&algorithm| key.verify_signature(algorithm, message, signed.signature()).is_ok());
        Some(if is_good {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::BadSignature))
        })
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
        let by_library = || self.by_authority.verify_tls12_signature(message, certificate, signed);
        self.verify_by_key(message, certificate, signed).unwrap_or_else(by_library)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let by_library = || self.by_authority.verify_tls13_signature(message, certificate, signed);
        self.verify_by_key(message, certificate, signed).unwrap_or_else(by_library)
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
