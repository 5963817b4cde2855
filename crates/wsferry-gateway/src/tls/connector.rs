//! TLS towards targets.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use wsferry_proto::HostName;

use super::verifier::{Pinned, Unverified};
use super::{ConnectorSettings, Reload, TlsError, authority};
use crate::sys::Watched;

/// The maximum number of targets that are remembered for a shorter handshake the next time.
const REMEMBERED: usize = 256;

/// Gives the configuration for connections to targets. Both versions, 1.2 and 1.3, are offered, and
/// sessions are resumed.
#[derive(Debug)]
pub struct Connector {
    settings: ConnectorSettings,
    config: Watched<ClientConfig>,
}

impl Connector {
    /// Reads the CAs.
    ///
    /// # Errors
    /// A sentence that names the file and what is wrong with it.
    pub fn open(settings: &ConnectorSettings) -> Result<Self, TlsError> {
        let config = Watched::open(settings.files(), || Self::read(settings))?;
        Ok(Self { settings: settings.clone(), config })
    }

    /// Looks at the file of CAs, and reads it again where it has changed. It blocks. `None` where
    /// nothing changed.
    pub fn reload(&self) -> Option<Reload> {
        self.config.look(|| Self::read(&self.settings)).map(Reload::from)
    }

    /// Whether there is a file that may change.
    pub fn has_files(&self) -> bool {
        !self.settings.files().is_empty()
    }

    fn read(settings: &ConnectorSettings) -> Result<ClientConfig, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match (&settings.ca, settings.verify) {
            (_, false) => Arc::new(Unverified::new(&provider)),
            (ca, true) => {
                let (roots, known) = match ca {
                    Some(path) => authority::of_file(path)?,
                    None => authority::of_system()?,
                };
                let algorithms = provider.signature_verification_algorithms;
                Arc::new(Pinned::new(verifier(roots, &provider)?, known, algorithms))
            }
        };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Setup { reason: error.to_string() })?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.resumption = Resumption::in_memory_sessions(REMEMBERED);
        Ok(config)
    }

    /// The one for web services: it trusts the CAs of the system, and nobody where there are none.
    ///
    /// # Errors
    /// The cryptography and the protocol do not fit together.
    pub fn for_services() -> Result<Self, TlsError> {
        let system = ConnectorSettings { ca: None, verify: true };
        let read = || match Self::read(&system) {
            Err(TlsError::NoSystemAuthorities { .. }) => {
                let provider = Arc::new(aws_lc_rs::default_provider());
                let config = ClientConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()
                    .map_err(|error| TlsError::Setup { reason: error.to_string() })?
                    .with_root_certificates(RootCertStore::empty())
                    .with_no_client_auth();
                Ok(config)
            }
            result => result,
        };
        let config = Watched::open(system.files(), read)?;
        Ok(Self { settings: system, config })
    }

    /// The configuration.
    pub fn config(&self) -> Arc<ClientConfig> {
        self.config.current()
    }

    /// What a target's certificate must be valid for. A name is sent to the target too (SNI,
    /// RFC 6066 §3), an address is not.
    ///
    /// # Errors
    /// [`TlsError::ServerName`] for names that no certificate can hold.
    pub fn server_name(host: &HostName) -> Result<ServerName<'static>, TlsError> {
        match host {
            HostName::Address(address) => Ok(ServerName::from(*address)),
            HostName::Name(name) => ServerName::try_from(name.to_string())
                .map_err(|_| TlsError::ServerName { name: name.to_string() }),
        }
    }
}

impl ConnectorSettings {
    fn files(&self) -> Vec<PathBuf> {
        self.ca.iter().filter(|_| self.verify).cloned().collect()
    }
}

fn verifier(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| TlsError::Setup { reason: error.to_string() })
}
