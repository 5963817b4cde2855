//! What the program says when it starts, and when it cannot.

use std::fs;

use wsferry_testkit::program::Program;

use crate::support::{
    connect, exchange, get, hear, hear_close, leave, say, site, spell, try_connect, wsferry,
};

/// One sentence on standard error, with what is wrong and what to do, and status 1.
async fn assert_failed_start(program: Program, parts: &[&str]) {
    let exit = program.exit().await;
    assert_eq!(exit.status.code(), Some(1), "{}", exit.stderr);
    assert_eq!(exit.stdout, "");
    assert_eq!(exit.stderr.lines().count(), 1, "{}", exit.stderr);
    assert!(exit.stderr.starts_with("wsferry: "), "{}", exit.stderr);
    for part in parts {
        assert!(exit.stderr.contains(part), "{part:?} is not in {}", exit.stderr);
    }
}

#[tokio::test]
async fn it_says_what_listens_where_what_is_served_and_what_to_open() {
    let folder = site("<title>hello</title>");
    let web = spell(folder.path());
    let program = wsferry(&["--web", web, "127.0.0.1:0", "localhost:5000"]);
    let port = program.port().await;
    program.line(&["open"]).await;
    let lines = program.lines();
    let root = fs::canonicalize(folder.path()).unwrap();
    let expected = [
        concat!("wsferry ", env!("CARGO_PKG_VERSION")).to_owned(),
        format!("  listening  127.0.0.1:{port}"),
        format!("  WebSocket  ws://127.0.0.1:{port}/  ->  TCP localhost:5000"),
        format!("  files      {}", root.display()),
        format!("  open       http://127.0.0.1:{port}/"),
    ];
    assert_eq!(lines, expected);
    let page = get(port, "/").await;
    assert!(page.starts_with("HTTP/1.1 200 ") && page.ends_with("<title>hello</title>"), "{page}");
}

#[tokio::test]
async fn without_a_host_it_is_reached_on_every_address_by_ipv4_and_ipv6() {
    let program = wsferry(&["0", "echo:"]);
    let port = program.port().await;
    program.line(&["ws://localhost:", "->  the built-in echo"]).await;
    let listening = program.line(&["listening"]).await;
    connect(port).await;
    let by_ipv6 = tokio::net::TcpStream::connect(("::1", port)).await;
    if listening.contains("[::]") {
        assert!(listening.contains("(all addresses, IPv4 and IPv6)"), "{listening}");
        by_ipv6.expect("[::] takes IPv6 too");
    } else {
        assert!(listening.contains("0.0.0.0:"), "{listening}"); // a machine without IPv6
    }
}

#[tokio::test]
async fn a_directory_without_an_index_page_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let program = wsferry(&["127.0.0.1:0", "echo:", "--web", spell(folder.path())]);
    program.line(&["note", "no index.html there"]).await;
    let port = program.port().await;
    assert!(get(port, "/").await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn a_port_in_use_is_one_sentence() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let program = wsferry(&[&address, "echo:"]);
    let parts = [&*address, "the port is in use", "choose another port"];
    assert_failed_start(program, &parts).await;
}

#[tokio::test]
async fn a_port_in_use_by_another_wsferry_is_one_sentence_too() {
    let first = wsferry(&["0", "echo:"]);
    let port = first.port().await.to_string();
    assert_failed_start(wsferry(&[&port, "echo:"]), &[&port, "the port is in use"]).await;
}

#[tokio::test]
async fn an_address_of_another_machine_is_one_sentence() {
    let program = wsferry(&["192.0.2.1:0", "echo:"]); // RFC 5737: for documentation
    assert_failed_start(program, &["192.0.2.1", "Choose an address of this machine"]).await;
}

#[tokio::test]
async fn a_host_to_listen_on_that_does_not_resolve_is_one_sentence() {
    let program = wsferry(&["nowhere.invalid:0", "echo:"]);
    let parts = ["listen host", "nowhere.invalid", "does not resolve", "Check the spelling"];
    assert_failed_start(program, &parts).await;
}

#[tokio::test]
async fn a_target_that_does_not_resolve_is_one_sentence() {
    let program = wsferry(&["127.0.0.1:0", "nowhere.invalid:5000"]);
    let parts = ["target host", "nowhere.invalid", "does not resolve", "Check the spelling"];
    assert_failed_start(program, &parts).await;
}

/// Supervisors and compose start their services in any order.
#[cfg(unix)]
#[tokio::test]
async fn called_as_websockify_a_target_that_does_not_resolve_is_a_warning_and_sessions_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("websockify");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_wsferry"), &link).unwrap();
    let program = Program::start(&link, &["127.0.0.1:0", "nowhere.invalid:5000"]);
    program.line(&["WARN", "nowhere.invalid", "does not resolve"]).await;
    let (code, reason) = hear_close(connect(program.port().await).await).await;
    assert_eq!(code, 1011);
    assert!(reason.contains("nowhere.invalid"), "{reason}");
}

#[tokio::test]
async fn a_missing_directory_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let program = wsferry(&["--web", spell(&missing), "127.0.0.1:0", "echo:"]);
    assert_failed_start(program, &[spell(&missing), "Create it"]).await;
}

