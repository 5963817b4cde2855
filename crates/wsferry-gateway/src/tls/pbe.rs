//! Keys that are encrypted by PBE-SHA1-3DES (RFC 7292 appendix C): what PKCS#12 tools of Java and
//! Windows leave behind, and `openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES` writes.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use pkcs8::ObjectIdentifier;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{Decode, Error, ErrorKind, Reader, SliceReader};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs12::kdf::{Pkcs12KeyType, derive_key_utf8};
use sha1::Sha1;

use super::legacy::Locked;

const PBE_SHA1_3DES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.3");
/// More rounds than any tool uses: they would only keep the start waiting.
const MAX_ROUNDS: i32 = 10_000_000;

/// A key in the form of PKCS#8, and how it is encrypted.
struct Encrypted<'d> {
    salt: &'d [u8],
    rounds: i32,
    content: &'d [u8],
}

/// The content of an encrypted key; `None` where it is encrypted in another way.
pub(super) fn decrypt(der: &[u8], password: &[u8]) -> Option<Result<Vec<u8>, Locked>> {
    let encrypted = read(der).ok().flatten()?;
    Some(open(&encrypted, password).ok_or(Locked::Password))
}

fn read(der: &[u8]) -> Result<Option<Encrypted<'_>>, Error> {
    let mut reader = SliceReader::new(der)?;
    reader.sequence(|reader| {
        let algorithm = AlgorithmIdentifierRef::decode(reader)?;
        let content = <&OctetStringRef>::decode(reader)?.as_bytes();
        if algorithm.oid != PBE_SHA1_3DES {
            return Ok(None);
        }
        let parameters = algorithm.parameters.ok_or_else(|| ErrorKind::Failed.to_error())?;
        parameters.sequence(|reader| {
            let salt = <&OctetStringRef>::decode(reader)?.as_bytes();
            let rounds = i32::decode(reader)?;
            let is_good = (1..=MAX_ROUNDS).contains(&rounds);
            Ok(is_good.then_some(Encrypted { salt, rounds, content }))
        })
    })
}

fn open(encrypted: &Encrypted<'_>, password: &[u8]) -> Option<Vec<u8>> {
    let password = std::str::from_utf8(password).ok()?;
    let derive = |kind, length| {
        derive_key_utf8::<Sha1>(password, encrypted.salt, kind, encrypted.rounds, length).ok()
    };
    let (key, iv) = (derive(Pkcs12KeyType::EncryptionKey, 24)?, derive(Pkcs12KeyType::Iv, 8)?);
    let decryptor = cbc::Decryptor::<des::TdesEde3>::new_from_slices(&key, &iv).ok()?;
    let mut content = encrypted.content.to_vec();
    let length = decryptor.decrypt_padded::<Pkcs7>(&mut content).ok()?.len();
    content.truncate(length);
    Some(content)
}
