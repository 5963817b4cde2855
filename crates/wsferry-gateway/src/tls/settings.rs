//! What TLS is made of, and what is told of it: the same with TLS and without.

use std::fmt;
use std::path::PathBuf;
use std::time::SystemTime;

use super::{Ciphers, MinVersion, TlsError};

/// What TLS towards clients is made of.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// The certificate chain in PEM, the server's own first.
    pub cert: PathBuf,
    /// The private key in PEM; `None`: it is in the certificate's file.
    pub key: Option<PathBuf>,
    /// The password of the key, where it is encrypted.
    pub key_password: Option<Password>,
    /// Who signs the certificates of clients; `None`: clients are not asked for one.
    pub clients: Option<ClientAuthority>,
    /// The lowest version spoken.
    pub versions: MinVersion,
    /// The ciphers, in order of preference.
    pub ciphers: Ciphers,
}

/// Whose signature a client's certificate must have. Without a certificate no client comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAuthority {
    /// The CAs that the system trusts.
    System,
    /// The CAs in a file, PEM.
    File(PathBuf),
}

/// What TLS towards targets is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorSettings {
    /// The CAs whose signature a target's certificate must have, PEM; the target's own certificate
    /// counts too. `None`: those of the system.
    pub ca: Option<PathBuf>,
    /// Whether the certificates of targets are verified at all.
    pub verify: bool,
}

/// The password of a private key. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub(super) Box<str>);

impl Password {
    /// What it is.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// What became of files that changed.
#[derive(Debug)]
pub enum Reload {
    /// New connections get the new certificate.
    Replaced,
    /// The new files are not good; new connections get the old certificate. Told once per change.
    Failed(TlsError),
}

impl From<Result<(), TlsError>> for Reload {
    fn from(looked: Result<(), TlsError>) -> Self {
        match looked {
            Ok(()) => Self::Replaced,
            Err(error) => Self::Failed(error),
        }
    }
}

/// From when until when a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Not valid before.
    pub from: SystemTime,
    /// Not valid after.
    pub until: SystemTime,
}
