//! What can be wrong with certificates, keys, ciphers and versions. Each sentence names the file or
//! the value, says what was expected and what to do.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why TLS could not be set up.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error(
        "cannot read the {role} file {path:?}: {source}. Check the path, and that the user wsferry \
         runs as may read it"
    )]
    Read {
        /// `certificate`, `key` or `CA`.
        role: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A PEM section is cut off or not base64.
    #[error(
        "the {role} file {path:?} is damaged: {reason}. Write it again in one piece, in PEM format"
    )]
    Damaged {
        /// `certificate`, `key` or `CA`.
        role: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong, and in which line.
        reason: String,
    },
    /// No certificate where one is needed.
    #[error(
        "the {role} file {path:?} holds no certificate: expected a section that begins with \
         -----BEGIN CERTIFICATE-----. A file in DER format is converted with: openssl x509 -inform \
         der -in FILE -out FILE.pem"
    )]
    NoCertificate {
        /// `certificate` or `CA`.
        role: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// No private key where one is needed.
    #[error(
        "the file {path:?} holds no private key: expected a section that begins with -----BEGIN \
         PRIVATE KEY-----, or an RSA, EC or ENCRYPTED one. Give the key's own file with --key, or \
         put the key into the certificate's file"
    )]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key is encrypted and there is no password.
    #[error("the private key in {path:?} is encrypted: give its password with --key-password")]
    NeedsPassword {
        /// The file.
        path: PathBuf,
    },
    /// The key does not open with this password.
    #[error(
        "the password does not open the private key in {path:?}: check --key-password, and that \
         the file is the one it belongs to"
    )]
    WrongPassword {
        /// The file.
        path: PathBuf,
    },
    /// The key is encrypted in a way that is not opened here: the traditional form of PEM, or a method
    /// of PKCS#8 that is no longer safe.
    #[error(
        "the private key in {path:?} is encrypted {method}, which wsferry does not open. Convert \
         it with: openssl pkcs8 -topk8 -v2 aes256 -in OLD -out NEW"
    )]
    Encryption {
        /// The file.
        path: PathBuf,
        /// `in the traditional form (DEK-Info: AES-256-CBC)`, or `by` a method of PKCS#8.
        method: String,
    },
    /// Not a key that can sign for TLS.
    #[error(
        "the private key in {path:?} cannot be used: {reason}. Expected RSA with 2048 to 8192 bits, \
         ECDSA on P-256, P-384 or P-521, or Ed25519"
    )]
    BadKey {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Not a certificate.
    #[error("the certificate in {path:?} cannot be read: {reason}. Have it issued again")]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Key and certificate are of different pairs.
    #[error(
        "the private key in {key:?} does not belong to the certificate in {certificate:?}: give \
         the key that the certificate was issued for, and put the server's own certificate first \
         in its file"
    )]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// A CA that cannot be used to verify.
    #[error("the CA file {path:?} cannot be used: {reason}")]
    BadAuthority {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The system has no CAs.
    #[error(
        "this system has no CA certificates{reason}: install them (on Debian the package \
         ca-certificates), or give a CA file"
    )]
    NoSystemAuthorities {
        /// `: ` and what was wrong with them, or nothing.
        reason: String,
    },
    /// A name that no certificate can hold.
    #[error(
        "{name:?} cannot be the name of a TLS server: each part between the dots has at most 63 \
         letters, digits, hyphens and underscores, and does not begin or end with a hyphen"
    )]
    ServerName {
        /// The name.
        name: String,
    },
    /// The library refused the settings.
    #[error("TLS cannot be set up: {reason}")]
    Setup {
        /// What it said.
        reason: String,
    },
}

impl TlsError {
    /// Whether there is no certificate file at all: where TLS is not required, the gateway then goes
    /// without.
    pub fn is_certificate_missing(&self) -> bool {
        matches!(self, Self::Read { role: "certificate", source, .. }
            if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Not a cipher list that leaves something.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CipherError {
    /// A name that OpenSSL does not have either.
    #[error(
        "{name:?} is neither a cipher nor a group of ciphers that wsferry knows. Ciphers: {}. \
         Groups: DEFAULT, HIGH, ALL, ECDHE, ECDSA, aRSA, AES, AES128, AES256, AESGCM, CHACHA20",
        super::cipher_table::names()
    )]
    Unknown {
        /// The name.
        name: String,
    },
    /// Nothing remains.
    #[error(
        "the cipher list {list:?} leaves no cipher that wsferry supports: CBC, RC4, 3DES, static \
         RSA and DHE are not supported. Use DEFAULT, or some of: {}",
        super::cipher_table::names()
    )]
    Nothing {
        /// What was given.
        list: String,
    },
}
