//! What a person gets who typed something else than was meant: the command line that works.

use std::fs;

use tempfile::TempDir;
use tokio::process::Command;
use wsferry_testkit::cpp::plain_program;
use wsferry_testkit::program::Program;

use crate::support::wsferry;

/// Wrong usage in a folder, said with all of `parts`.
async fn assert_says(folder: &TempDir, line: &str, parts: &[&str]) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_wsferry"));
    program.args(line.split_whitespace()).current_dir(folder.path());
    let exit = Program::spawn(program).exit().await;
    assert_eq!(exit.status.code(), Some(2), "{line}: {}{}", exit.stdout, exit.stderr);
    let said = exit.stderr.lines().next().unwrap_or_default();
    for part in parts {
        assert!(said.contains(part), "{line}: {part:?} is not in {said}");
    }
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("public")).unwrap();
    fs::copy(plain_program(), folder.path().join("server")).unwrap();
    fs::write(folder.path().join("notes.txt"), "").unwrap();
    folder
}

#[tokio::test]
async fn two_ports_are_one_to_listen_on_and_one_of_this_machine() {
    for (line, meant) in [
        ("27016 5000", "Did you mean: wsferry 27016 localhost:5000"),
        (":27016 5000", "Did you mean: wsferry :27016 localhost:5000"),
        ("--unix-listen x 5000", "Did you mean: wsferry localhost:5000"),
        ("websockify 6080 5900", "Did you mean: websockify 6080 localhost:5900"),
        ("27016 localhost 5000", "Did you mean: wsferry 27016 localhost:5000"),
        ("27016 28016 localhost:5000", "Did you mean: wsferry 27016 localhost:5000"),
        ("wsferry 27016 localhost:5000", "Did you mean: wsferry 27016 localhost:5000"),
        ("serve 27016 localhost:5000", "Did you mean: wsferry 27016 localhost:5000"),
        ("27016 server", "Did you mean: wsferry 27016 -- ./server"),
        ("27016 localhost:5000/path", "Did you mean: wsferry 27016 localhost:5000"),
        ("27016 //localhost:5000", "Did you mean: wsferry 27016 localhost:5000"),
        ("localhost:5000", "Did you mean: wsferry 27016 localhost:5000"),
        ("0.0.0.0 27016 vnc 5900", "Did you mean: wsferry 0.0.0.0:27016 vnc:5900"),
        ("27016:localhost:5000", "Did you mean: wsferry 27016 localhost:5000"),
        ("27016 echo", "Did you mean: wsferry 27016 echo:"),
    ] {
        assert_says(&folder(), line, &[meant]).await;
    }
}

#[tokio::test]
async fn swapped_addresses_are_told_in_their_order() {
    for (line, meant) in [
        ("vnc.example:5900 27016", "Did you mean: wsferry 27016 vnc.example:5900"),
        ("echo: 27016", "Did you mean: wsferry 27016 echo:"),
        ("unix_socket:/run/x 27016", "Did you mean: wsferry 27016 unix_socket:/run/x"),
        // Either may be meant.
        (
            "localhost:5000 27016",
            "Did you mean: wsferry 27016 localhost:5000, or: wsferry localhost:5000 localhost:27016",
        ),
        ("127.0.0.1:27016 5000", "or: wsferry 127.0.0.1:27016 localhost:5000"),
    ] {
        assert_says(&folder(), line, &[meant]).await;
    }
}

#[tokio::test]
async fn an_address_has_no_scheme() {
    for (line, meant) in [
        ("27016 tcp://localhost:5000", "Did you mean: wsferry 27016 localhost:5000"),
        ("27016 ws://localhost:5000/chat", "Did you mean: wsferry 27016 localhost:5000"),
        ("27016 http://127.0.0.1:5000/", "Did you mean: wsferry 27016 127.0.0.1:5000"),
        ("27016 http://[::1]", "Did you mean: wsferry 27016 [::1]:80"),
        ("27016 unix:/run/x", "Did you mean: wsferry 27016 unix_socket:/run/x"),
        ("ws://localhost:27016 vnc:1", "Did you mean: wsferry localhost:27016 vnc:1"),
        ("wss://0.0.0.0:27016/ tcp:vnc:1", "Did you mean: wsferry 0.0.0.0:27016 vnc:1"),
    ] {
        assert_says(&folder(), line, &[meant]).await;
    }
}

