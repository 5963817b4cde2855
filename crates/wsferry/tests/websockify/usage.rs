//! The command line: where words may stand, what is wrong usage, what a start that fails looks like.

use std::net::Ipv6Addr;
use std::os::unix::fs::symlink;

use futures_util::future::join_all;
use tempfile::tempdir;
use wsferry_testkit::patience::soon;
use wsferry_testkit::program::{Exit, Program, ReservedPort};
use wsferry_testkit::targets;

use crate::client::{chat, hear_close};
use crate::subject::{Gateway, Subject};
use crate::web::{path, site};

same! {
    options_may_stand_before_between_and_after_the_positionals
    options_may_be_shortened_while_one_is_meant
    the_last_of_a_repeated_option_counts
    help_names_every_option
    options_that_need_another_one_name_it
    missing_and_superfluous_arguments_are_wrong_usage
    values_that_are_not_valid_are_wrong_usage
    a_source_of_ipv6_stands_in_brackets
    libserver_is_accepted
    an_ipv6_address_needs_no_brackets
    a_target_without_a_host_is_on_this_machine
    an_empty_directory_or_certificate_is_none
    a_cafile_without_verify_client_is_accepted
    a_plugin_may_be_named_by_its_python_path
}

async fn options_may_stand_before_between_and_after_the_positionals(program: Subject) {
    let site = site();
    let echo = targets::echo().await;
    let target = echo.address().to_string();
    for order in 0..3 {
        let port = ReservedPort::new();
        let source = format!("127.0.0.1:{}", port.number());
        let web = format!("--web={}", path(&site));
        let mut words = vec!["--heartbeat", "30", &*web, "-v"];
        match order {
            0 => words.extend([&*source, &target]),
            1 => {
                words.insert(2, &source);
                words.push(&target);
            }
            _ => {
                words.insert(0, &source);
                words.insert(1, &target);
            }
        }
        let gateway = Gateway::listening(program.start(&words), port).await;
        assert_eq!(gateway.load("/").await.status, 200, "{words:?}");
        chat(&mut gateway.connect().await).await;
    }
}

async fn options_may_be_shortened_while_one_is_meant(program: Subject) {
    let site = site();
    let options = ["--verb", "--web", path(&site), "--file", "--heart=30"];
    let gateway = program.gate_to(targets::echo().await.address(), &options).await;
    assert_eq!(gateway.load("/app/").await.status, 404, "--file is --file-only");
    assert_wrong(program, &["--token-", "x", "127.0.0.1:0"], &["--token-"]).await;
}

async fn the_last_of_a_repeated_option_counts(program: Subject) {
    let site = site();
    let options = ["--web", "/nonexistent", "--heartbeat", "9", "--web", path(&site)];
    let gateway = program.gate_to(targets::refusing().await, &options).await;
    assert_eq!(gateway.load("/").await.status, 200);
}

async fn help_names_every_option(program: Subject) {
    #[rustfmt::skip]
    let options = [
        "-h", "--help", "-v", "--verbose", "--traffic", "--record", "-D", "--daemon", "--run-once",
        "--timeout", "--idle-timeout", "--cert", "--key", "--key-password", "--ssl-only",
        "--ssl-target", "--verify-client", "--cafile", "--ssl-version", "--ssl-ciphers",
        "--unix-listen", "--unix-listen-mode", "--unix-target", "--inetd", "--web", "--web-auth",
        "--wrap-mode", "-6", "--prefer-ipv6", "--libserver", "--target-config", "--token-plugin",
        "--token-source", "--host-token", "--auth-plugin", "--auth-source", "--heartbeat",
        "--log-file", "--syslog", "--legacy-syslog", "--file-only",
    ];
    for flag in ["--help", "-h"] {
        let exit = program.start(&[flag]).exit().await;
        assert_eq!(exit.status.code(), Some(0), "{}", exit.stderr);
        for option in options {
            assert!(exit.stdout.contains(option), "{option} is not in {}", exit.stdout);
        }
    }
}

