//! What a person gets who asks, or who types something wrong.

use crate::support::wsferry;

/// Wrong usage: status 2, and a sentence on standard error that names what was typed.
async fn assert_wrong(arguments: &[&str], parts: &[&str]) {
    let exit = wsferry(arguments).exit().await;
    assert_eq!(exit.status.code(), Some(2), "{arguments:?}: {}{}", exit.stdout, exit.stderr);
    assert_eq!(exit.stdout, "", "{arguments:?}");
    for part in parts {
        assert!(exit.stderr.contains(part), "{arguments:?}: {part:?} is not in {}", exit.stderr);
    }
}

async fn help(arguments: &[&str]) -> String {
    let exit = wsferry(arguments).exit().await;
    assert!(exit.status.success() && exit.stderr.is_empty(), "{arguments:?}: {}", exit.stderr);
    exit.stdout
}

#[tokio::test]
async fn a_value_that_is_not_valid_is_named_with_an_example() {
    let gate = ["127.0.0.1:0", "echo:"];
    let cases: [(&[&str], &str, &str); 19] = [
        (&["27016x", "echo:"], "\"27016x\"", "such as 27016"),
        (&["65536", "echo:"], "\"65536\"", "such as 27016"),
        (&["::1", "echo:"], "\"::1\"", "[::1]:27016"),
        (&["0", "localhost"], "\"localhost\"", "localhost:5000"),
        (&["0", "localhost:0"], "\"localhost:0\"", "localhost:5000"),
        (&["0", "tcp://localhost:5000"], "\"tcp://localhost:5000\"", "localhost:5000"),
        (&[gate[0], gate[1], "--allow-origin", "one.example"], "\"one.example\"", "https://"),
        (&[gate[0], gate[1], "--allow-origin", "http://a/b"], "\"http://a/b\"", "without a path"),
        (&[gate[0], gate[1], "--allow-host", "a.example:80"], "\"a.example:80\"", "without a port"),
        (&[gate[0], gate[1], "--heartbeat", "soon"], "\"soon\"", "seconds"),
        (&[gate[0], gate[1], "--heartbeat=-1"], "\"-1\"", "seconds"),
        (&[gate[0], gate[1], "--connect-timeout", "5s"], "\"5s\"", "seconds"),
        (&[gate[0], gate[1], "--max-connections", "0"], "\"0\"", "from 1 up"),
        (&[gate[0], gate[1], "--max-message", "0"], "\"0\"", "64KiB"),
        (&[gate[0], gate[1], "--max-message", "64kb"], "\"64kb\"", "64KiB"),
        (&[gate[0], gate[1], "--max-message", "3", "--send", "text"], "3", "give 4 or more"),
        (&[gate[0], gate[1], "--dial", "never"], "'never'", "before-accept"),
        (&["demo", "--port", "0"], "\"0\"", "from 1 to 65535"),
        (&["demo", "--target-port", "x"], "\"x\"", "from 1 to 65535"),
    ];
    for (arguments, value, example) in cases {
        assert_wrong(arguments, &[value, example]).await;
    }
}

#[tokio::test]
async fn an_ipv6_address_may_stand_without_brackets_before_its_port() {
    let program = wsferry(&["::1:0", "::1:5000"]);
    program.line(&["listening", "[::1]:"]).await;
    program.line(&["WebSocket", "TCP [::1]:5000"]).await;
}

#[tokio::test]
async fn a_target_without_a_host_is_on_this_machine() {
    wsferry(&["127.0.0.1:0", ":5901"]).line(&["WebSocket", "TCP localhost:5901"]).await;
}

#[tokio::test]
async fn a_plugin_may_be_named_by_its_python_path() {
    let source = ["--auth-source", "http://127.0.0.1:1/"];
    for class in ["websockify.auth_plugins.HttpAuth", "auth_plugins.HttpAuth", "HttpAuth"] {
        let arguments = [&["--auth-plugin", class, "127.0.0.1:0"], &source[..]].concat();
        wsferry(&arguments).line(&["WebSocket", "the target that the client names"]).await;
    }
    for class in ["websockify.token_plugins.TokenRedis", "token_plugins.TokenRedis"] {
        let arguments = ["127.0.0.1:0", "--token-plugin", class, "--token-source", "localhost:1"];
        wsferry(&arguments).line(&["WebSocket", "the target of the token"]).await;
    }
    assert_wrong(&["0", "--token-plugin", "auth_plugins.TokenRedis"], &["auth_plugins"]).await;
}

/// A script's variable that is not set must not switch TLS off.
#[tokio::test]
async fn an_option_with_an_empty_value_is_wrong() {
    for option in ["--web=", "--cert=", "--key=", "--record=", "--unix-target="] {
        let name = option.trim_end_matches('=');
        assert_wrong(&["127.0.0.1:0", "echo:", option], &[name, "a value is required"]).await;
    }
}