#[tokio::test]
async fn a_file_in_place_of_a_directory_is_one_sentence() {
    let folder = site("");
    let file = folder.path().join("index.html");
    let program = wsferry(&["--web", spell(&file), "127.0.0.1:0", "echo:"]);
    assert_failed_start(program, &[spell(&file), "the directory that holds index.html"]).await;
}

#[tokio::test]
async fn a_log_file_in_a_missing_directory_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("missing/wsferry.log");
    let program = wsferry(&["--log-file", spell(&file), "127.0.0.1:0", "echo:"]);
    assert_failed_start(program, &[spell(&file), "choose one in a directory that exists"]).await;
}

#[tokio::test]
async fn options_may_stand_before_between_and_after_the_positionals() {
    let folder = site("a page");
    let web = spell(folder.path());
    let orders: [&[&str]; 4] = [
        &["--web", web, "--run-once", "127.0.0.1:0", "echo:"],
        &["127.0.0.1:0", "--web", web, "--run-once", "echo:"],
        &["127.0.0.1:0", "echo:", "--web", web, "--run-once"],
        &["--run-once", "127.0.0.1:0", &format!("--web={web}"), "echo:"],
    ];
    for order in orders {
        let program = wsferry(order);
        let port = program.port().await;
        assert!(get(port, "/").await.ends_with("a page"), "{order:?}");
        leave(connect(port).await).await;
        assert!(program.exit().await.status.success(), "{order:?}");
    }
}

#[tokio::test]
async fn every_option_about_access_does_what_it_says() {
    let plain = wsferry(&["127.0.0.1:0", "echo:"]);
    let flags = ["--allow-origin", "http://one.example", "--allow-origin", "https://two.example"];
    let hosts = ["--allow-host", "play.example", "--require-origin"];
    let open = wsferry(&[&["127.0.0.1:0", "echo:"][..], &flags, &hosts].concat());
    let (plain_port, open_port) = (plain.port().await, open.port().await);
    for origin in ["http://one.example", "https://two.example"] {
        assert_eq!(try_connect(plain_port, Some(origin)).await.err().unwrap(), 403, "{origin}");
        try_connect(open_port, Some(origin)).await.unwrap();
    }
    assert_eq!(try_connect(open_port, Some("https://one.example")).await.err().unwrap(), 403);
    assert_eq!(try_connect(open_port, None).await.err().unwrap(), 403);
    let request = b"GET / HTTP/1.1\r\nHost: play.example\r\nConnection: close\r\n\r\n";
    assert!(exchange(plain_port, request).await.starts_with("HTTP/1.1 403 "));
    assert!(exchange(open_port, request).await.starts_with("HTTP/1.1 426 "));
}

#[tokio::test]
async fn it_is_a_gateway_from_the_moment_its_banner_is_there() {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = server.local_addr().unwrap().to_string();
    let program = wsferry(&["0", &target]);
    let mut client = connect(program.port().await).await;
    let (mut connection, _) = server.accept().await.unwrap();
    say(&mut client, "hello").await;
    let mut read = [0; 5];
    tokio::io::AsyncReadExt::read_exact(&mut connection, &mut read).await.unwrap();
    assert_eq!(&read, b"hello");
    tokio::io::AsyncWriteExt::write_all(&mut connection, b"hello yourself").await.unwrap();
    hear(&mut client, "hello yourself").await;
}

/// The sentence has its cause in it, and the cause does not follow it once more.
#[tokio::test]
async fn a_failed_start_says_its_cause_once() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let missing = spell(&missing);
    let inner = folder.path().join("missing/inner");
    let inner = spell(&inner);
    let gate = ["127.0.0.1:0", "localhost:5000"];
    let cases: [&[&str]; 8] = [
        &["--web", missing],
        &["--cert", missing],
        &["--cert", missing, "--key", missing],
        &["--record", inner],
        &["--log-file", inner],
        &["--pid-file", inner],
        &["--ssl-target", "--ssl-target-cafile", missing],
        &["--auth-plugin", "HttpAuth", "--auth-source", "http://127.0.0.1:1/", "--cert", missing],
    ];
    for options in cases {
        let exit = wsferry(&[&gate[..], options].concat()).exit().await;
        assert_eq!(exit.status.code(), Some(1), "{options:?}: {}", exit.stderr);
        let said = exit.stderr.matches("No such file or directory").count();
        assert_eq!(said, 1, "{options:?}: {}", exit.stderr);
    }
}

/// Browsers ask when they load a page, never for a WebSocket.
#[tokio::test]
async fn a_password_that_no_browser_would_ask_for_is_noted() {
    let folder = site("a page");
    let password = ["--auth-plugin", "BasicHTTPAuth", "--auth-source", "ann:secret"];
    let web = ["127.0.0.1:0", "echo:", "--web", spell(folder.path())];
    for noted in [&[&web[..], &password].concat(), &[&web[..2], &password].concat()] {
        wsferry(noted).line(&["WARN", "BasicHTTPAuth", "--web-auth"]).await;
    }
    let quiet = wsferry(&[&web[..], &password, &["--web-auth"]].concat());
    quiet.port().await;
    assert!(!quiet.lines().iter().any(|line| line.contains("WARN")), "{:?}", quiet.lines());
}
