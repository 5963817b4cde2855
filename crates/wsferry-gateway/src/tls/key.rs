//! Certificate chains and private keys from PEM files: PKCS#1, SEC1, PKCS#8, and encrypted PKCS#8
//! (PBES2). Keys in the traditional encrypted form (`DEK-Info`) are refused: MD5 makes their key.

use std::path::Path;
use std::sync::Arc;

use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};

use super::certificate;
use super::pem::{self, Section};
use super::{Password, TlsError, Validity};
use crate::sys::read_file;

/// The maximum number of bytes of a file; the authorities of a whole system have 0.3 MB.
const LONGEST: u64 = 16 << 20;

/// A chain with its key, which belong together, and the dates of the first certificate. Whether it
/// is expired is not judged: an expired one serves, as elsewhere.
pub(super) fn pair(
    certificate: &Path,
    key: Option<&Path>,
    password: Option<&Password>,
    provider: &CryptoProvider,
) -> Result<(CertifiedKey, Validity), TlsError> {
    let chain = certificates("certificate", certificate)?;
    let key_path = key.unwrap_or(certificate);
    let key = private_key(key_path, password, provider)?;
    // Not `CertifiedKey::keys_match`, which refuses certificates of version 1.
    let leaf = chain.first().ok_or_else(|| no_certificate("certificate", certificate))?;
    let facts = certificate::facts(leaf)
        .map_err(|reason| TlsError::BadCertificate { path: certificate.to_owned(), reason })?;
    if key.public_key().is_some_and(|of_key| *of_key != *facts.public_key) {
        return Err(TlsError::Mismatch {
            certificate: certificate.to_owned(),
            key: key_path.to_owned(),
        });
    }
    Ok((CertifiedKey::new(chain, key), facts.validity))
}

/// All certificates of a file in its order: at least one.
pub(super) fn certificates(
    role: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Vec<_> = read(role, path)?
        .into_iter()
        .filter(|section| matches!(&*section.label, "CERTIFICATE" | "X509 CERTIFICATE"))
        .map(|section| CertificateDer::from(section.der))
        .collect();
    if found.is_empty() {
        return Err(no_certificate(role, path));
    }
    Ok(found)
}

fn no_certificate(role: &'static str, path: &Path) -> TlsError {
    TlsError::NoCertificate { role, path: path.to_owned() }
}

fn read(role: &'static str, path: &Path) -> Result<Vec<Section>, TlsError> {
    let text = read_file(path, LONGEST).map_err(|source| TlsError::Read {
        role,
        path: path.to_owned(),
        source,
    })?;
    pem::sections(&text).map_err(|reason| TlsError::Damaged { role, path: path.to_owned(), reason })
}

/// The first private key of a file.
fn private_key(
    path: &Path,
    password: Option<&Password>,
    provider: &CryptoProvider,
) -> Result<Arc<dyn SigningKey>, TlsError> {
    let sections = read("key", path)?;
    let section = sections
        .iter()
        .find(|section| section.label.ends_with("PRIVATE KEY"))
        .ok_or_else(|| TlsError::NoKey { path: path.to_owned() })?;
    let der = key_der(section, path, password)?;
    provider
        .key_provider
        .load_private_key(der)
        .map_err(|error| TlsError::BadKey { path: path.to_owned(), reason: error.to_string() })
}

fn key_der(
    section: &Section,
    path: &Path,
    password: Option<&Password>,
) -> Result<PrivateKeyDer<'static>, TlsError> {
    if section.label == "ENCRYPTED PRIVATE KEY" {
        return Ok(PrivateKeyDer::Pkcs8(decrypt(&section.der, path, password)?.into()));
    }
    if let Some(cipher) = section.traditional_encryption() {
        let method = format!("in the traditional form (DEK-Info: {cipher})");
        return Err(TlsError::Encryption { path: path.to_owned(), method });
    }
    let content = section.der.clone();
    match &*section.label {
        "PRIVATE KEY" => Ok(PrivateKeyDer::Pkcs8(content.into())),
        "RSA PRIVATE KEY" => Ok(PrivateKeyDer::Pkcs1(content.into())),
        "EC PRIVATE KEY" => Ok(PrivateKeyDer::Sec1(content.into())),
        other => Err(TlsError::BadKey {
            path: path.to_owned(),
            reason: format!("it is of the kind {other:?}"),
        }),
    }
}

/// Opens an encrypted key. The method is judged first: a password is not asked for in vain.
fn decrypt(der: &[u8], path: &Path, password: Option<&Password>) -> Result<Vec<u8>, TlsError> {
    let path = path.to_owned();
    let unknown = |error: pkcs8::Error| TlsError::Encryption {
        path: path.clone(),
        method: format!("by a method unknown here ({error})"),
    };
    let encrypted = EncryptedPrivateKeyInfoRef::try_from(der).map_err(unknown)?;
    let Some(password) = password else { return Err(TlsError::NeedsPassword { path }) };
    match encrypted.decrypt(password.0.as_bytes()) {
        Ok(document) if is_whole(document.as_bytes()) => Ok(document.as_bytes().to_vec()),
        // A wrong password is seen at the padding, or at what is then not ASN.1.
        Ok(_)
        | Err(pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::DecryptFailed))
        | Err(pkcs8::Error::Asn1(_)) => Err(TlsError::WrongPassword { path }),
        Err(error) => Err(unknown(error)),
    }
}

/// The padding fits by chance once in 256 wrong passwords: then it is not one whole ASN.1 sequence.
fn is_whole(der: &[u8]) -> bool {
    use pkcs8::der::{Decode, Tag, Tagged, asn1::AnyRef};
    matches!(AnyRef::from_der(der), Ok(any) if any.tag() == Tag::Sequence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_wrong_password_leaves_is_not_taken_for_a_key() {
        assert!(is_whole(&[0x30, 1, 0]));
        for garbage in [&[][..], &[0x30, 2, 0], &[0x30, 1, 0, 0], &[4, 1, 0], &[0xff; 40]] {
            assert!(!is_whole(garbage), "{garbage:?}");
        }
    }
}