async fn options_that_need_another_one_name_it(program: Subject) {
    let site = site();
    let web = path(&site);
    let cases: [(&[&str], &str); 6] = [
        (&["--token-source", "x"], "--token-plugin"),
        (&["--host-token"], "--token-plugin"),
        (&["--auth-source", "x"], "--auth-plugin"),
        (&["--web-auth", "--web", web], "--auth-plugin"),
        (&["--web-auth", "--auth-plugin", "BasicHTTPAuth", "--auth-source", "a:b"], "--web"),
        (&["--legacy-syslog"], "--syslog"),
    ];
    let gate = ["127.0.0.1:0", "127.0.0.1:1"];
    let wrong = cases.map(async |(options, needed)| {
        assert_wrong(program, &[options, &gate].concat(), &[options[0], needed]).await;
    });
    join_all(wrong).await;
}

async fn missing_and_superfluous_arguments_are_wrong_usage(program: Subject) {
    let folder = tempdir().unwrap();
    let missing = folder.path().join("missing.pem");
    let missing = missing.to_str().unwrap();
    let token = ["--token-plugin", "TokenFile", "--token-source", "x"];
    let cases: [(&[&str], &str); 9] = [
        (&[], ""),
        (&["127.0.0.1:0"], ""),
        (&["127.0.0.1:0", "127.0.0.1:1", "more"], ""),
        (&[token[0], token[1], token[2], token[3], "127.0.0.1:0", "127.0.0.1:1"], ""),
        (&["--unix-target", "x", "127.0.0.1:0", "127.0.0.1:1"], ""),
        (&["--unix-listen", "x", "127.0.0.1:0", "127.0.0.1:1"], ""),
        (&["--bogus", "127.0.0.1:0", "127.0.0.1:1"], "--bogus"),
        (&["127.0.0.1:0", "127.0.0.1:1", "--cert"], "--cert"),
        (&["--ssl-only", "--cert", missing, "127.0.0.1:0", "127.0.0.1:1"], missing),
    ];
    let wrong = cases.map(async |(words, named)| {
        assert_wrong(program, words, &[named]).await;
    });
    join_all(wrong).await;
}

async fn values_that_are_not_valid_are_wrong_usage(program: Subject) {
    let gate = ["127.0.0.1:0", "127.0.0.1:1"];
    let cases: [(&[&str], &str); 12] = [
        (&["x", gate[1]], "port"),
        (&["127.0.0.1:x", gate[1]], "port"),
        (&[gate[0], "localhost"], "target"),
        (&[gate[0], "localhost:x"], "port"),
        (&["--timeout", "soon", gate[0], gate[1]], "--timeout"),
        (&["--idle-timeout", "x", gate[0], gate[1]], "--idle-timeout"),
        (&["--heartbeat", "x", gate[0], gate[1]], "--heartbeat"),
        (&["--wrap-mode", "restart", gate[0], gate[1]], "respawn"),
        (&["--ssl-version", "tlsv9", gate[0], gate[1]], "tlsv1_3"),
        (&["--syslog", "localhost:x", gate[0], gate[1]], "port"),
        (&["--unix-listen", "x", "--unix-listen-mode", "99", gate[1]], "mode"),
        (&["--unix-listen", "x", "--unix-listen-mode", "rw", gate[1]], "mode"),
    ];
    let wrong = cases.map(async |(words, named)| {
        assert_wrong(program, words, &[named]).await;
    });
    join_all(wrong).await;
}

async fn a_source_of_ipv6_stands_in_brackets(program: Subject) {
    let port = ReservedPort::on(Ipv6Addr::LOCALHOST.into());
    let (source, target) = (port.address().to_string(), targets::echo().await);
    let arguments = [&*source, &target.address().to_string()];
    let gateway = Gateway::listening(program.start(&arguments), port).await;
    let stream = tokio::net::TcpStream::connect(("::1", gateway.port())).await.unwrap();
    let client = crate::client::upgrade(stream, gateway.port(), "/", &[]).await;
    chat(&mut client.unwrap()).await;
}