#[tokio::test]
async fn a_number_that_is_no_port_is_told_with_the_limit() {
    for line in
        ["99999 localhost:5000", "27016 localhost:99999", "27016 99999", "0.0.0.0:99999 a:1"]
    {
        assert_says(&folder(), line, &["\"99999\" is not a port", "from 1 to 65535"]).await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_directory_is_served_and_a_program_is_wrapped() {
    let folder = folder();
    let socket = folder.path().join("x.sock");
    let _socket = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for (line, meant) in [
        (
            "27016 localhost:5000 ./public",
            "Did you mean: wsferry 27016 localhost:5000 --web ./public",
        ),
        ("./public 27016 vnc:5900", "Did you mean: wsferry 27016 vnc:5900 --web ./public"),
        ("27016 public", "Did you mean: wsferry 27016 localhost:5000 --web public"),
        ("27016 ./server", "Did you mean: wsferry 27016 -- ./server"),
        ("27016 ./server 27016", "Did you mean: wsferry 27016 -- ./server 27016"),
        ("27016 ./x.sock", "Did you mean: wsferry 27016 --unix-target ./x.sock"),
        ("./x.sock localhost:5000", "Did you mean: wsferry localhost:5000 --unix-listen ./x.sock"),
        ("27016 ./none", "\"./none\" is not an address, a directory or a program"),
        ("27016 notes.txt", "\"notes.txt\" is not an address, a directory or a program"),
    ] {
        assert_says(&folder, line, &[meant]).await;
    }
}

#[tokio::test]
async fn options_of_other_programs_are_told_in_this_ones() {
    for (line, meant) in [
        ("--port 27016 --target vnc:5900", "Did you mean: wsferry 27016 vnc:5900"),
        ("--port=27016 vnc:5900", "Did you mean: wsferry 27016 vnc:5900"),
        (
            "--host 127.0.0.1 --port 27016 vnc:5900",
            "Did you mean: wsferry 127.0.0.1:27016 vnc:5900",
        ),
        ("--listen 0.0.0.0:27016 vnc:5900", "Did you mean: wsferry 0.0.0.0:27016 vnc:5900"),
        ("--target vnc:5900 27016", "Did you mean: wsferry 27016 vnc:5900"),
        ("-p 27016 vnc:5900", "Did you mean: wsferry 27016 vnc:5900"),
        ("27016 --target vnc:5900 --web public", "Did you mean: wsferry 27016 localhost:5000"),
        ("27016 vnc:5900 --tls", "Did you mean: --cert FILE"),
        ("27016 vnc:5900 --root public", "Did you mean: --web DIR"),
        ("27016 vnc:5900 --cors *", "Did you mean: --allow-origin ORIGIN"),
    ] {
        assert_says(&folder(), line, &["there is no option", meant]).await;
    }
}

#[tokio::test]
async fn a_command_that_was_not_written_quite_right_is_told() {
    for (line, meant) in [
        ("demos", "Did you mean: wsferry demo"),
        ("dmeo --port 1", "demo"),
        ("relpay session.1", "Did you mean: wsferry replay session.1"),
        ("websokify 6080 vnc:5900", "Did you mean: wsferry websockify 6080 vnc:5900"),
        ("help", "Did you mean: wsferry --help"),
        ("version", "Did you mean: wsferry --version"),
    ] {
        assert_says(&folder(), line, &[meant]).await;
    }
}

#[tokio::test]
async fn an_origin_and_a_host_are_told_without_what_is_too_much() {
    let origin = "27016 echo: --allow-origin";
    let host = "27016 echo: --allow-host";
    for (line, meant) in [
        (format!("{origin} https://example.com/chat"), "--allow-origin https://example.com"),
        (format!("{origin} example.com"), "--allow-origin https://example.com"),
        (format!("{origin} localhost:5173"), "--allow-origin http://localhost:5173"),
        (format!("{host} https://play.example.com/"), "--allow-host play.example.com"),
        (format!("{host} play.example.com:443"), "--allow-host play.example.com"),
    ] {
        let line = &line;
        assert_says(&folder(), line, &[&format!("Did you mean: {meant}")]).await;
    }
}

/// What stands behind `--` is a program.
#[tokio::test]
async fn no_tip_puts_an_option_behind_two_dashes() {
    for line in [
        "27016 echo: --allow-orgin *",
        "--bogus 27016 echo:",
        "demo --bogus",
        "websockify --bogus 1",
    ] {
        let words: Vec<_> = line.split_whitespace().collect();
        let exit = wsferry(&words).exit().await;
        assert_eq!(exit.status.code(), Some(2), "{line}: {}", exit.stderr);
        assert!(!exit.stderr.contains("-- --"), "{line}: {}", exit.stderr);
    }
    assert_says(&folder(), "27016 echo: --allow-orgin *", &["--allow-orgin"]).await;
}

#[tokio::test]
async fn a_gateway_is_not_its_own_target() {
    for line in ["5000 localhost:5000", "127.0.0.1:5000 localhost:5000", "websockify 5000 :5000"] {
        let parts = ["the target localhost:5000 is where this gateway is to listen", "27016"];
        assert_says(&folder(), line, &parts).await;
    }
}
