//! A throw-away CA: certificates and keys as PEM files in a folder that goes with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use tempfile::TempDir;

/// The CA: a root and an intermediate one under it.
pub struct Pki {
    folder: TempDir,
    root: CertifiedIssuer<'static, KeyPair>,
    intermediate: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, in files of their own.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The certificate, and after it those up to the root where there are any.
    pub cert: PathBuf,
    /// The key: PKCS#8, not encrypted.
    pub key: PathBuf,
}

/// Names of this machine, which the certificates for servers are valid for.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

impl Default for Pki {
    fn default() -> Self {
        Self::new()
    }
}

impl Pki {
    /// A new CA; its root's certificate is in [`Pki::ca`].
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Two CAs of one name would be told apart by their signatures only.
        let name = argument(folder.path());
        let root = authority(&format!("wsferry test root {name}"));
        let root = CertifiedIssuer::self_signed(root, key()).unwrap();
        let intermediate = authority(&format!("wsferry test intermediate {name}"));
        let intermediate = CertifiedIssuer::signed_by(intermediate, key(), &root).unwrap();
        fs::write(folder.path().join("ca.pem"), root.pem()).unwrap();
        Self { folder, root, intermediate }
    }

    /// A path in the CA's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The root's certificate.
    pub fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// For localhost, 127.0.0.1 and `::1`, signed by the root. ECDSA on P-256. The files are
    /// `NAME.crt` and `NAME.key`, here and below.
    pub fn server(&self, name: &str) -> Pair {
        self.issue(name, &server(), &key())
    }

    /// The same with an RSA key of 2048 bits.
    pub fn rsa_server(&self, name: &str) -> Pair {
        let pem = openssl(&["genpkey", "-quiet", "-algorithm", "RSA"]);
        self.issue(name, &server(), &KeyPair::from_pem(&pem).unwrap())
    }

    /// The same as [`Pki::server`] with an Ed25519 key.
    pub fn ed25519_server(&self, name: &str) -> Pair {
        let pem = openssl(&["genpkey", "-algorithm", "ED25519"]);
        self.issue(name, &server(), &KeyPair::from_pem(&pem).unwrap())
    }

    /// For a server, signed by the intermediate CA, whose certificate is in the file too.
    pub fn chained_server(&self, name: &str) -> Pair {
        let key = key();
        let leaf = server().signed_by(&key, &self.intermediate).unwrap();
        self.write(name, &(leaf.pem() + &self.intermediate.pem()), &key)
    }

    /// For a server, and no longer valid since 2002.
    pub fn expired_server(&self, name: &str) -> Pair {
        self.issue(name, &expired(server()), &key())
    }

    /// For a server, and of another name than this machine's.
    pub fn foreign_server(&self, name: &str) -> Pair {
        self.issue(name, &CertificateParams::new(["elsewhere.test".to_owned()]).unwrap(), &key())
    }

    /// For a server, signed by no CA but itself. As with all of them, its common name `server.test` is
    /// none of the names that it is valid for.
    pub fn self_signed(&self, name: &str) -> Pair {
        let key = key();
        self.write(name, &server().self_signed(&key).unwrap().pem(), &key)
    }

    /// What everybody makes with `openssl req -x509`: it calls itself a CA, and has only the common
    /// name `localhost`.
    pub fn self_signed_by_openssl(&self, name: &str, days: &str) -> Pair {
        let pair = Pair {
            cert: self.path(&format!("{name}.crt")),
            key: self.path(&format!("{name}.key")),
        };
        openssl(
            &[
                &["req", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=localhost"],
                &["-days", days, "-keyout", argument(&pair.key), "-out", argument(&pair.cert)][..],
            ]
            .concat(),
        );
        pair
    }

    /// What `openssl x509 -req` makes of a request: a certificate of version 1, without extensions,
    /// for the common name `localhost`.
    pub fn version_1(&self, name: &str) -> Pair {
        let pair = Pair {
            cert: self.path(&format!("{name}.crt")),
            key: self.path(&format!("{name}.key")),
        };
        let request = self.path(&format!("{name}.csr"));
        openssl(
            &[
                &["req", "-new", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=localhost"],
                &["-keyout", argument(&pair.key), "-out", argument(&request)][..],
            ]
            .concat(),
        );
        openssl(
            &[
                &["x509", "-req", "-days", "2", "-in", argument(&request)],
                &["-signkey", argument(&pair.key), "-out", argument(&pair.cert)][..],
            ]
            .concat(),
        );
        pair
    }

    /// For a client with a common name, signed by the root.
    pub fn client(&self, name: &str, common_name: &str) -> Pair {
        self.issue(name, &client(common_name), &key())
    }

    /// The same, and no longer valid since 2002.
    pub fn expired_client(&self, name: &str, common_name: &str) -> Pair {
        self.issue(name, &expired(client(common_name)), &key())
    }

    fn issue(&self, name: &str, params: &CertificateParams, key: &KeyPair) -> Pair {
        self.write(name, &params.signed_by(key, &self.root).unwrap().pem(), key)
    }

    fn write(&self, name: &str, certificates: &str, key: &KeyPair) -> Pair {
        let pair = Pair {
            cert: self.path(&format!("{name}.crt")),
            key: self.path(&format!("{name}.key")),
        };
        fs::write(&pair.cert, certificates).unwrap();
        fs::write(&pair.key, key.serialize_pem()).unwrap();
        pair
    }
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

fn authority(name: &str) -> CertificateParams {
    let mut params = named(name, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn server() -> CertificateParams {
    let mut params = named("server.test", &NAMES);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn client(common_name: &str) -> CertificateParams {
    let mut params = named(common_name, &[]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn expired(mut params: CertificateParams) -> CertificateParams {
    params.not_before = date_time_ymd(2001, 1, 1);
    params.not_after = date_time_ymd(2002, 1, 1);
    params
}

fn named(common_name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

/// What the `openssl` command writes.
///
/// # Panics
/// When it is not installed, or fails.
pub fn openssl(arguments: &[&str]) -> String {
    let Ok(output) = Command::new("openssl").args(arguments).output() else {
        panic!("openssl is not here: run scripts/test, which installs it");
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// A path as an argument of [`openssl`].
pub fn argument(path: &Path) -> &str {
    path.to_str().unwrap()
}
