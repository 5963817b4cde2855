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
mod settings;
mod verifier;
mod version;

pub use acceptor::Acceptor;
pub use certificate::common_names;
pub use cipher::Ciphers;
pub use connector::Connector;
pub use error::{CipherError, TlsError};
pub use failure::target_words;
pub use rustls::pki_types::{CertificateDer as Certificate, ServerName};
pub use rustls::{ClientConfig, ServerConfig};
pub use settings::{
    ClientAuthority, ConnectorSettings, Password, Reload, ServerSettings, Validity,
};
pub use version::{MinVersion, VersionError};
