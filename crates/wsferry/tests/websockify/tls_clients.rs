//! Clients and targets of TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    CipherSuite, ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion, version,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use wsferry_testkit::patience::soon;
use wsferry_testkit::targets::Target;

use crate::client::{Client, Refusal, upgrade};
use crate::pki;
use crate::subject::Gateway;

/// How a client speaks TLS: it trusts `ca`, and wants localhost.
#[derive(Clone, Default)]
pub(crate) struct Tls {
    /// The only version, or all.
    pub(crate) version: Option<&'static SupportedProtocolVersion>,
    /// The only cipher suite, or all.
    pub(crate) cipher: Option<CipherSuite>,
    /// Whose certificate it shows.
    pub(crate) identity: Option<&'static str>,
}

impl Tls {
    /// Its handshake with what listens at an address.
    pub(crate) async fn connect(&self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let connector = TlsConnector::from(Arc::new(self.config()));
        let stream = soon(TcpStream::connect(address)).await?;
        let name = ServerName::try_from("localhost").unwrap();
        soon(connector.connect(name, stream)).await
    }

    /// A WebSocket client over it; `Ended` also when TLS comes to nothing.
    pub(crate) async fn try_upgrade(
        &self,
        gateway: &Gateway,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<Client, Refusal> {
        let stream = self.connect(gateway.address()).await.map_err(|_| Refusal::Ended)?;
        upgrade(stream, gateway.port(), path, fields).await
    }

    /// A WebSocket client over it, let in.
    pub(crate) async fn upgrade(&self, gateway: &Gateway) -> Client {
        self.try_upgrade(gateway, "/", &[]).await.expect("it is let in")
    }

    fn config(&self) -> ClientConfig {
        let mut provider = aws_lc_rs::default_provider();
        if let Some(only) = self.cipher {
            provider.cipher_suites.retain(|suite| suite.suite() == only);
        }
        let versions = match self.version {
            Some(only) => vec![only],
            None => vec![&version::TLS12, &version::TLS13],
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(provider.clone()));
        let builder = builder.with_protocol_versions(&versions).unwrap();
        let verifier = WebPkiServerVerifier::builder_with_provider(roots(), Arc::new(provider));
        let builder = builder.with_webpki_verifier(verifier.build().unwrap());
        let Some(name) = self.identity else { return builder.with_no_client_auth() };
        builder.with_client_auth_cert(certificates(name), key(name)).unwrap()
    }
}

/// A target that speaks TLS as `server`, sends back what it gets, and reports for each connection
/// the name that it was asked for; an error when TLS came to nothing.
pub(crate) async fn echo() -> Target<Result<Option<String>, String>> {
    let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut config = config.with_single_cert(certificates("server"), key("server")).unwrap();
    // websockify takes a ticket for data, and waits for that without reading from its client.
    config.send_tls13_tickets = 0;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Target::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let stream = acceptor.accept(stream).await.map_err(|error| error.to_string())?;
            let name = stream.get_ref().1.server_name().map(str::to_owned);
            tokio::spawn(async move {
                let (mut read, mut write) = tokio::io::split(stream);
                let _ = tokio::io::copy(&mut read, &mut write).await;
                let _ = write.shutdown().await; // says that this is the end
            });
            Ok(name)
        }
    })
    .await
}

/// The certificates of a file of [`pki`].
pub(crate) fn certificates(name: &str) -> Vec<CertificateDer<'static>> {
    let file = pki::file(&format!("{name}.pem"));
    let certificates = CertificateDer::pem_file_iter(file).expect("it is PEM");
    certificates.collect::<Result<_, _>>().expect("it is PEM")
}

fn key(name: &str) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_file(pki::file(&format!("{name}.key"))).expect("it is PEM")
}

fn roots() -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates("ca"));
    Arc::new(roots)
}
