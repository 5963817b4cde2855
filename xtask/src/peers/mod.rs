//! The programs that are measured, and how each is started with its defaults: what a person gets who
//! follows its manual. A further peer is a function here that gives a [`Program`], and a line in
//! [`all`]. `speaks_tls` says that it also takes
//! [`Site::tls`].

mod raw;
mod websocket;
mod wsferry;

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::options::Bench;
use crate::tls::Tls;

/// What the client speaks with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Nothing between client and target: what the load generator itself can do.
    Direct,
    /// TCP on both sides.
    Raw,
    /// Somebody else's WebSocket relay.
    WebSocket,
    /// wsferry or a variant of it.
    Own,
}

impl Kind {
    pub(crate) fn speaks_websocket(self) -> bool {
        matches!(self, Self::WebSocket | Self::Own)
    }
}

/// Where a program is to listen, whom it serves, and where its files may be.
pub(crate) struct Site<'a> {
    pub(crate) listen: SocketAddr,
    pub(crate) target: SocketAddr,
    /// The certificate, when it is to end TLS.
    pub(crate) tls: Option<&'a Tls>,
    pub(crate) directory: &'a Path,
}

impl Site<'_> {
    /// Writes a file of the program and gives its path.
    fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.directory.join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }
}

type Start = dyn Fn(&Site<'_>) -> Result<Command>;

/// A program that is measured.
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) version: String,
    /// More sessions at once than this are not asked of it.
    pub(crate) most_sessions: usize,
    /// Whether it can end TLS in front of the target.
    pub(crate) speaks_tls: bool,
    /// What is executed, where its size means something.
    pub(crate) file: Option<PathBuf>,
    pub(crate) command: Box<Start>,
}

/// Folders of the repository.
pub(crate) struct Places {
    pub(crate) repository: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    /// Where peers are installed that are no packages of the system.
    pub(crate) installed: PathBuf,
    pub(crate) install: bool,
}

/// All that can be measured here. What is missing is said, with how to get it.
pub(crate) fn all(asked: &Bench, places: &Places, commit: &str) -> Result<Vec<Program>> {
    let mut programs = vec![direct()];
    programs.extend(wsferry::all(asked, places, commit)?);
    type Peer = (&'static str, fn(&Places) -> Result<Program>);
    let peers: [Peer; 7] = [
        ("socat", raw::socat),
        ("haproxy", raw::haproxy),
        ("nginx", raw::nginx),
        ("lighttpd", websocket::lighttpd),
        ("websocat", websocket::websocat),
        ("websockify-js", websocket::websockify_js),
        ("websockify", websocket::websockify),
    ];
    let wanted = |name: &str| asked.programs.is_empty() || asked.programs.iter().any(|n| n == name);
    for (name, peer) in peers.into_iter().filter(|(name, _)| wanted(name)) {
        match peer(places) {
            Ok(program) => programs.push(program),
            Err(reason) => eprintln!("{name} is left out: {reason:#}"),
        }
    }
    // Who gives a variant wants it measured, without naming it twice.
    let variant = |program: &Program| program.kind == Kind::Own && program.name != wsferry::NAME;
    programs.retain(|program| variant(program) || wanted(&program.name));
    if programs.is_empty() {
        bail!("no program of that name is here");
    }
    Ok(programs)
}

fn direct() -> Program {
    Program {
        name: "direct".to_owned(),
        kind: Kind::Direct,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        most_sessions: usize::MAX,
        speaks_tls: true,
        file: None,
        command: Box::new(|_| bail!("nothing is started for the direct row")),
    }
}

/// Finds a package's program, or says how to get it.
fn from_package(name: &str, package: &str) -> Result<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from); // not in every user's PATH
    std::env::split_paths(&folders)
        .chain(system)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .with_context(|| format!("apt-get install {package}"))
}

/// Runs an installer, its output kept for the error only.
fn install<A: AsRef<OsStr>>(places: &Places, program: &str, arguments: &[A]) -> Result<()> {
    let mut command = Command::new(program);
    command.args(arguments);
    if !places.install {
        bail!("it is not installed, and --no-install was given: {command:?}");
    }
    eprintln!("installing: {command:?}");
    let output = command.output().with_context(|| format!("{program} cannot be run"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("{command:?} failed: {}", text.trim().lines().last().unwrap_or_default());
    }
    Ok(())
}
