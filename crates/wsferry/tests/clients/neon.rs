//! Neon's driver in Node.js, in front of a real `PostgreSQL`: the client names the address, of those that
//! are allowed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;
use wsferry_testkit::clients::node;
use wsferry_testkit::program::{Exit, Program, ReservedPort, Signal};
use wsferry_testkit::raw::{BINARY, FIN, HANDSHAKE, Raw};

use crate::support::{room, run, spell, wsferry};

const PASSWORD: &str = "open sesame";

/// A `PostgreSQL` of one's own, which wants a password.
struct Database {
    server: Program,
    port: ReservedPort,
    _folder: TempDir,
}

impl Database {
    /// `method`: how the password is told, in `PostgreSQL`'s words.
    async fn start(method: &str) -> Self {
        let folder = room();
        let secret = folder.path().join("secret");
        fs::write(&secret, PASSWORD).unwrap();
        let data = folder.path().join("data");
        hand_over(folder.path()).await;
        let mut initdb = as_its_user(&tool("initdb"));
        initdb.args(["--no-sync", "--encoding=UTF8", "--no-locale", "--username=anna"]);
        initdb.arg(format!("--auth={method}"));
        initdb.arg("--pwfile").arg(&secret).arg("--pgdata").arg(&data);
        run(initdb).await;

        let port = ReservedPort::new();
        let mut server = as_its_user(&tool("postgres"));
        let number = port.number().to_string();
        server.arg("-D").arg(&data).args(["-p", &number, "-F", "-h", "127.0.0.1", "-k", ""]);
        let server = Program::spawn(server);
        server.line(&["ready to accept connections"]).await;
        Self { server, port, _folder: folder }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port.number())
    }

    /// Killed, it would leave a segment of shared memory behind.
    async fn stop(self) {
        self.server.signal(Signal::Interrupt).await;
        assert!(self.server.exit().await.status.success());
    }
}

/// A server program of the newest `PostgreSQL` that is here.
fn tool(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").map(|all| all.flatten().collect());
    let mut versions: Vec<fs::DirEntry> = versions.unwrap_or_default();
    versions.sort_by_key(|version| version.file_name().to_str()?.parse::<u32>().ok());
    let newest = versions.last().expect("scripts/test installs PostgreSQL");
    newest.path().join("bin").join(name)
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0)
}

/// `PostgreSQL` refuses to run as root, and keeps its files to itself.
async fn hand_over(folder: &Path) {
    if is_root() {
        let mut chown = Command::new("chown");
        chown.args(["-R", "postgres:"]).arg(folder);
        run(chown).await;
    }
}

fn as_its_user(program: &Path) -> Command {
    let mut command = Command::new(if is_root() { "setpriv" } else { spell(program) });
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    }
    command.current_dir("/");
    command
}

/// What the driver says when it connects through the gateway on `port`.
async fn neon(port: u16, address: &str, pipeline: &str) -> Exit {
    let mut client = node("neon.mjs");
    client.arg(format!("127.0.0.1:{port}"));
    client.arg(format!("postgres://anna:{}@{address}/postgres", PASSWORD.replace(' ', "%20")));
    client.arg(pipeline);
    Program::spawn(client).exit_within(Duration::from_secs(90)).await
}

#[tokio::test]
async fn neons_driver_sends_before_the_database_is_reached_and_nothing_is_lost() {
    let database = Database::start("password").await;
    let address = database.address();
    let (_program, port) = wsferry(&["127.0.0.1:0", "--allow-address", &address]).await;
    let exit = neon(port, &address, "password").await;
    database.stop().await;
    assert!(exit.stdout.starts_with("ok neon "), "{}{}", exit.stdout, exit.stderr);
}

#[tokio::test]
async fn neons_driver_and_the_database_prove_to_know_the_password() {
    let database = Database::start("scram-sha-256").await;
    let (address, other) = (database.address(), "localhost:5432");
    let allow = ["--allow-address", other, "--allow-address", &address];
    let (_program, port) = wsferry(&[&["127.0.0.1:0"], &allow[..]].concat()).await;
    let exit = neon(port, &address, "false").await;
    database.stop().await;
    assert!(exit.stdout.starts_with("ok neon "), "{}{}", exit.stdout, exit.stderr);
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_not_reached() {
    let database = ReservedPort::new();
    let listener = database.listen().await;
    let address = format!("127.0.0.1:{}", database.number());
    // The same port by another name, and another port by the same name, are other addresses.
    let others = [format!("localhost:{}", database.number()), "127.0.0.1:1".to_owned()];
    let allow = ["--allow-address", &others[0], "--allow-address", &others[1]];
    let (_program, port) = wsferry(&[&["127.0.0.1:0"], &allow[..]].concat()).await;
    let exit = neon(port, &address, "password").await;
    assert_eq!(exit.status.code(), Some(3), "{}{}", exit.stdout, exit.stderr);
    assert!(exit.stdout.contains("403"), "{}", exit.stdout);
    let accepted = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
    assert!(accepted.is_err(), "nobody knocked");
}

#[tokio::test]
async fn without_an_allowed_address_the_one_that_a_client_names_means_nothing() {
    let other = ReservedPort::new();
    let listener = other.listen().await;
    let (_program, port) = wsferry(&["127.0.0.1:0", "echo:"]).await;
    let mut client = Raw::connect(([127, 0, 0, 1], port).into()).await;
    let path = format!("/v1?address=127.0.0.1:{}", other.number());
    client.send(HANDSHAKE.replace("/chat", &path)).await;
    assert_eq!(client.answer().await.status, 101);
    let mut client = client.into_client();
    client.send_frame(FIN | BINARY, b"who is there?").await;
    assert_eq!(client.payload(13).await, b"who is there?");
    let accepted = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
    assert!(accepted.is_err(), "nobody knocked");
}