async fn an_ipv6_address_needs_no_brackets(program: Subject) {
    let port = ReservedPort::on(Ipv6Addr::LOCALHOST.into());
    let target = tokio::net::TcpListener::bind("[::1]:0").await.unwrap();
    let target_port = target.local_addr().unwrap().port();
    let words = [format!("::1:{}", port.number()), format!("::1:{target_port}")];
    let gateway = Gateway::listening(program.start(&words), port).await;
    let stream = tokio::net::TcpStream::connect(("::1", gateway.port())).await.unwrap();
    let client = crate::client::upgrade(stream, gateway.port(), "/", &[]).await;
    let (client, arrived) = (client.unwrap(), soon(target.accept()).await);
    arrived.expect("the session leads there");
    drop(client);
}

async fn a_target_without_a_host_is_on_this_machine(program: Subject) {
    let echo = targets::echo().await;
    let gateway = program.gate(&[], &[&format!(":{}", echo.address().port())]).await;
    chat(&mut gateway.connect().await).await;
}

async fn an_empty_directory_or_certificate_is_none(program: Subject) {
    let gateway =
        program.gate_to(targets::echo().await.address(), &["--web=", "--cert=", "--key", ""]).await;
    chat(&mut gateway.connect().await).await;
    assert!(matches!(gateway.load("/").await.status, 405 | 426), "no file is served");
}

async fn a_cafile_without_verify_client_is_accepted(program: Subject) {
    let target = targets::echo().await.address();
    let gateway = program.gate_to(target, &["--cafile", "/nonexistent/ca.pem"]).await;
    chat(&mut gateway.connect().await).await;
}

async fn a_plugin_may_be_named_by_its_python_path(program: Subject) {
    let class = "websockify.auth_plugins.BasicHTTPAuth";
    let options = ["--auth-plugin", class, "--auth-source", "ann:secret"];
    let gateway = program.gate_to(targets::echo().await.address(), &options).await;
    assert!(gateway.try_connect("/", &[]).await.is_err());
    let fields = [("Authorization", "Basic YW5uOnNlY3JldA==")];
    chat(&mut gateway.try_connect("/", &fields).await.unwrap()).await;
}

async fn libserver_is_accepted(program: Subject) {
    let gateway = program.gate_to(targets::echo().await.address(), &["--libserver"]).await;
    drop(gateway);
}

/// How it takes websockify's place.
#[tokio::test]
async fn a_link_named_websockify_is_a_drop_in() {
    let folder = tempdir().unwrap();
    let link = folder.path().join("websockify");
    symlink(env!("CARGO_BIN_EXE_wsferry"), &link).unwrap();
    let port = ReservedPort::new();
    let (source, target) = (format!("127.0.0.1:{}", port.number()), targets::echo().await);
    let words = ["--verbose", "--heartbeat=30", &source, &target.address().to_string()];
    let gateway = Gateway::listening(Program::start(&link, &words), port).await;
    chat(&mut gateway.connect().await).await;
    let exit = Program::start(link, &["--token-source", "x", "0", "a:1"]).exit().await;
    assert_eq!(exit.status.code(), Some(2));
    assert!(exit.stderr.contains("--token-plugin"), "{}", exit.stderr);
}

pub(crate) async fn a_token_plugin_that_does_not_exist(program: Subject) {
    let words = ["--token-plugin", "TokenFle", "--token-source", "x", "127.0.0.1:0"];
    assert_unknown_plugin(program, &words, &["TokenFle", "TokenFile", "JWTTokenApi"]).await;
}

pub(crate) async fn an_auth_plugin_that_does_not_exist(program: Subject) {
    let words = ["--auth-plugin", "BasicAuth", "--auth-source", "a:b", "127.0.0.1:0", "a:1"];
    assert_unknown_plugin(program, &words, &["BasicAuth", "BasicHTTPAuth", "ExpectOrigin"]).await;
}

async fn assert_unknown_plugin(program: Subject, words: &[&str], named: &[&str]) {
    match program {
        Subject::Websockify => {
            let exit = program.start(words).exit().await;
            assert_eq!(exit.status.code(), Some(1));
            assert!(exit.stderr.contains("Traceback"), "{}", exit.stderr);
        }
        Subject::Wsferry => drop(assert_wrong(program, words, named).await),
    }
}

