//! Keys and certificates for tests, made by the `openssl` program, once for all runs.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The password of all encrypted keys.
pub(crate) const PASSWORD: &str = "open sesame";

/// `ca`, `other-ca`: authorities. `server`, `second`: certificates of localhost; `both.pem` holds
/// certificate and key. `chain`: localhost again, signed by an authority that `ca` signed, whose
/// certificate follows in the file. `alice`, `bob`, `stranger`: clients, the last one of `other-ca`
/// and with alice's name. `rsa`, `ec`, `ed`: keys for tokens, `.pub` their public halves.
const SCRIPT: &str = r#"
printf '[req]\ndistinguished_name=name\n[name]\n' > cnf
key() { openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out $1.key; }
certificate() { # name, subject, who signs ("": itself), extensions...
    name=$1 subject=$2 by=$3; shift 3
    key $name
    openssl req -config cnf -x509 -new -key $name.key -subj "/CN=$subject" -days 7300 \
        ${by:+-CA $by.pem -CAkey $by.key} "$@" -out $name.pem
}
authority='-addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign'
server='-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext extendedKeyUsage=serverAuth'
client='-addext extendedKeyUsage=clientAuth -addext basicConstraints=CA:FALSE'
certificate ca 'wsferry test authority' '' $authority
certificate other-ca 'another test authority' '' $authority
certificate between 'wsferry test intermediate' ca $authority
certificate server localhost ca $server
certificate second localhost ca $server
certificate chain localhost between $server
cat between.pem >> chain.pem
cat server.key server.pem > both.pem
certificate alice alice ca $client
certificate bob bob ca $client
certificate stranger alice other-ca $client

openssl pkcs8 -topk8 -in server.key -v2 aes-256-cbc -passout "pass:$PASSWORD" -out pkcs8-aes.key
openssl pkcs8 -topk8 -in server.key -v2 des3 -passout "pass:$PASSWORD" -out pkcs8-des3.key
openssl pkcs8 -topk8 -in server.key -scrypt -passout "pass:$PASSWORD" -out pkcs8-scrypt.key
openssl ec -in server.key -aes256 -passout "pass:$PASSWORD" -out sec1-aes.key

openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key
key ec
openssl genpkey -algorithm ed25519 -out ed.key
for name in rsa ec ed; do openssl pkey -in $name.key -pubout -out $name.pub; done
"#;

/// A file of [`SCRIPT`].
pub(crate) fn file(name: &str) -> String {
    let file = folder().join(name);
    assert!(file.exists(), "no {}", file.display());
    file.into_os_string().into_string().expect("the paths of tests are UTF-8")
}

fn folder() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let mut hasher = DefaultHasher::new();
        (SCRIPT, PASSWORD).hash(&mut hasher);
        let all = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = all.join(format!("pki-{:016x}", hasher.finish()));
        if !folder.exists() {
            let fresh = tempfile::tempdir_in(all).expect("target/ can be written");
            make(fresh.path());
            // Put in its place in one step: another run may do the same at the same time.
            let fresh = fresh.keep();
            if fs::rename(&fresh, &folder).is_err() {
                fs::remove_dir_all(fresh).expect("target/ can be written");
            }
        }
        folder
    })
}

fn make(folder: &Path) {
    let mut command = Command::new("sh");
    command.args(["-euc", SCRIPT]).current_dir(folder).env("PASSWORD", PASSWORD);
    let output = command.output().expect("there is a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl 3 is needed, which scripts/test installs: {said}");
}
