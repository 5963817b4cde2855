//! The envelope of a JWE in the compact form: opened with a secret, an RSA key or an EC key.
//!
//! Whoever has a public key can seal an envelope, so what is found inside is not believed before its
//! signature is checked.

use aws_lc_rs::agreement::{self, UnparsedPublicKey};
use aws_lc_rs::cipher::{DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::kdf::{SskdfDigestAlgorithmId, get_sskdf_digest_algorithm, sskdf_digest};
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
};
use aws_lc_rs::{aead, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::Flaw;
use super::unwrap::{aes, unwrap};

/// What opens an envelope.
pub(super) enum Opener {
    /// A shared secret.
    Secret(Vec<u8>),
    /// A private RSA key.
    Rsa(OaepPrivateDecryptingKey),
    /// A private EC key.
    Ec(agreement::PrivateKey),
}

/// RFC 7516 §4.1 and RFC 7518 §4.6.1: the parameters that are understood.
#[derive(Deserialize)]
struct Header {
    alg: String,
    enc: String,
    epk: Option<Ephemeral>,
    #[serde(default)]
    apu: String,
    #[serde(default)]
    apv: String,
    crit: Option<serde_json::Value>,
    zip: Option<serde_json::Value>,
}

/// The public key that the sender made for this one token.
#[derive(Deserialize)]
struct Ephemeral {
    x: String,
    y: String,
}

/// How the content is encrypted (RFC 7518 §5.1).
enum Content {
    Gcm(&'static aead::Algorithm),
    CbcHmac(hmac::Algorithm),
}

impl Opener {
    /// The content of an envelope.
    pub(super) fn open(&self, token: &str) -> Result<String, Flaw> {
        let parts: Vec<&str> = token.split('.').collect();
        let &[head, sealed_key, iv, text, tag] = &*parts else { return Err(Flaw::Form) };
        let header: Header = serde_json::from_slice(&decode(head)?).map_err(|_| Flaw::Form)?;
        if header.crit.is_some() || header.zip.is_some() {
            return Err(Flaw::Header); // zip too: 8 KiB must not become 8 MiB
        }
        let (content, length) = content(&header.enc).ok_or(Flaw::Algorithm)?;
        let key = self.content_key(&header, &decode(sealed_key)?, length)?;
        if key.len() != length {
            return Err(Flaw::Sealed);
        }
        let (iv, text, tag) = (decode(iv)?, decode(text)?, decode(tag)?);
        let plain = content.decrypt(&key, &iv, head.as_bytes(), text, &tag).ok_or(Flaw::Sealed)?;
        String::from_utf8(plain).map_err(|_| Flaw::Form)
    }

    /// The key of the content, which is `length` bytes long (RFC 7518 §4.1).
    fn content_key(&self, header: &Header, sealed: &[u8], length: usize) -> Result<Vec<u8>, Flaw> {
        let open_rsa = |key: &OaepPrivateDecryptingKey, algorithm: &'static OaepAlgorithm| {
            let mut plain = vec![0; key.min_output_size()];
            key.decrypt(algorithm, sealed, &mut plain, None).map(|plain| plain.to_vec()).ok()
        };
        let key = match (self, &*header.alg) {
            (Self::Secret(secret), "dir") => sealed.is_empty().then(|| secret.clone()),
            (Self::Secret(secret), alg @ ("A128KW" | "A192KW" | "A256KW")) => (Some(secret.len())
                == wrapping_length(alg))
            .then(|| unwrap(secret, sealed))
            .flatten(),
            (Self::Rsa(key), "RSA-OAEP") => open_rsa(key, &OAEP_SHA1_MGF1SHA1),
            (Self::Rsa(key), "RSA-OAEP-256") => open_rsa(key, &OAEP_SHA256_MGF1SHA256),
            (Self::Ec(key), "ECDH-ES") if sealed.is_empty() => {
                agree(key, header, &header.enc, length)
            }
            (Self::Ec(key), alg) => {
                let wrap = alg.strip_prefix("ECDH-ES+").and_then(wrapping_length);
                let length = wrap.ok_or(Flaw::Algorithm)?;
                agree(key, header, alg, length).and_then(|key| unwrap(&key, sealed))
            }
            _ => return Err(Flaw::Algorithm),
        };
        key.ok_or(Flaw::Sealed)
    }
}

fn decode(part: &str) -> Result<Vec<u8>, Flaw> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Flaw::Form)
}

