//! A key as it stands in a file: PEM (private, public, certificate), a JWK, or a secret in base64url.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{OaepPrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RsaKeyPair,
};
use aws_lc_rs::{agreement, rsa};
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey};
use thiserror::Error;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::Key;
use super::envelope::Opener;
use crate::tls::pem;

const HMAC: &[Algorithm] = &[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
const RSA: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

/// A shorter secret can be guessed, from a single token and far from here. A128KW takes just as many.
const SHORTEST_SECRET: usize = 16;

/// A key is read as websockify reads it: base64url, with or without padding. Bits left over at the
/// end do not matter there.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Text that is no key. It holds nothing of the text.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// Nothing that a key could be.
    #[error(
        "it is not a key: give a private key, a public key or a certificate in PEM, a JWK, or a \
         secret in base64url, such as `openssl rand -hex 32` prints"
    )]
    Form,
    /// PEM that cannot be read.
    #[error("the PEM in it is damaged")]
    Pem,
    /// A key of an unknown kind.
    #[error("the key in it is not RSA of 2048 bits or more, EC P-256, EC P-384 or Ed25519")]
    Kind,
    /// A private key with a pass phrase.
    #[error(
        "the private key in it is encrypted: remove the passphrase with `openssl pkey`, or \
         give the public key, which is enough for signed tokens"
    )]
    Encrypted,
    /// A secret that could be guessed.
    #[error("the secret in it is shorter than {SHORTEST_SECRET} bytes after base64url decoding")]
    Short,
}

impl Key {
    /// Reads the contents of a key file.
    ///
    /// # Errors
    /// It is no key, or one of no use.
    pub fn read(contents: &[u8]) -> Result<Self, KeyError> {
        let text = std::str::from_utf8(contents).map_err(|_| KeyError::Form)?;
        let text = text.trim_start_matches('\u{feff}'); // editors of Windows put it in front
        if text.contains("-----BEGIN ") {
            return Self::from_pem(text);
        }
        if text.trim_start().starts_with('{') {
            return Self::from_jwk(text);
        }
        // websockify refuses nearly every file that ends with a line break; where it takes one, the
        // secret is the same without.
        let text: String = text.split_ascii_whitespace().collect();
        Self::from_secret(BASE64.decode(text).map_err(|_| KeyError::Form)?)
    }

    fn from_secret(secret: Vec<u8>) -> Result<Self, KeyError> {
        if secret.len() < SHORTEST_SECRET {
            return Err(KeyError::Short);
        }
        Ok(Self {
            signature: DecodingKey::from_secret(&secret),
            algorithms: HMAC.to_vec(),
            opener: Some(Opener::Secret(secret)),
        })
    }

