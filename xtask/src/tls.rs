//! What wss needs besides ws: a certificate for the run, and the clients' side of TLS. All programs
//! are asked for the same protocol, key exchange and cipher, and no session is resumed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CipherSuite, ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme};

/// The only cipher that clients offer; the key exchange is X25519.
const SUITE: CipherSuite = CipherSuite::TLS13_AES_128_GCM_SHA256;

/// The negotiated cipher as the rows say it.
pub(crate) const CIPHER: &str = "TLSv1.3 TLS_AES_128_GCM_SHA256 X25519";

/// The files of one run, and how its clients speak TLS.
pub(crate) struct Tls {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// Both in one file, as some programs want it.
    pub(crate) both: PathBuf,
    pub(crate) client: Arc<ClientConfig>,
}

impl Tls {
    /// Makes a certificate in `directory` by the `openssl` command.
    pub(crate) fn make(directory: &Path) -> Result<Self> {
        let [certificate, key, both] =
            ["cert", "key", "both"].map(|name| directory.join(format!("{name}.pem")));
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        command.args(["-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout"]).arg(&key);
        command.args(["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-out"]);
        let output = command.arg(&certificate).output().context("apt-get install openssl")?;
        if !output.status.success() {
            bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let text = [std::fs::read(&certificate)?, std::fs::read(&key)?].concat();
        std::fs::write(&both, text)?;
        Ok(Self { certificate, key, both, client: Arc::new(client()?) })
    }
}

/// Whether this is what was to be negotiated.
pub(crate) fn check(connection: &rustls::ClientConnection) -> Result<()> {
    let suite = connection.negotiated_cipher_suite().map(|suite| suite.suite());
    if suite != Some(SUITE) {
        bail!("{suite:?} was negotiated instead of {SUITE:?}");
    }
    Ok(())
}

/// The target's side, for the direct row.
pub(crate) fn server(certificate: &Path, key: &Path) -> Result<ServerConfig> {
    let chain = vec![CertificateDer::from_pem_file(certificate)?];
    let key = PrivateKeyDer::from_pem_file(key)?;
    Ok(ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?)
}

fn client() -> Result<ClientConfig> {
    let provider = provider();
    let any = Any(provider.signature_verification_algorithms);
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(any))
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| suite.suite() == SUITE);
    provider.kx_groups = vec![aws_lc_rs::kx_group::X25519];
    provider
}

/// Takes any certificate; whether its key signed the handshake is checked as ever.
#[derive(Debug)]
struct Any(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
