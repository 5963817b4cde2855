//! TCP servers in C++ on Berkeley sockets, built as their authors build them. None of them knows of
//! WebSocket.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::program::{Program, port_behind};

/// `demo/echo-server.cpp`: several clients, answers `<message> from the server`. Started on `port`, 0
/// for a free one: the server, and where it listens.
pub async fn demo_server(port: u16) -> (Program, u16) {
    listening(run_demo_server(&[&port.to_string()])).await
}

/// `demo/echo-server.cpp` with any arguments.
pub fn run_demo_server(arguments: &[&str]) -> Program {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    Program::start(BUILT.get_or_init(|| build("../../demo/echo-server.cpp")), arguments)
}

/// `cpp/plain-echo.cpp`: one client at a time, answers with what it read, byte for byte. Started on
/// `port`, 0 for a free one: the server, and where it listens.
pub async fn plain_server(port: u16) -> (Program, u16) {
    listening(Program::start(plain_program(), &[&port.to_string()])).await
}

/// The program of [`plain_server`], to be started by others.
pub fn plain_program() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("cpp/plain-echo.cpp"))
}

/// `cpp/binds.cpp`: binds what its arguments say, prints where that is, and ends.
pub fn binding_program() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("cpp/binds.cpp"))
}

async fn listening(server: Program) -> (Program, u16) {
    let port = port_behind(&server.printed(&["listening on "]).await, "listening on ");
    (server, port)
}

/// Compiles one file, named from this crate's folder. What was compiled before, letter by letter the
/// same, is used again.
fn build(source: &str) -> PathBuf {
    let source = &Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let text = fs::read(source).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let name = source.file_stem().expect("a source has a name").to_string_lossy();
    let folder = crate::program::target_dir().join("test-deps/cpp");
    let program = folder.join(format!("{name}-{:016x}", hasher.finish()));
    if program.exists() {
        return program;
    }
    fs::create_dir_all(&folder).expect("target/ can be written");
    // Put in its place in one step: other tests may build the same at the same time.
    let room = tempfile::tempdir_in(&folder).expect("target/ can be written");
    let fresh = room.path().join("program");
    let compiler = Command::new("g++").arg(source).arg("-o").arg(&fresh).output();
    let Ok(output) = compiler else {
        panic!("g++ is not here: run scripts/test, which installs it");
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "g++ {}: {said}", source.display());
    fs::rename(&fresh, &program).expect("target/ can be written");
    program
}
