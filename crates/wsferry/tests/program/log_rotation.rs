//! Logs that are rotated: the file is renamed, a signal sent, and a new file has the next lines.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tokio::process::Command;
use wsferry_testkit::patience::{soon, until};
use wsferry_testkit::pki::Pki;
use wsferry_testkit::program::{Program, Signal};

use crate::support::{connect, leave, spell, try_connect, wsferry};

fn holds(file: &Path, part: &str) -> bool {
    fs::read_to_string(file).is_ok_and(|text| text.contains(part))
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o777
}

/// A gateway that was started under a umask.
fn under_umask(umask: &str, words: &[&str]) -> Program {
    let mut command = Command::new("sh");
    let script = format!("umask {umask}; exec \"$0\" \"$@\"");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_wsferry")]).args(words);
    Program::spawn(command)
}

#[tokio::test]
async fn after_usr1_or_hup_the_lines_are_in_a_new_file_of_that_name_with_mode_0640() {
    let folder = tempfile::tempdir().unwrap();
    let [log, old] = ["wsferry.log", "wsferry.log.1"].map(|name| folder.path().join(name));
    for (umask, signal) in [("077", Signal::User1), ("000", Signal::HangUp)] {
        let program = under_umask(umask, &["127.0.0.1:0", "echo:", "--log-file", spell(&log)]);
        let port = program.port().await;
        leave(connect(port).await).await;
        until(|| holds(&log, "session ended")).await;
        assert_eq!(mode(&log), 0o640, "umask {umask}");

        fs::rename(&log, &old).unwrap();
        program.signal(signal).await;
        until(|| log.exists()).await;
        leave(connect(port).await).await;
        until(|| holds(&log, "session=2")).await;
        assert!(!holds(&old, "session=2"));
        assert_eq!(mode(&log), 0o640, "umask {umask}");
        program.signal(Signal::Terminate).await;
        assert!(program.exit().await.status.success());
        fs::remove_file(&log).unwrap();
    }
}

#[tokio::test]
async fn where_the_new_file_cannot_be_opened_the_old_one_is_used_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let [log, old] = ["wsferry.log", "wsferry.log.1"].map(|name| folder.path().join(name));
    let program = wsferry(&["127.0.0.1:0", "echo:", "--log-file", spell(&log)]);
    let port = program.port().await;
    fs::rename(&log, &old).unwrap();
    fs::create_dir(&log).unwrap();
    program.signal(Signal::User1).await;
    until(|| holds(&old, "the log file cannot be reopened")).await;
    leave(connect(port).await).await;
    until(|| holds(&old, "session ended")).await;
}

#[tokio::test]
async fn hup_reads_a_new_certificate_before_a_client_comes() {
    let pki = Pki::new();
    let (first, second) = (pki.server("first"), pki.server("second"));
    let files = ["--cert", spell(&first.cert), "--key", spell(&first.key)];
    let program = wsferry(&[&["127.0.0.1:0", "echo:"][..], &files].concat());
    program.line(&["wss://"]).await;
    fs::copy(&second.key, &first.key).unwrap();
    fs::copy(&second.cert, &first.cert).unwrap();
    program.signal(Signal::HangUp).await;
    program.line(&["new certificate"]).await;
}

#[tokio::test]
async fn a_log_that_is_a_pipe_nobody_reads_yet_is_opened_when_somebody_does() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("wsferry.log");
    let made = Command::new("mkfifo").arg(&log).status().await.unwrap();
    assert!(made.success());
    let program = wsferry(&["127.0.0.1:0", "echo:", "--log-file", spell(&log)]);
    let port = program.port().await;
    leave(connect(port).await).await;
    let reader = std::thread::spawn(move || {
        use std::io::BufRead;
        let pipe = std::io::BufReader::new(fs::File::open(log).unwrap());
        pipe.lines().map_while(Result::ok).find(|line| line.contains("evil.example"))
    });
    soon(async {
        while !reader.is_finished() {
            try_connect(port, Some("http://evil.example")).await.unwrap_err();
        }
    })
    .await;
    let line = reader.join().unwrap().expect("the log goes on");
    assert!(line.contains(" WARN "), "{line}");
    program.signal(Signal::Terminate).await;
    assert!(program.exit().await.status.success());
}

#[tokio::test]
async fn a_log_file_that_has_reached_its_limit_ends_no_session() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("wsferry.log");
    let mut command = Command::new("sh");
    let script = "ulimit -f 1; exec \"$0\" \"$@\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_wsferry"), "127.0.0.1:0", "echo:"]);
    command.args(["--log-file", spell(&log)]);
    let program = Program::spawn(command);
    let port = program.port().await;
    for _ in 0..40 {
        leave(connect(port).await).await;
    }
    program.signal(Signal::Terminate).await;
    let exit = program.exit().await;
    assert_eq!(exit.status.code(), Some(0), "{}", exit.stderr);
    assert!(fs::metadata(&log).unwrap().len() <= 1024, "it was full");
}