fn content(enc: &str) -> Option<(Content, usize)> {
    Some(match enc {
        "A128GCM" => (Content::Gcm(&aead::AES_128_GCM), 16),
        "A192GCM" => (Content::Gcm(&aead::AES_192_GCM), 24),
        "A256GCM" => (Content::Gcm(&aead::AES_256_GCM), 32),
        "A128CBC-HS256" => (Content::CbcHmac(hmac::HMAC_SHA256), 32),
        "A192CBC-HS384" => (Content::CbcHmac(hmac::HMAC_SHA384), 48),
        "A256CBC-HS512" => (Content::CbcHmac(hmac::HMAC_SHA512), 64),
        _ => return None,
    })
}

/// The bytes of the key that wraps another.
fn wrapping_length(alg: &str) -> Option<usize> {
    match alg {
        "A128KW" => Some(16),
        "A192KW" => Some(24),
        "A256KW" => Some(32),
        _ => None,
    }
}

/// The key that both sides come to (RFC 7518 §4.6): the Concat KDF of what the two keys agree on,
/// the name of the algorithm, and what the sender says of both sides.
fn agree(
    key: &agreement::PrivateKey,
    header: &Header,
    algorithm: &str,
    length: usize,
) -> Option<Vec<u8>> {
    let epk = header.epk.as_ref()?;
    let point = [&[4], &*decode(&epk.x).ok()?, &*decode(&epk.y).ok()?].concat();
    let mut info = Vec::new();
    for part in [algorithm.as_bytes(), &*decode(&header.apu).ok()?, &*decode(&header.apv).ok()?] {
        info.extend(u32::try_from(part.len()).ok()?.to_be_bytes());
        info.extend(part);
    }
    info.extend(u32::try_from(length * 8).ok()?.to_be_bytes());
    let digest = get_sskdf_digest_algorithm(SskdfDigestAlgorithmId::Sha256)?;
    let mut agreed = vec![0; length];
    // A point that is not on the key's curve is refused in here.
    let other = UnparsedPublicKey::new(key.algorithm(), point);
    agreement::agree(key, other, (), |shared| {
        sskdf_digest(digest, shared, &info, &mut agreed).map_err(|_| ())
    })
    .ok()?;
    Some(agreed)
}

impl Content {
    fn decrypt(
        &self,
        key: &[u8],
        iv: &[u8],
        head: &[u8],
        mut text: Vec<u8>,
        tag: &[u8],
    ) -> Option<Vec<u8>> {
        match self {
            Self::Gcm(algorithm) => {
                if tag.len() != algorithm.tag_len() {
                    return None; // where the text ends is not the sender's to choose
                }
                text.extend(tag);
                let key = aead::LessSafeKey::new(aead::UnboundKey::new(algorithm, key).ok()?);
                let nonce = aead::Nonce::try_assume_unique_for_key(iv).ok()?;
                let plain = key.open_in_place(nonce, aead::Aad::from(head), &mut text).ok()?;
                Some(plain.to_vec())
            }
            Self::CbcHmac(algorithm) => {
                let (mac_key, key) = key.split_at(key.len() / 2);
                let bits = u64::try_from(head.len() * 8).ok()?;
                let mut mac = hmac::Context::with_key(&hmac::Key::new(*algorithm, mac_key));
                for part in [head, iv, &text, &bits.to_be_bytes()] {
                    mac.update(part);
                }
                // RFC 7518 §5.2.2.1: the first half of it. Checked before the padding is looked at.
                let mac = mac.sign();
                verify_slices_are_equal(mac.as_ref().get(..key.len())?, tag).ok()?;
                let key = UnboundCipherKey::new(aes(key.len())?, key).ok()?;
                let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).ok()?;
                let iv: [u8; 16] = iv.try_into().ok()?;
                let plain = key.decrypt(&mut text, DecryptionContext::Iv128(iv.into())).ok()?;
                Some(plain.to_vec())
            }
        }
    }
}
