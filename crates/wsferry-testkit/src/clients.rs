//! The clients written by others, in `clients/`: what each of them does is in the README there.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::program::Program;

/// A client written by others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// `ws`, from npm.
    Ws,
    /// `websockets`, from `PyPI`.
    Websockets,
    /// `websocket-client`, from `PyPI`.
    WebsocketClient,
    /// libcurl, as `pycurl` from `PyPI` brings it.
    Curl,
}

/// What it is joined to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// Answers message for message with the same type.
    Messages,
    /// A TCP server: boundaries and types are lost by nature.
    Bytes,
}

/// How it went.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every byte came back.
    Passed,
    /// It cannot run here: why.
    Skipped(String),
}

/// The exit status of a client that cannot run here.
const SKIPPED: i32 = 77;

impl Client {
    /// Lets it make its round trips, and fails with its own words if one of them differs.
    pub async fn make_round_trips(self, url: &str, echo: Echo) -> Verdict {
        let mut command = self.command();
        if echo == Echo::Bytes {
            command.arg("--stream");
        }
        command.arg(url);
        // It gives up by itself after 60 s, and says where it was.
        let exit = Program::spawn(command).exit_within(Duration::from_secs(90)).await;
        if exit.status.code() == Some(SKIPPED) {
            return Verdict::Skipped(exit.stdout);
        }
        let is_ok = exit.status.success() && exit.stdout.starts_with("ok ");
        assert!(is_ok, "{self:?}: {}\n{}{}", exit.status, exit.stdout, exit.stderr);
        Verdict::Passed
    }

    fn command(self) -> Command {
        match self {
            Self::Ws => node("ws.mjs"),
            Self::Websockets => python("websockets_client.py"),
            Self::WebsocketClient => python("websocket_client.py"),
            Self::Curl => python("curl_ws.py"),
        }
    }
}

/// A script of `clients/` that runs in Node.js and finds the packages of npm.
pub fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    command.env("WSFERRY_TEST_NODE_MODULES", node_modules());
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(script));
    command
}

/// The Python with the packages of `clients/requirements.txt`.
pub fn interpreter() -> PathBuf {
    place("WSFERRY_TEST_PYTHON", "venv/bin/python")
}

/// A script of `clients/`, with what it needs.
pub fn python(script: &str) -> Command {
    let mut command = Command::new(interpreter());
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(script));
    command
}

/// Where the packages of npm are.
pub fn node_modules() -> PathBuf {
    place("WSFERRY_TEST_NODE_MODULES", "node/node_modules")
}

/// What a script in `clients/` prints.
pub async fn output_of(script: &str) -> String {
    let exit = Program::spawn(python(script)).exit().await;
    assert!(exit.status.success(), "{script}: {}", exit.stderr);
    exit.stdout
}

/// The real websockify, from `PyPI`.
pub fn websockify() -> Command {
    let mut command = python("real_websockify.py");
    command.env("OPENBLAS_NUM_THREADS", "1"); // numpy starts threads that nobody needs
    command
}

/// Where `scripts/test` says that something is, else where it puts it.
fn place(variable: &str, below: &str) -> PathBuf {
    let usual = crate::program::target_dir().join("test-deps").join(below);
    let place = env::var_os(variable).map_or(usual, PathBuf::from);
    assert!(
        place.exists(),
        "{} is not here: run scripts/test, which installs the clients written by others",
        place.display()
    );
    place
}