pub(crate) async fn a_plugin_that_is_a_class_of_python(program: Subject) {
    let folder = tempdir().unwrap();
    let class = "class Mine:\n    def __init__(self, source): pass\n";
    std::fs::write(folder.path().join("own_tokens.py"), class).unwrap();
    let options = ["--token-plugin", "own_tokens.Mine"];
    match program {
        Subject::Websockify => {
            let prepare = |command: &mut tokio::process::Command| {
                command.env("PYTHONPATH", folder.path());
            };
            drop(program.gate_with(&options, &[], prepare).await);
        }
        Subject::Wsferry => {
            let words = [&options[..], &["127.0.0.1:0"]].concat();
            let named = ["own_tokens.Mine", "JWTTokenApi", "TokenRedis", "JSONTokenApi"];
            assert_wrong(program, &words, &named).await;
        }
    }
}

pub(crate) async fn a_token_source_that_does_not_exist(program: Subject) {
    let folder = tempdir().unwrap();
    let missing = folder.path().join("tokens");
    let missing = missing.to_str().unwrap();
    let options = ["--token-plugin", "TokenFile", "--token-source", missing];
    match program {
        Subject::Websockify => {
            let gateway = program.gate(&options, &[]).await;
            let result = gateway.try_connect("/?token=one", &[]).await;
            assert_eq!(result.err(), Some(crate::client::Refusal::Ended));
        }
        Subject::Wsferry => {
            let exit = program.start(&[&options[..], &["127.0.0.1:0"]].concat()).exit().await;
            assert!(!exit.status.success());
            assert!(exit.stderr.contains(missing), "{}", exit.stderr);
        }
    }
}

pub(crate) async fn a_target_whose_name_is_not_known(program: Subject) {
    let target = "no-such-host.invalid:5900"; // RFC 6761 §6.4
    let gateway = program.gate(&[], &[target]).await;
    if program == Subject::Wsferry {
        gateway.program.line(&["WARN", "no-such-host.invalid"]).await;
    }
    let (code, _) = hear_close(&mut gateway.connect().await).await;
    assert_eq!(code, 1011);
}

pub(crate) async fn a_port_in_use(program: Subject) {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let exit = program.start(&[&address, "127.0.0.1:1"]).exit().await;
    match program {
        Subject::Websockify => assert_eq!(exit.status.code(), Some(0)),
        Subject::Wsferry => {
            assert_eq!(exit.status.code(), Some(1));
            assert!(exit.stderr.contains(&address), "{}", exit.stderr);
        }
    }
    assert!(exit.stderr.contains("in use"), "{}", exit.stderr);
}

pub(crate) async fn all_addresses(program: Subject) {
    let target = targets::echo().await.address().to_string();
    let port = ReservedPort::new();
    let source = port.number().to_string();
    let gateway = Gateway::listening(program.start(&[&source, &target]), port).await;
    chat(&mut gateway.connect().await).await;
    let by_ipv6 = tokio::net::TcpStream::connect(("::1", gateway.port())).await;
    assert_eq!(by_ipv6.is_ok(), program == Subject::Wsferry);

    let port = ReservedPort::on(Ipv6Addr::LOCALHOST.into());
    let source = port.number().to_string();
    let gateway = Gateway::listening(program.start(&["-6", &source, &target]), port).await;
    tokio::net::TcpStream::connect(("::1", gateway.port())).await.unwrap();
}

/// Wrong usage: status 2, and all of `named` on standard error.
async fn assert_wrong(program: Subject, words: &[&str], named: &[&str]) -> Exit {
    let exit = program.start(words).exit().await;
    assert_eq!(exit.status.code(), Some(2), "{words:?}: {}{}", exit.stdout, exit.stderr);
    for name in named {
        assert!(exit.stderr.contains(name), "{words:?}: {name:?} is not in {}", exit.stderr);
    }
    exit
}
