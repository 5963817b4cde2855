//! Every command that the documents show starts, and stops.

use std::fs;
use std::path::Path;

use tokio::process::Command;
use wsferry_testkit::clients::interpreter;
use wsferry_testkit::cpp::plain_program;
use wsferry_testkit::patience::soon;
use wsferry_testkit::pki::Pki;
use wsferry_testkit::program::{Program, ReservedPort, Signal, send_signal};
use wsferry_testkit::raw::{HANDSHAKE, Raw};
use wsferry_testkit::targets;

use crate::support::{spell, wsferry};

/// The commands in the fenced blocks of a document, without their comments.
fn commands(document: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(document);
    let text = fs::read_to_string(path).unwrap();
    let mut in_fence = false;
    let mut commands = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            in_fence = !in_fence && line != "```";
        } else if in_fence {
            let command = line.split('#').next().unwrap_or_default().trim();
            let command = command.replace("cargo run --release --", "wsferry");
            let command = command.replace("/usr/share/novnc", "public");
            // The demo has tests of its own, which must find its usual ports free.
            let is_run = command.starts_with("wsferry ") || command.starts_with("openssl req ");
            if is_run && command != "wsferry demo" {
                commands.push(command);
            }
        }
    }
    commands
}

/// Runs a command as it stands, but on a free port.
async fn run(command: &str) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["", "public", "demo"] {
        let folder = folder.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("index.html"), "<!doctype html>").unwrap();
    }
    let recording = "var VNC_frame_data = [\n'{0{hello',\n'EOF'];\n";
    fs::write(folder.path().join("session.1"), recording).unwrap();
    if command.starts_with("openssl ") {
        return make_certificate(command, folder.path()).await;
    }
    let pki = Pki::new();
    let pair = pki.server("server");
    for (from, to) in [
        (&pair.cert, ["cert.pem", "fullchain.pem"]),
        (&pair.key, ["key.pem", "privkey.pem"]),
        (&pki.ca(), ["clients.pem", "ca.pem"]),
    ] {
        for name in to {
            fs::copy(from, folder.path().join(name)).unwrap();
        }
    }
    make_token_sources(folder.path());
    let mut program = Command::new(env!("CARGO_BIN_EXE_wsferry"));
    program.current_dir(folder.path());
    // A program that is wrapped must be told a port that is not 0.
    let wrapped = command.contains(" -- ").then(|| wrap_echo_server(&mut program, folder.path()));
    let port = wrapped.as_ref().map_or(0, ReservedPort::number);
    for word in command.split_whitespace().skip(1) {
        let word = word.trim_matches('\''); // as a shell takes it
        let host = word.strip_suffix("27016").or_else(|| word.strip_suffix("6080"));
        program.arg(match host {
            Some(host) => format!("{host}{port}"),
            None => word.to_owned(),
        });
    }
    let running = Program::spawn(program);
    if command.contains("--dump") {
        let exit = running.exit().await;
        assert!(exit.status.success() && !exit.stdout.is_empty(), "{command}: {exit:?}");
        return;
    }
    running.line(&["WebSocket", "://"]).await;
    if command.split_whitespace().any(|word| word == "-D") {
        let exit = running.exit().await;
        assert!(exit.status.success(), "{command}: {exit:?}");
        return stop_daemon(&folder.path().join("wsferry.pid")).await;
    }
    running.signal(Signal::Terminate).await;
    let exit = running.exit().await;
    assert!(exit.status.success(), "{command}: {exit:?}");
}

/// What the documents name as the source of tokens.
fn make_token_sources(folder: &Path) {
    fs::create_dir(folder.join("tokens.d")).unwrap();
    fs::write(folder.join("vnc.tokens"), "office: 192.0.2.17:5900\n").unwrap();
    fs::write(folder.join("tokens.d/6f1e0c"), "6f1e0c: 192.0.2.17:5900\n").unwrap();
    fs::write(folder.join("token.key"), "c2l4dGVlbiBieXRlcyBvciBtb3JlLCBpbiBhbGwgMzI").unwrap();
}

