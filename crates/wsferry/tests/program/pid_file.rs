//! `--pid-file`: one process, one file.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use tokio::process::Command;
use wsferry_testkit::program::{Program, Signal};

use crate::support::{connect, say, spell, wsferry};

#[tokio::test]
async fn a_second_process_with_the_same_file_is_refused_and_the_file_stays_the_first_ones() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gate.pid");
    let words = ["127.0.0.1:0", "echo:", "--pid-file", spell(&file)];
    let first = wsferry(&words);
    first.port().await;
    let number = format!("{}\n", first.id());
    assert_eq!(fs::read_to_string(&file).unwrap(), number);
    let second = wsferry(&words).exit().await;
    assert_eq!(second.status.code(), Some(1), "{}", second.stderr);
    assert_eq!(second.stderr.lines().count(), 1, "{}", second.stderr);
    assert!(second.stderr.contains(&format!("process {}", number.trim())), "{}", second.stderr);
    assert_eq!(fs::read_to_string(&file).unwrap(), number);
    first.signal(Signal::Terminate).await;
    assert!(first.exit().await.status.success());
    assert!(!file.exists());
}

#[tokio::test]
async fn a_file_that_a_killed_process_left_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gate.pid");
    let words = ["127.0.0.1:0", "echo:", "--pid-file", spell(&file)];
    let first = wsferry(&words);
    first.port().await;
    first.kill().await;
    fs::write(&file, "1\nand more that a crash may have left there\n").unwrap();
    let second = wsferry(&words);
    second.port().await;
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{}\n", second.id()));
}

#[tokio::test]
async fn what_a_link_leads_to_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let [precious, missing] = ["precious", "missing"].map(|name| folder.path().join(name));
    let [link, hard, dangling] = ["link", "hard", "dangling"].map(|name| folder.path().join(name));
    fs::write(&precious, "precious").unwrap();
    symlink(&precious, &link).unwrap();
    symlink(&missing, &dangling).unwrap();
    fs::hard_link(&precious, &hard).unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().await.unwrap().success());
    for name in [&link, &hard, &dangling, &pipe] {
        let exit = wsferry(&["127.0.0.1:0", "echo:", "--pid-file", spell(name)]).exit().await;
        assert_eq!(exit.status.code(), Some(1), "{name:?}: {}", exit.stderr);
        assert!(exit.stderr.contains("pid file"), "{name:?}: {}", exit.stderr);
        assert!(name.symlink_metadata().is_ok(), "{name:?}");
    }
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    assert!(!missing.exists());
}

#[tokio::test]
async fn a_file_that_another_has_put_there_is_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let [file, other] = ["gate.pid", "other"].map(|name| folder.path().join(name));
    let program = wsferry(&["127.0.0.1:0", "echo:", "--pid-file", spell(&file)]);
    program.port().await;
    fs::write(&other, "of another").unwrap();
    fs::rename(&other, &file).unwrap();
    program.signal(Signal::Terminate).await;
    assert!(program.exit().await.status.success());
    assert_eq!(fs::read_to_string(&file).unwrap(), "of another");
}

#[tokio::test]
async fn everybody_may_read_it_whatever_the_umask() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gate.pid");
    for umask in ["077", "000"] {
        let mut command = Command::new("sh");
        let script = format!("umask {umask}; exec \"$0\" \"$@\"");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_wsferry"), "127.0.0.1:0", "echo:"]);
        command.args(["--pid-file", spell(&file)]);
        let program = Program::spawn(command);
        program.port().await;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
        program.signal(Signal::Quit).await;
        assert!(program.exit().await.status.success());
        assert!(!file.exists());
    }
}

#[tokio::test]
async fn it_goes_also_when_a_second_signal_cuts_the_drain_short() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gate.pid");
    let patience = ["--close-timeout", "600", "--drain-timeout", "600"];
    let words = ["127.0.0.1:0", "echo:", "--pid-file", spell(&file)];
    let program = wsferry(&[&words[..], &patience].concat());
    let mut client = connect(program.port().await).await;
    say(&mut client, "hello").await; // and from now on it answers nothing
    program.line(&["session started"]).await;
    program.signal(Signal::Terminate).await;
    program.line(&["stopping"]).await;
    program.signal(Signal::Terminate).await;
    assert_eq!(program.exit().await.status.code(), Some(1));
    assert!(!file.exists());
}

#[tokio::test]
async fn a_start_that_fails_leaves_the_file_of_another_program() {
    let folder = tempfile::tempdir().unwrap();
    let [file, new] = ["other.pid", "new.pid"].map(|name| folder.path().join(name));
    fs::write(&file, "77\n").unwrap();
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let busy_at = busy.local_addr().unwrap().to_string();
    for name in [&file, &new] {
        let exit = wsferry(&[&busy_at, "echo:", "--pid-file", spell(name)]).exit().await;
        assert_eq!(exit.status.code(), Some(1), "{}", exit.stderr);
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "77\n");
    assert!(!new.exists());
}
