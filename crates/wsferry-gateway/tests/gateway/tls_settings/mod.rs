//! TLS as it is set up from files: real handshakes in memory, with no gateway around them.

mod clients;
mod keys;
mod rotation;
mod servers;
mod targets;

use std::path::Path;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CipherSuite, ClientConfig, ConfigBuilder, HandshakeKind, ProtocolVersion, RootCertStore,
    ServerConfig, SupportedProtocolVersion,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use wsferry_gateway::tls::{Acceptor, Ciphers, MinVersion, ServerSettings, TlsError};
use wsferry_testkit::patience::soon;
use wsferry_testkit::pki::{Pair, Pki};

/// What the server knows of a client after the handshake.
struct Joined {
    version: ProtocolVersion,
    suite: CipherSuite,
    kind: HandshakeKind,
    alpn: Option<Vec<u8>>,
    certificate: Option<CertificateDer<'static>>,
    server_name: Option<String>,
}

/// A handshake, and a few bytes each way behind it. What each side said when it fails.
async fn join(
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    name: ServerName<'static>,
) -> Result<Joined, String> {
    let (here, there) = tokio::io::duplex(64 * 1024);
    let server = Box::pin(async move {
        let mut stream = TlsAcceptor::from(server).accept(here).await?;
        assert_eq!(stream.read_u8().await?, b'?');
        stream.write_all(b"hello").await?;
        stream.flush().await?;
        let state = stream.get_ref().1;
        let joined = Joined {
            version: state.protocol_version().unwrap(),
            suite: state.negotiated_cipher_suite().unwrap().suite(),
            kind: state.handshake_kind().unwrap(),
            alpn: state.alpn_protocol().map(<[u8]>::to_vec),
            certificate: state.peer_certificates().map(|chain| chain[0].clone().into_owned()),
            server_name: state.server_name().map(str::to_owned),
        };
        // Kept open until the client has read all.
        let _ = stream.read_u8().await;
        std::io::Result::Ok(joined)
    });
    let client = Box::pin(async move {
        let mut stream = TlsConnector::from(client).connect(name, there).await?;
        stream.write_all(b"?").await?;
        stream.flush().await?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await?;
        assert_eq!(&answer, b"hello");
        stream.shutdown().await
    });
    match soon(async { tokio::join!(server, client) }).await {
        (Ok(joined), Ok(())) => Ok(joined),
        (server, client) => {
            let words = |error: Option<std::io::Error>| error.map(|error| error.to_string());
            Err(format!("server: {:?}; client: {:?}", words(server.err()), words(client.err())))
        }
    }
}

pub(crate) fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

pub(crate) fn settings(pair: &Pair) -> ServerSettings {
    ServerSettings {
        cert: pair.cert.clone(),
        key: Some(pair.key.clone()),
        key_password: None,
        clients: None,
        versions: MinVersion::default(),
        ciphers: Ciphers::default(),
    }
}

/// The configuration of an acceptor, whose files did not change.
fn config(acceptor: &Acceptor) -> Arc<ServerConfig> {
    let reload = acceptor.reload();
    assert!(reload.is_none(), "{reload:?}");
    acceptor.current()
}

fn open(settings: ServerSettings) -> Arc<ServerConfig> {
    config(&Acceptor::open(settings).unwrap())
}

/// The sentence with which it does not open; it names the file.
fn refusal(settings: ServerSettings, file: &Path) -> TlsError {
    let error = Acceptor::open(settings).unwrap_err();
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
    error
}

/// A client that trusts the CA, without a certificate yet.
pub(crate) fn client_of(
    pki: &Pki,
    versions: &[&'static SupportedProtocolVersion],
) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pki.ca()).unwrap()).unwrap();
    ClientConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
}

pub(crate) fn client(pki: &Pki) -> Arc<ClientConfig> {
    Arc::new(client_of(pki, &[&TLS13, &TLS12]).with_no_client_auth())
}

/// The same with a certificate of its own.
pub(crate) fn client_with(
    pki: &Pki,
    pair: &Pair,
    version: &'static SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    let chain = vec![CertificateDer::from_pem_file(&pair.cert).unwrap()];
    let key = PrivateKeyDer::from_pem_file(&pair.key).unwrap();
    Arc::new(client_of(pki, &[version]).with_client_auth_cert(chain, key).unwrap())
}