    fn from_jwk(text: &str) -> Result<Self, KeyError> {
        let jwk: Jwk = serde_json::from_str(text).map_err(|_| KeyError::Form)?;
        let mut algorithms = match &jwk.algorithm {
            AlgorithmParameters::OctetKey(key) => {
                let secret = BASE64.decode(&key.value).map_err(|_| KeyError::Form)?;
                return Self::from_secret(secret);
            }
            AlgorithmParameters::RSA(_) => RSA.to_vec(),
            AlgorithmParameters::EllipticCurve(key) => match key.curve {
                EllipticCurve::P256 => vec![Algorithm::ES256],
                EllipticCurve::P384 => vec![Algorithm::ES384],
                _ => return Err(KeyError::Kind),
            },
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                vec![Algorithm::EdDSA]
            }
            _ => return Err(KeyError::Kind),
        };
        if let Some(only) = jwk.common.key_algorithm {
            let only = only.to_string().parse::<Algorithm>().map_err(|_| KeyError::Kind)?;
            algorithms.retain(|algorithm| *algorithm == only);
        }
        let signature = DecodingKey::from_jwk(&jwk).map_err(|_| KeyError::Kind)?;
        Ok(Self { signature, algorithms, opener: None })
    }

    /// A private key, else a public key, else a certificate, wherever it stands in the file.
    fn from_pem(text: &str) -> Result<Self, KeyError> {
        let blocks = pem::sections(text.as_bytes()).map_err(|_| KeyError::Pem)?;
        let find = |labels: &[&str]| blocks.iter().find(|block| labels.contains(&&*block.label));
        if let Some(block) = find(&["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"]) {
            if block.traditional_encryption().is_some() {
                return Err(KeyError::Encrypted);
            }
            return Self::from_private(&block.der).ok_or(KeyError::Kind);
        }
        if find(&["ENCRYPTED PRIVATE KEY"]).is_some() {
            return Err(KeyError::Encrypted);
        }
        if let Some(block) = find(&["PUBLIC KEY"]) {
            let (_, key) = SubjectPublicKeyInfo::from_der(&block.der).map_err(|_| KeyError::Pem)?;
            return Self::from_public(&key).ok_or(KeyError::Kind);
        }
        if let Some(block) = find(&["RSA PUBLIC KEY"]) {
            return Self::from_rsa(&block.der).ok_or(KeyError::Kind);
        }
        if let Some(block) = find(&["CERTIFICATE"]) {
            let (_, certificate) =
                X509Certificate::from_der(&block.der).map_err(|_| KeyError::Pem)?;
            return Self::from_public(certificate.public_key()).ok_or(KeyError::Kind);
        }
        Err(KeyError::Form)
    }

    fn from_public(key: &SubjectPublicKeyInfo<'_>) -> Option<Self> {
        let data = &*key.subject_public_key.data;
        match &*key.algorithm.algorithm.to_id_string() {
            "1.2.840.113549.1.1.1" => Self::from_rsa(data),
            "1.2.840.10045.2.1" => Self::from_ec(data),
            "1.3.101.112" => Self::from_ed25519(data),
            _ => None,
        }
    }

    /// An RSA key: the structure of RFC 8017 §A.1.1.
    fn from_rsa(der: &[u8]) -> Option<Self> {
        let bits = rsa::PublicKey::from_der(der).ok()?.modulus_len() * 8;
        (bits >= 2048).then(|| Self {
            signature: DecodingKey::from_rsa_der(der),
            algorithms: RSA.to_vec(),
            opener: None,
        })
    }

    /// An EC key: an uncompressed point, whose length tells the curve.
    fn from_ec(point: &[u8]) -> Option<Self> {
        let algorithm = match point.len() {
            65 => Algorithm::ES256,
            97 => Algorithm::ES384,
            _ => return None,
        };
        let signature = DecodingKey::from_ec_der(point);
        Some(Self { signature, algorithms: vec![algorithm], opener: None })
    }

    fn from_ed25519(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == 32).then(|| Self {
            signature: DecodingKey::from_ed_der(bytes),
            algorithms: vec![Algorithm::EdDSA],
            opener: None,
        })
    }

    /// A private key, whatever it says it is: its public half checks, itself opens.
    fn from_private(der: &[u8]) -> Option<Self> {
        if let Ok(pair) = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)) {
            let pkcs8: Pkcs8V1Der<'_> = pair.as_der().ok()?;
            let key = PrivateDecryptingKey::from_pkcs8(pkcs8.as_ref()).ok()?;
            let opener = Opener::Rsa(OaepPrivateDecryptingKey::new(key).ok()?);
            let public = Self::from_rsa(pair.public_key().as_ref())?;
            return Some(Self { opener: Some(opener), ..public });
        }
        let curves = [
            (&ECDSA_P256_SHA256_FIXED_SIGNING, &agreement::ECDH_P256),
            (&ECDSA_P384_SHA384_FIXED_SIGNING, &agreement::ECDH_P384),
        ];
        for (signing, agreeing) in curves {
            if let Ok(pair) = EcdsaKeyPair::from_private_key_der(signing, der) {
                let key = agreement::PrivateKey::from_private_key_der(agreeing, der).ok()?;
                let public = Self::from_ec(pair.public_key().as_ref())?;
                return Some(Self { opener: Some(Opener::Ec(key)), ..public });
            }
        }
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?;
        Self::from_ed25519(pair.public_key().as_ref())
    }
}