#[tokio::test]
async fn an_unknown_flag_is_named() {
    assert_wrong(&["127.0.0.1:0", "echo:", "--allow-orgin", "*"], &["--allow-orgin"]).await;
    assert_wrong(&["--bogus", "127.0.0.1:0", "echo:"], &["--bogus"]).await;
    assert_wrong(&["demo", "--web", "."], &["--web"]).await;
}

#[tokio::test]
async fn what_is_missing_is_named() {
    assert_wrong(&[], &["[HOST:]PORT", "TARGET:PORT"]).await;
    assert_wrong(&["27016"], &["TARGET:PORT"]).await;
    assert_wrong(&["--web", ".", "27016"], &["TARGET:PORT"]).await;
    assert_wrong(&["0", "echo:", "--web"], &["--web <DIR>"]).await;
}

#[tokio::test]
async fn what_is_too_much_is_named() {
    assert_wrong(&["127.0.0.1:0", "echo:", "more"], &["unexpected argument 'more'"]).await;
    assert_wrong(&["127.0.0.1:0", "echo:", "--run-once", "more"], &["unexpected", "'more'"]).await;
    assert_wrong(&["127.0.0.1:0", "echo:", "demo"], &["'demo'"]).await;
    assert_wrong(&["demo", "more"], &["unexpected argument 'more'"]).await;
    assert_wrong(&["127.0.0.1:0", "echo:", "--web", "a", "--web", "b"], &["--web <DIR>"]).await;
}

#[tokio::test]
async fn help_is_grouped_and_fits_a_screen_of_100_columns() {
    let text = help(&["-h"]).await;
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
    }
    assert!(text.lines().count() <= 75, "{} lines are no longer read", text.lines().count());
    let groups = ["Usage:", "Arguments:", "Options:", "Who may connect", "Log:", "Limits:"];
    let places = groups.map(|group| text.find(&format!("\n{group}")).expect(group));
    assert!(places.is_sorted(), "{text}");
    let flags = ["--web", "--verbose", "--heartbeat", "--log-file", "--run-once", "--version"];
    for word in flags.iter().chain(&["--allow-origin", "--allow-host", "wsferry demo", "echo:"]) {
        assert!(text.contains(word), "{word} is not in {text}");
    }
}

#[tokio::test]
async fn the_long_help_has_every_option_of_websockify() {
    let text = help(&["--help"]).await;
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(text.lines().count() <= 145, "{} lines are no longer read", text.lines().count());
    for option in [
        "verbose",
        "traffic",
        "record",
        "daemon",
        "run-once",
        "timeout",
        "idle-timeout",
        "cert",
        "key",
        "key-password",
        "ssl-only",
        "ssl-target",
        "verify-client",
        "cafile",
        "ssl-version",
        "ssl-ciphers",
        "unix-listen",
        "unix-listen-mode",
        "unix-target",
        "inetd",
        "web",
        "web-auth",
        "file-only",
        "wrap-mode",
        "prefer-ipv6",
        "libserver",
        "target-config",
        "token-plugin",
        "token-source",
        "host-token",
        "auth-plugin",
        "auth-source",
        "heartbeat",
        "log-file",
        "syslog",
        "legacy-syslog",
    ] {
        assert!(text.contains(&format!("--{option}")), "--{option} is not in {text}");
    }
    assert!(help(&["websockify", "--help"]).await.contains("Usage: websockify [options]"));
}

