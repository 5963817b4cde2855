//! Two ways to look at a target's certificate that the TLS library does not have: one that is known
//! itself, and not at all.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key,
};
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

    /// Verifies a signature of TLS 1.2 by a key. Unlike in TLS 1.3, a scheme does not say which curve
    /// it means.
    fn verify_by_key(
        &self,
        message: &[u8],
        key: &SubjectPublicKeyInfoDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let is_scheme = |(scheme, _): &&(SignatureScheme, _)| *scheme == signed.scheme;
        let algorithms = self.algorithms.mapping.iter().find(is_scheme).map(|(_, all)| *all);
        let key = RawPublicKeyEntity::try_from(key)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let is_good =
            |&algorithm| key.verify_signature(algorithm, message, signed.signature()).is_ok();
        if algorithms.unwrap_or_default().iter().any(is_good) {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::BadSignature))
        }
    }
}

/// The key of a certificate of version 1, which the library does not read.
fn version_1_key(certificate: &CertificateDer<'_>) -> Option<SubjectPublicKeyInfoDer<'static>> {
    let facts = certificate::facts(certificate).ok().filter(|facts| facts.is_version_1)?;
    Some(SubjectPublicKeyInfoDer::from(facts.public_key))
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
        match version_1_key(certificate) {
            Some(key) => self.verify_by_key(message, &key, signed),
            None => self.by_authority.verify_tls12_signature(message, certificate, signed),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match version_1_key(certificate) {
            Some(key) => {
                verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms)
            }
            None => self.by_authority.verify_tls13_signature(message, certificate, signed),
        }
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

#[cfg(test)]
mod tests {
    use rustls::RootCertStore;
    use rustls::crypto::aws_lc_rs;
    use rustls::internal::msgs::codec::{Codec, Reader};
    use rustls::pki_types::PrivateKeyDer;
    use rustls::pki_types::pem::PemObject;
    use wsferry_testkit::pki::Pki;

    use super::*;

    /// RFC 8446 §4.2.3: "these values refer solely to signatures which appear in certificates".
    #[test]
    fn a_key_of_a_version_1_certificate_does_not_sign_by_pkcs1_in_tls_1_3() {
        let pki = Pki::new();
        let pair = pki.version_1("v1");
        let certificate = CertificateDer::from_pem_file(&pair.cert).unwrap();
        let key = PrivateKeyDer::from_pem_file(&pair.key).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let key = provider.key_provider.load_private_key(key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(pki.ca()).unwrap()).unwrap();
        let algorithms = provider.signature_verification_algorithms;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = Pinned::new(verifier.build().unwrap(), Vec::new(), algorithms);
        for (scheme, is_of_tls13) in
            [(SignatureScheme::RSA_PSS_SHA256, true), (SignatureScheme::RSA_PKCS1_SHA256, false)]
        {
            let signature = key.choose_scheme(&[scheme]).unwrap().sign(b"message").unwrap();
            let length = u16::try_from(signature.len()).unwrap().to_be_bytes();
            let sent = [&u16::from(scheme).to_be_bytes(), &length, &signature[..]].concat();
            let signed = DigitallySignedStruct::read(&mut Reader::init(&sent)).unwrap();
            let by_1_2 = verifier.verify_tls12_signature(b"message", &certificate, &signed);
            assert!(by_1_2.is_ok(), "{scheme:?}: {by_1_2:?}");
            let by_1_3 = verifier.verify_tls13_signature(b"message", &certificate, &signed);
            assert_eq!(by_1_3.is_ok(), is_of_tls13, "{scheme:?}: {by_1_3:?}");
            for forged in [
                verifier.verify_tls12_signature(b"another", &certificate, &signed),
                verifier.verify_tls13_signature(b"another", &certificate, &signed),
            ] {
                assert!(forged.is_err(), "{scheme:?}");
            }
        }
    }
}