/// Puts `./echo-server` there, and gives the port that it is told.
fn wrap_echo_server(program: &mut Command, folder: &Path) -> ReservedPort {
    fs::copy(plain_program(), folder.join("echo-server")).unwrap();
    program.env("WSFERRY_REBIND", wsferry_testkit::shim::path());
    ReservedPort::new()
}

/// Runs a command that makes a certificate, and starts with it.
async fn make_certificate(command: &str, folder: &Path) {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(folder);
    let exit = Program::spawn(shell).exit().await;
    assert!(exit.status.success(), "{command}: {exit:?}");
    let mut program = Command::new(env!("CARGO_BIN_EXE_wsferry"));
    program.args(["127.0.0.1:0", "echo:", "--cert", "cert.pem", "--key", "key.pem"]);
    program.current_dir(folder);
    let running = Program::spawn(program);
    running.line(&["WebSocket", "wss://"]).await;
}

/// Stops what went to the background, as the document says.
async fn stop_daemon(pid_file: &Path) {
    let process = fs::read_to_string(pid_file).unwrap().trim().parse().unwrap();
    send_signal(Signal::Terminate, &[process]).await;
    soon(async {
        while pid_file.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn every_command_of_the_documents_starts_and_stops() {
    let documents = [
        ("README.md", 1),
        ("docs/how-to.md", 40),
        ("docs/from-websockify.md", 9),
        ("docs/own-auth.md", 1),
        ("docs/remote-tokens.md", 4),
        ("demo/README.md", 3),
    ];
    for (document, at_least) in documents {
        let commands = commands(document);
        assert!(commands.len() >= at_least, "{document} has {commands:?}");
        for command in commands {
            run(&command).await;
        }
    }
}

/// As somebody does who reads it: a key, the gateway, a token, without a library and with `PyJWT`.
#[tokio::test]
async fn the_signed_tokens_of_the_documents_lead_to_their_target() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/remote-tokens.md");
    let text = fs::read_to_string(path).unwrap();
    let key = text.lines().find(|line| line.starts_with("openssl rand ")).unwrap();
    let target = targets::echo().await;
    let port = format!("\"port\": {}", target.address().port());
    let scripts = text.split("```python\n").skip(1).map(|block| {
        let (script, _) = block.split_once("```").unwrap();
        assert!(script.contains("\"port\": 5900"), "{script}");
        script.replace("\"port\": 5900", &port)
    });
    let folder = tempfile::tempdir().unwrap();
    let shell = async |command: &Path, argument: &str| {
        let mut shell = Command::new(command);
        shell.args(["-c", argument]).current_dir(folder.path());
        let exit = Program::spawn(shell).exit().await;
        assert!(exit.status.success(), "{argument}: {exit:?}");
        exit.stdout.trim().to_owned()
    };
    shell(Path::new("sh"), key).await;
    let source = folder.path().join("token.key");
    let plugin = ["127.0.0.1:0", "--token-plugin", "JWTTokenApi", "--token-source", spell(&source)];
    let gateway = wsferry(&plugin);
    let port = gateway.port().await;
    let mut made = 0;
    for script in scripts {
        let token = shell(&interpreter(), &script).await;
        for (token, status) in [(&*token, "101"), (&token[1..], "403")] {
            let mut raw = Raw::connect(([127, 0, 0, 1], port).into()).await;
            raw.send(HANDSHAKE.replace("/chat", &format!("/?token={token}"))).await;
            assert_eq!(raw.answer().await.status.to_string(), status);
        }
        made += 1;
    }
    assert_eq!(made, 2);
}

/// The image cannot be built by a test; what it starts can be started.
#[tokio::test]
async fn the_command_of_the_documented_image_starts() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/from-websockify.md");
    let text = fs::read_to_string(path).unwrap();
    let words = |instruction: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(instruction)).unwrap();
        serde_json::from_str::<Vec<String>>(line).unwrap()
    };
    let command = [words("ENTRYPOINT "), words("CMD ")].concat();
    assert_eq!(command[0], "wsferry");
    // The name of another container.
    run(&command.join(" ").replace("vnc:", "localhost:")).await;
}