#[tokio::test]
async fn the_demo_has_its_own_help() {
    let text = help(&["demo", "--help"]).await;
    for word in ["--port", "--target-port", "27016", "5000"] {
        assert!(text.contains(word), "{word} is not in {text}");
    }
    assert!(!text.contains("--allow-origin"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[tokio::test]
async fn version_is_one_line() {
    for flag in ["--version", "-V"] {
        assert_eq!(help(&[flag]).await, concat!("wsferry ", env!("CARGO_PKG_VERSION"), "\n"));
    }
}

/// Options whose wrong use is told before a plug-in is looked for, a file opened or a port bound.
#[tokio::test]
async fn options_that_need_another_one_are_told_with_it() {
    let cases: [(&[&str], &str, &str); 10] = [
        (&["--token-source", "x", "0"], "--token-source", "--token-plugin"),
        (&["--host-token", "0", "echo:"], "--host-token", "--token-plugin"),
        (&["--auth-source", "x", "0", "echo:"], "--auth-source", "--auth-plugin"),
        (&["--web-auth", "--auth-plugin", "X", "0", "echo:"], "--web-auth", "--web"),
        (&["--web-auth", "--web", ".", "0", "echo:"], "--web-auth", "--auth-plugin"),
        (&["--web-listing", "0", "echo:"], "--web-listing", "--web"),
        (&["--cafile", "x", "0", "echo:"], "--cafile", "--verify-client"),
        (&["--ssl-target-cafile", "x", "0", "a:1"], "--ssl-target-cafile", "--ssl-target"),
        (&["--ssl-target-insecure", "0", "a:1"], "--ssl-target-insecure", "--ssl-target"),
        (&["--legacy-syslog", "0", "echo:"], "--legacy-syslog", "--syslog"),
    ];
    for (arguments, option, other) in cases {
        let sentence = format!("{option} has no effect without {other}: give both, or neither");
        assert_wrong(arguments, &[&sentence]).await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn options_that_exclude_each_other_are_told_together() {
    let cases: [(&[&str], &str, &str); 6] = [
        (&["--inetd", "--unix-listen", "x", "echo:"], "--inetd", "--unix-listen"),
        (
            &["--target-config", "x", "--token-plugin", "X", "0"],
            "--target-config",
            "--token-plugin",
        ),
        (
            &["--web-listing", "--file-only", "--web", ".", "0", "echo:"],
            "--web-listing",
            "--file-only",
        ),
        (
            &["--ssl-target", "--ssl-target-cafile", "x", "--ssl-target-insecure", "0", "a:1"],
            "--ssl-target-cafile",
            "--ssl-target-insecure",
        ),
        (&["--inetd", "-D", "echo:"], "--inetd", "--daemon"),
        (&["--inetd", "--", "true"], "--inetd", "-- PROGRAM"),
    ];
    for (arguments, option, other) in cases {
        let sentence = format!("{option} and {other} exclude each other: give one of them");
        assert_wrong(arguments, &[&sentence]).await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn there_is_one_place_to_listen_and_one_target() {
    let few = "too few arguments";
    let cases: [(&[&str], &[&str]); 14] = [
        (&["--run-once"], &[few, "a port to listen on"]),
        (&["--unix-target", "x"], &[few, "a port to listen on"]),
        (&["--inetd"], &[few, "give a target"]),
        (&["--unix-listen", "x"], &[few, "give a target"]),
        (&["--inetd", "0", "echo:"], &["\"0\" is not"]),
        (&["--unix-listen", "x", "echo:", "more"], &["unexpected argument 'more'"]),
        (&["--unix-target", "x", "0", "echo:"], &["unexpected argument 'echo:'"]),
        (&["--allow-address", "a:1", "0", "echo:"], &["unexpected argument 'echo:'"]),
        (
            &["--unix-target", "x", "--allow-address", "a:1", "0"],
            &["--unix-target and --allow-address both say where sessions lead"],
        ),
        (
            &["--unix-target", "x", "--allow-address", "a:1", "27016", "--", "true"],
            &["--unix-target and --allow-address both say where sessions lead"],
        ),
        (&["--unix-listen", "x", "0", "--", "true"], &["-- PROGRAM needs the port"]),
        (&["--unix-target", "x", "0", "a:1", "--", "true"], &["unexpected argument 'a:1'"]),
        (&["0", "--", "true"], &["-- PROGRAM needs the port", "in place of 0"]),
        (&["0", "echo:", "--", "true"], &["-- PROGRAM"]),
    ];
    for (arguments, parts) in cases {
        assert_wrong(arguments, parts).await;
    }
}

#[tokio::test]
async fn values_of_the_options_of_the_process_are_named_with_an_example() {
    let gate = ["0", "echo:"];
    let cases: [(&[&str], &[&str]); 7] = [
        (&["--unix-listen-mode", "rw"], &["\"rw\"", "such as 0660"]),
        (&["--unix-listen-mode", "0999"], &["\"0999\"", "such as 0660"]),
        (&["--unix-listen-mode", "4755"], &["\"4755\"", "such as 0660"]),
        (&["--timeout", "soon"], &["\"soon\"", "seconds"]),
        (&["--idle-timeout=-1"], &["\"-1\"", "seconds"]),
        (&["--syslog", "localhost"], &["\"localhost\"", "/dev/log", "localhost:514"]),
        (&["--syslog", "localhost:0"], &["\"localhost:0\"", "localhost:514"]),
    ];
    for (arguments, parts) in cases {
        assert_wrong(&[&gate[..], arguments].concat(), parts).await;
    }
}

#[tokio::test]
async fn tls_without_a_certificate_is_told_with_the_option_that_names_one() {
    let gate = ["127.0.0.1:0", "echo:"];
    for option in [&["--ssl-only"][..], &["--key", "x"], &["--verify-client"]] {
        assert_wrong(&[&gate[..], option].concat(), &["--cert"]).await;
    }
    let wrong_version = ["--ssl-version", "tlsv1_1"];
    assert_wrong(&[&gate[..], &wrong_version].concat(), &["tlsv1_1", "tlsv1_2"]).await;
}
