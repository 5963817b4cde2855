//! What the modules have in common: the program, what it serves, a certificate.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tokio::process::Command;
use wsferry_testkit::program::{Exit, Program, port_behind};

/// Starts the program that was built for this test, and waits until it listens: its port.
pub(crate) async fn wsferry(arguments: &[&str]) -> (Program, u16) {
    let program = Program::start(env!("CARGO_BIN_EXE_wsferry"), arguments);
    let port = port_behind(&program.line(&["WebSocket", "://"]).await, "://");
    (program, port)
}

/// Runs a tool to its end.
pub(crate) async fn run(command: Command) -> Exit {
    let name = format!("{command:?}");
    let exit = Program::spawn(command).exit().await;
    assert!(exit.status.success(), "{name}: {}\n{}{}", exit.status, exit.stdout, exit.stderr);
    exit
}

/// A place for files that belong to one test.
pub(crate) fn room() -> TempDir {
    tempfile::tempdir().expect("there is room for files")
}

/// A directory with a page in it, and copies of what it loads: a name for each file or folder.
pub(crate) fn site(page: &str, parts: &[(&str, &Path)]) -> TempDir {
    let folder = room();
    fs::write(folder.path().join("index.html"), page).expect("there is room for files");
    for (name, source) in parts {
        copy(source, &folder.path().join(name));
    }
    folder
}

/// Links would be refused: they lead out of what is served.
fn copy(source: &Path, place: &Path) {
    let is_here = "scripts/test installs what is copied";
    if source.is_dir() {
        fs::create_dir(place).expect("there is room for files");
        for entry in fs::read_dir(source).expect(is_here) {
            let entry = entry.expect(is_here);
            copy(&entry.path(), &place.join(entry.file_name()));
        }
    } else {
        fs::copy(source, place).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
    }
}

/// A path as an argument.
pub(crate) fn spell(path: &Path) -> &str {
    path.to_str().expect("the paths of tests are UTF-8")
}

/// Makes a certificate that nobody signed, as `cert.pem`, and its key, as `key.pem`.
pub(crate) async fn make_certificate(folder: &Path) {
    let mut openssl = Command::new("openssl");
    openssl.current_dir(folder).args(["req", "-x509", "-nodes", "-days", "2"]);
    openssl.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    openssl.args(["-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost"]);
    openssl.args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
    run(openssl).await;
}
