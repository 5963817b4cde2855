//! Every command that the documents show starts, and stops.

use std::fs;
use std::path::Path;

use tokio::process::Command;
use wsferry_testkit::patience::soon;
use wsferry_testkit::pki::Pki;
use wsferry_testkit::program::{Program, Signal, send_signal};

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
            // The demo has tests of its own, which must find its usual ports free.
            let is_run = command.starts_with("wsferry ") || command.starts_with("openssl ");
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
    let mut program = Command::new(env!("CARGO_BIN_EXE_wsferry"));
    program.current_dir(folder.path());
    for word in command.split_whitespace().skip(1) {
        program.arg(match word.strip_suffix("27016") {
            Some(host) => format!("{host}0"),
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
    let documents = [("README.md", 1), ("docs/how-to.md", 26), ("demo/README.md", 3)];
    for (document, at_least) in documents {
        let commands = commands(document);
        assert!(commands.len() >= at_least, "{document} has {commands:?}");
        for command in commands {
            run(&command).await;
        }
    }
}
