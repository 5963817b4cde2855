//! Options from the environment, for command lines that nobody can edit.

use tokio::process::Command;
use wsferry_testkit::program::{Exit, Program};

use crate::support::{get, site, spell, try_connect};

fn wsferry_with(variables: &[(&str, &str)], arguments: &[&str]) -> Program {
    let mut program = Command::new(env!("CARGO_BIN_EXE_wsferry"));
    program.args(arguments).envs(variables.iter().copied());
    Program::spawn(program)
}

async fn wrong(variables: &[(&str, &str)], arguments: &[&str]) -> Exit {
    let exit = wsferry_with(variables, arguments).exit().await;
    assert_eq!(exit.status.code(), Some(2), "{variables:?} {arguments:?}: {}", exit.stderr);
    exit
}

#[tokio::test]
async fn the_environment_serves_command_lines_that_nobody_can_edit() {
    let site = site("from the environment");
    let variables = [
        ("WSFERRY_WEB", spell(site.path())),
        ("WSFERRY_ALLOW_ORIGIN", "https://one.example,https://two.example"),
    ];
    for called in [&["127.0.0.1:0", "echo:"][..], &["websockify", "127.0.0.1:0", "echo:"]] {
        let program = wsferry_with(&variables, called);
        let port = program.port().await;
        assert!(get(port, "/").await.ends_with("from the environment"), "{called:?}");
        for (origin, is_let_in) in [
            ("https://one.example", true),
            ("https://two.example", true),
            ("https://x.example", false),
        ] {
            let result = try_connect(port, Some(origin)).await;
            assert_eq!(result.is_ok(), is_let_in, "{called:?} {origin}");
        }
    }
}

#[tokio::test]
async fn a_flag_goes_before_the_environment() {
    let (one, other) = (site("the flag"), site("the variable"));
    let variables = [("WSFERRY_WEB", spell(other.path())), ("WSFERRY_UNIX_TARGET", "/x")];
    let program = wsferry_with(&variables, &["127.0.0.1:0", "echo:", "--web", spell(one.path())]);
    program.line(&["WebSocket", "echo"]).await;
    assert!(get(program.port().await, "/").await.ends_with("the flag"));
}

#[tokio::test]
async fn what_is_wrong_with_a_variable_is_told_by_its_name() {
    let gate = ["127.0.0.1:0", "echo:"];
    for (name, value, expected) in [
        ("WSFERRY_HEARTBEAT", "soon", "seconds"),
        ("WSFERRY_VERBOSE", "maybe", "true or false"),
        ("WSFERRY_DIAL", "never", "before-accept"),
        ("WSFERRY_ALLOW_HOST", "a.example:80", "without a port"),
        ("WSFERRY_WEB_AUTH", "1", "--web-auth has no effect without"),
        ("WSFERRY_AUTH_PLUGIN", "Nothing", "BasicHTTPAuth"),
    ] {
        let exit = wrong(&[(name, value)], &gate).await;
        assert!(exit.stderr.contains(name), "{name}: {}", exit.stderr);
        assert!(exit.stderr.contains(expected), "{name}: {}", exit.stderr);
    }
}

/// Kubernetes gives them to every pod beside a Service named `wsferry`.
#[tokio::test]
async fn variables_that_are_no_options_are_left_alone() {
    let variables = [
        ("WSFERRY_PORT", "tcp://10.0.0.7:27016"),
        ("WSFERRY_PORT_27016_TCP", "tcp://10.0.0.7:27016"),
        ("WSFERRY_PORT_27016_TCP_ADDR", "10.0.0.7"),
        ("WSFERRY_SERVICE_HOST", "10.0.0.7"),
        ("WSFERRY_SERVICE_PORT", "27016"),
        ("WSFERRY_SERVICE_PORT_HTTP", "27016"),
        ("WSFERRY_WEB", ""), // an empty one is none
    ];
    let program = wsferry_with(&variables, &["127.0.0.1:0", "echo:"]);
    program.port().await;
    let exit = wsferry_with(&variables, &["demo", "--help"]).exit().await;
    assert!(exit.status.success(), "{}", exit.stderr);
}

#[tokio::test]
async fn help_shows_no_value_of_the_environment() {
    let variables = [("WSFERRY_AUTH_SOURCE", "ann:secret"), ("WSFERRY_KEY_PASSWORD", "secret")];
    let exit = wsferry_with(&variables, &["--help"]).exit().await;
    assert!(exit.status.success() && exit.stdout.contains("WSFERRY_"), "{}", exit.stdout);
    assert!(!exit.stdout.contains("secret"), "{}", exit.stdout);
}
