//! TLS towards clients: the configuration made of files, and made again when they change.
//!
//! Who accepts a connection takes the configuration of the moment, and waits for nothing. Looking at
//! the files is for a thread that may block ([`Acceptor::reload`]).

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, Ticketer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};

use super::{
    ClientAuthority, MinVersion, Reload, ServerSettings, TlsError, Validity, authority, key,
};
use crate::sys::Watched;

/// Gives the configuration of the moment.
#[derive(Debug)]
pub struct Acceptor {
    settings: ServerSettings,
    loaded: Watched<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    config: Arc<ServerConfig>,
    validity: Validity,
}

impl Acceptor {
    /// Reads the files.
    ///
    /// # Errors
    /// A sentence that names the file and what is wrong with it.
    pub fn open(settings: ServerSettings) -> Result<Self, TlsError> {
        let loaded = Watched::open(settings.files(), || Loaded::read(&settings))?;
        Ok(Self { settings, loaded })
    }

    /// The configuration for a new connection.
    pub fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.loaded.current().config)
    }

    /// Looks at the files, and reads them again where they have changed. It blocks. `None` where
    /// nothing changed.
    pub fn reload(&self) -> Option<Reload> {
        self.loaded.look(|| Loaded::read(&self.settings)).map(Reload::from)
    }

    /// From when until when the certificate of the moment is valid. Nothing here refuses an expired
    /// one: that is worth a warning.
    pub fn validity(&self) -> Validity {
        self.loaded.current().validity
    }
}

impl ServerSettings {
    fn files(&self) -> Vec<PathBuf> {
        let authority = match &self.clients {
            Some(ClientAuthority::File(path)) => Some(path),
            Some(ClientAuthority::System) | None => None,
        };
        let files = [Some(&self.cert), self.key.as_ref(), authority];
        files.into_iter().flatten().cloned().collect()
    }
}

impl Loaded {
    fn read(settings: &ServerSettings) -> Result<Self, TlsError> {
        let mut provider = aws_lc_rs::default_provider();
        let suites = settings.ciphers.suites();
        let has_order = suites.is_some();
        if let Some(suites) = suites {
            provider.cipher_suites = suites;
        }
        let provider = Arc::new(provider);
        let password = settings.key_password.as_ref();
        let (pair, validity) =
            key::pair(&settings.cert, settings.key.as_deref(), password, &provider)?;
        let clients = match &settings.clients {
            Some(authority) => authority.verifier(&provider)?,
            None => WebPkiClientVerifier::no_client_auth(),
        };
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions(settings.versions))
            .map_err(|error| TlsError::Setup { reason: error.to_string() })?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
        // A list given by the operator is in the order of preference. Without one the client, who
        // knows whether it has AES in hardware, chooses.
        config.ignore_client_order = has_order;
        // A client that offers others only (h2) is refused in the handshake, as RFC 7301 wants it;
        // one that offers nothing is not.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Resumption needs no memory here: the client keeps its session, sealed with a key that
        // changes every six hours, and with every reload.
        config.ticketer =
            Ticketer::new().map_err(|error| TlsError::Setup { reason: error.to_string() })?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        // One WebSocket needs one ticket to come back; the library's default is two.
        config.send_tls13_tickets = 1;
        Ok(Self { config: Arc::new(config), validity })
    }
}

fn versions(lowest: MinVersion) -> &'static [&'static SupportedProtocolVersion] {
    static FROM_TLS12: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    match lowest {
        MinVersion::Tls12 => &FROM_TLS12,
        MinVersion::Tls13 => &FROM_TLS12[..1],
    }
}

impl ClientAuthority {
    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let roots = match self {
            Self::System => authority::of_system()?.0,
            Self::File(path) => authority::of_file(path)?.0,
        };
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|error| TlsError::Setup { reason: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::Ciphers;
    use std::fs;
    use wsferry_testkit::pki::Pki;

    fn acceptor(pki: &Pki) -> Acceptor {
        let pair = pki.server("server");
        let settings = ServerSettings {
            cert: pair.cert,
            key: Some(pair.key),
            key_password: None,
            clients: None,
            versions: MinVersion::default(),
            ciphers: Ciphers::default(),
        };
        Acceptor::open(settings).unwrap()
    }

    #[test]
    fn while_one_reads_the_files_others_get_the_old_configuration_at_once() {
        let pki = Pki::new();
        let acceptor = acceptor(&pki);
        let before = acceptor.current();
        fs::remove_file(&acceptor.settings.cert).unwrap();
        let looked = acceptor.loaded.look(|| -> Result<_, TlsError> {
            assert!(Arc::ptr_eq(&before, &acceptor.current()));
            Loaded::read(&acceptor.settings)
        });
        assert!(matches!(looked.map(Reload::from), Some(Reload::Failed(_))));
        fs::write(&acceptor.settings.cert, "no certificate").unwrap();
        assert!(matches!(acceptor.reload(), Some(Reload::Failed(_))));
        assert!(Arc::ptr_eq(&before, &acceptor.current()));
        assert!(acceptor.reload().is_none(), "it is told once");
    }
}
