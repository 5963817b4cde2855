//! Keys encrypted in the old way of PEM: `Proc-Type: 4,ENCRYPTED` with `DEK-Info: CIPHER,IV`
//! (RFC 1421 §4.6.1). The key is derived as OpenSSL does: MD5 over password and salt, in one round
//! (`EVP_BytesToKey`), the salt being the first 8 bytes of the IV. It is weak, and it is what
//! `openssl rsa -aes256` wrote for decades.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use md5::{Digest, Md5};

use super::pem::Section;

/// Why such a key was not opened.
pub(super) enum Locked {
    /// The password is wrong, or the content damaged.
    Password,
    /// A cipher that is not known here, by its name.
    Cipher(String),
}

/// Whether a section is encrypted in this way.
pub(super) fn is_encrypted(section: &Section) -> bool {
    header(section, "Proc-Type").is_some_and(|value| value.ends_with("ENCRYPTED"))
        || header(section, "DEK-Info").is_some()
}

/// The content of an encrypted section. A wrong password may give garbage instead of an error.
pub(super) fn decrypt(section: &Section, password: &[u8]) -> Result<Vec<u8>, Locked> {
    let info = header(section, "DEK-Info").unwrap_or_default();
    let (cipher, iv) = info.split_once(',').unwrap_or((info, ""));
    let unknown = || Locked::Cipher(cipher.to_owned());
    let iv = bytes_of_hex(iv.trim()).ok_or_else(unknown)?;
    let open = match cipher {
        "AES-128-CBC" => open::<cbc::Decryptor<aes::Aes128>>,
        "AES-192-CBC" => open::<cbc::Decryptor<aes::Aes192>>,
        "AES-256-CBC" => open::<cbc::Decryptor<aes::Aes256>>,
        "DES-EDE3-CBC" => open::<cbc::Decryptor<des::TdesEde3>>,
        _ => return Err(unknown()),
    };
    open(&section.der, &iv, password)
}

fn open<D: KeyIvInit + BlockModeDecrypt>(
    content: &[u8],
    iv: &[u8],
    password: &[u8],
) -> Result<Vec<u8>, Locked> {
    let salt = iv.get(..8).ok_or(Locked::Password)?;
    let key = derive(password, salt, D::key_size());
    let decryptor = D::new_from_slices(&key, iv).map_err(|_| Locked::Password)?;
    let mut content = content.to_vec();
    let length =
        decryptor.decrypt_padded::<Pkcs7>(&mut content).map_err(|_| Locked::Password)?.len();
    content.truncate(length);
    Ok(content)
}

fn derive(password: &[u8], salt: &[u8], length: usize) -> Vec<u8> {
    let mut key = Vec::new();
    let mut block = Vec::new();
    while key.len() < length {
        let digest = Md5::new().chain_update(&block).chain_update(password).chain_update(salt);
        block = digest.finalize().to_vec();
        key.extend_from_slice(&block);
    }
    key.truncate(length);
    key
}

fn header<'s>(section: &'s Section, name: &str) -> Option<&'s str> {
    let mut headers = section.headers.iter();
    headers.find(|(given, _)| given == name).map(|(_, value)| &**value)
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
