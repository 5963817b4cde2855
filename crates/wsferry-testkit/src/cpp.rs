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

/// Compiles one file, named from this crate's folder.
fn build(source: &str) -> PathBuf {
    once(source, |source, folder| {
        let mut compiler = Command::new("g++");
        compiler.arg(source).arg("-o").arg(folder.join("program"));
        compiler
    })
    .join("program")
}

/// Runs a compiler on one file, named from this crate's folder, and gives the folder with what it made.
/// What was compiled before, letter by letter the same, is used again.
pub(crate) fn once(source: &str, compiler: fn(&Path, &Path) -> Command) -> PathBuf {
    let source = &Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let text = fs::read(source).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let name = source.file_stem().expect("a source has a name").to_string_lossy();
    let shelf = crate::program::target_dir().join("test-deps/compiled");
    let made = shelf.join(format!("{name}-{:016x}", hasher.finish()));
    if made.is_dir() {
        return made;
    }
    fs::create_dir_all(&shelf).expect("target/ can be written");
    // Put in its place in one step: other tests may build the same at the same time.
    let room = tempfile::tempdir_in(&shelf).expect("target/ can be written");
    let fresh = room.path().join("made");
    fs::create_dir(&fresh).expect("target/ can be written");
    let mut compiler = compiler(source, &fresh);
    let Ok(output) = compiler.output() else {
        panic!("{:?} is not here: run scripts/test, which installs it", compiler.get_program());
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{compiler:?}: {said}");
    let is_done = fs::rename(&fresh, &made).is_ok() || made.is_dir(); // or another was faster
    assert!(is_done, "{} can be written", made.display());
    made
}
