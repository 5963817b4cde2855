//! The limit of open files: raised for the gateway, not for a wrapped program, and told where it is
//! too low.

use tokio::process::Command;
use wsferry_testkit::program::Program;

use crate::support::spell;

/// The program, started by a shell that sets limits first.
fn limited(limits: &str, arguments: &[&str]) -> Program {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limits} && exec \"$0\" \"$@\"")]);
    command.arg(env!("CARGO_BIN_EXE_wsferry")).args(arguments);
    command.env("WSFERRY_REBIND", wsferry_testkit::shim::path());
    Program::spawn(command)
}

#[tokio::test]
async fn the_soft_limit_is_raised_to_the_hard_one_for_the_gateway_and_not_for_its_program() {
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("limit");
    let script = format!("ulimit -Sn > {0}.tmp && mv {0}.tmp {0} && exec sleep 1000", spell(&told));
    let port = wsferry_testkit::program::ReservedPort::new();
    let listen = format!("127.0.0.1:{}", port.number());
    let program = limited(
        "ulimit -Sn 100 && ulimit -Hn 500",
        &[&listen, "--wrap-mode", "ignore", "--", "sh", "-c", &script],
    );
    program.port().await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", program.id())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<&str> = files.split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers, ["500", "500"]);
    wsferry_testkit::patience::until(|| told.exists()).await;
    assert_eq!(std::fs::read_to_string(told).unwrap().trim(), "100");
}

#[tokio::test]
async fn more_connections_than_files_allow_are_clamped_with_a_warning() {
    let program = limited("ulimit -n 256", &["127.0.0.1:0", "echo:", "--max-connections", "1000"]);
    program.line(&["WARN", "--max-connections 1000", "LimitNOFILE=", "limit=256"]).await;
    program.port().await;
}

#[tokio::test]
async fn a_limit_that_is_too_low_to_work_with_is_told_at_the_start() {
    let exit = limited("ulimit -n 40", &["127.0.0.1:0", "echo:"]).exit().await;
    assert_eq!(exit.status.code(), Some(1), "{}", exit.stderr);
    assert!(exit.stderr.contains("may open only 40 files"), "{}", exit.stderr);
    assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
}
