//! TLS: certificates, keys, ciphers and versions, made into what the TLS library wants.
//!
//! [`Acceptor`] is the side towards clients, [`Connector`] the one towards targets. Neither touches a
//! socket. The cryptography is aws-lc-rs's, named in each configuration: no process-wide default is
//! installed.

mod acceptor;
mod authority;
mod certificate;
mod cipher;
mod cipher_table;
mod connector;
mod error;
mod failure;
mod key;
pub(crate) mod pem;
mod verifier;
mod version;

pub use acceptor::{Acceptor, ClientAuthority, Reload, ServerSettings};
pub use certificate::{Validity, common_names};
pub use cipher::Ciphers;
pub use connector::{Connector, ConnectorSettings};
pub use error::{CipherError, TlsError, VersionError};
pub use failure::target_words;
pub use key::Password;
pub use version::MinVersion;
