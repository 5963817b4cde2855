//! Where a gateway listens, and how.

use std::path::PathBuf;

use serde::Deserialize;

use super::values::ListenAddress;
use super::{Secret, default, text};
use crate::auth::AllowHost;
use crate::tls::{Ciphers, MinVersion};

/// `[[listener]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Listener {
    /// Addresses of TCP.
    #[serde(deserialize_with = "text::list")]
    pub address: Vec<ListenAddress>,
    /// A Unix socket instead.
    pub unix_listen: Option<PathBuf>,
    /// Who may connect to it.
    #[serde(deserialize_with = "text::mode")]
    pub unix_listen_mode: u32,
    /// The socket that is the standard input instead.
    #[serde(skip)]
    pub inetd: bool,
    /// Certificate chain, PEM.
    pub cert: Option<PathBuf>,
    /// Private key, PEM.
    pub key: Option<PathBuf>,
    /// Password of the private key.
    pub key_password: Option<Secret>,
    /// Connections without TLS are refused.
    pub ssl_only: bool,
    /// Clients need a certificate.
    pub verify_client: bool,
    /// CAs of the clients' certificates, PEM.
    pub cafile: Option<PathBuf>,
    /// The lowest version of TLS.
    #[serde(deserialize_with = "text::one")]
    pub ssl_version: MinVersion,
    /// Ciphers in OpenSSL's words.
    #[serde(deserialize_with = "text::optional")]
    pub ssl_ciphers: Option<Ciphers>,
    /// Names under which it may be reached.
    #[serde(deserialize_with = "text::list")]
    pub allow_host: Vec<AllowHost>,
    /// The names of the routes that it serves; without it all.
    pub routes: Option<Vec<String>>,
    /// Upgrades of HTTP/1.0 are taken, as websockify takes them.
    #[serde(skip)]
    pub upgrades_http_1_0: bool,
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            address: Vec::new(),
            unix_listen: None,
            unix_listen_mode: default::UNIX_LISTEN_MODE,
            inetd: false,
            cert: None,
            key: None,
            key_password: None,
            ssl_only: false,
            verify_client: false,
            cafile: None,
            ssl_version: MinVersion::default(),
            ssl_ciphers: None,
            allow_host: Vec::new(),
            routes: None,
            upgrades_http_1_0: false,
        }
    }
}
