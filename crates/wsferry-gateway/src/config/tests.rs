//! What a file says, and what follows from it.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::gateway::{Listen, Settings};
use crate::route::DestinationSettings;

fn around() -> Surroundings {
    Surroundings { folder: "/etc/wsferry".into(), ..Surroundings::default() }
}

fn read(text: &str) -> Result<Config, String> {
    toml::from_str(text).map_err(|error| error.to_string())
}

fn settings(text: &str) -> Result<Settings, String> {
    let settings = read(text)?.settings(&around(), Spelling::Keys);
    settings.map_err(|error| error.to_string())
}

/// All keys that there are.
const EVERYTHING: &str = r#"
    [limits]
    heartbeat = "20s"
    connect-timeout = "500ms"
    header-timeout = 7
    max-head-size = "32KiB"
    close-timeout = "1m"
    linger = 0.5
    write-timeout = "off"
    drain-timeout = "1h"
    max-connections = 20000
    max-handshakes = 100
    auth-failures-per-source = "off"
    file-min-rate = "8KiB"
    run-once = false
    timeout = 0
    idle-timeout = "5m"

    [[listener]]
    address = ["0.0.0.0:443", "[::]:443"]
    unix-listen = "run/ws.sock"
    unix-listen-mode = "0660"
    cert = "tls/fullchain.pem"
    key = "/keys/privkey.pem"
    key-password = "secret"
    ssl-only = true
    verify-client = true
    cafile = "tls/ca.pem"
    ssl-version = "tlsv1_3"
    allow-host = ["play.example.com", "*"]
    routes = ["game"]

    [[route]]
    name = "game"
    host = ["play.example.com", "*.example.org"]
    path = "/game"
    target = "localhost:5000"
    ssl-target = true
    ssl-target-cafile = "tls/targets.pem"
    dial = "before-accept"
    auth-plugin = "BasicHTTPAuth"
    auth-source = "anna:secret"
    allow-origin = "https://example.com"
    require-origin = true
    web = "public"
    web-auth = true
    web-listing = true
    header = ["Cache-Control: no-cache"]
    cross-origin-isolated = true
    send = "text"
    refuse-text = true
    max-message = "1MiB"
    subprotocol = ["text.ircv3.net"]
    no-splice = true

    [[route]]
    path = "/vnc"
    token-plugin = "TokenFile"
    token-source = "vnc.tokens"
    host-token = true

    [[route]]
    path = "/any"
    allow-address = ["a:1", "b:2"]
"#;

#[test]
fn every_key_is_read_and_paths_are_those_of_the_files_folder() {
    let settings = settings(EVERYTHING).unwrap();
    let limits = &settings.limits;
    assert_eq!(limits.header_timeout, Duration::from_secs(7));
    assert_eq!((limits.write_timeout, limits.failures_per_source), (None, None));
    assert_eq!((limits.timeout, limits.idle_timeout), (None, Some(Duration::from_secs(300))));
    assert_eq!(limits.file_min_rate.map(u64::from), Some(8192));
    assert_eq!((limits.max_connections, limits.max_handshakes), (Some(20_000), 100));

    assert_eq!(settings.listeners.len(), 3, "one for each address");
    for listener in &settings.listeners {
        let tls = listener.tls.as_ref().unwrap();
        assert_eq!(tls.cert, Path::new("/etc/wsferry/tls/fullchain.pem"));
        assert_eq!(tls.key.as_deref(), Some(Path::new("/keys/privkey.pem")));
        assert!(listener.tls_only && tls.clients.is_some());
        assert_eq!((listener.heads.max_size, listener.allow_host.len()), (32 << 10, 2));
        assert_eq!(listener.routes.as_deref(), Some(&["game".to_owned()][..]));
    }
    let socket = &settings.listeners[2].listen;
    let expected = Listen::Unix { path: "/etc/wsferry/run/ws.sock".into(), mode: 0o660 };
    assert_eq!(socket, &expected);

    let names: Vec<_> = settings.routes.iter().map(|route| &*route.name).collect();
    assert_eq!(names, ["game", "route-2", "route-3"]);
    let game = &settings.routes[0];
    assert_eq!(game.matches.hosts.len(), 2);
    assert!(game.target_tls.is_some() && game.auth_plugin.is_some() && game.web.is_some());
    assert_eq!(game.headers.len(), 3);
    let relay = &game.session.relay;
    assert_eq!((relay.linger, relay.max_message), (Duration::from_millis(500), 1 << 20));
    assert_eq!(relay.keep_alive.unwrap().interval, Duration::from_secs(20));
    assert!(!relay.splice && !relay.accept_text);
    assert!(matches!(&settings.routes[1].destination, DestinationSettings::Token { .. }));
    assert!(
        matches!(&settings.routes[2].destination, DestinationSettings::Listed(two) if two.len() == 2)
    );
}

#[test]
fn what_is_left_out_is_as_on_a_command_line_without_options() {
    let text = "[[listener]]\naddress = 27016\n[[route]]\ntarget = 'localhost:5000'\n";
    let (file, plain) = (
        settings(text).unwrap(),
        plain(
            "27016".parse::<ListenAddress>().unwrap(),
            "localhost:5000".parse::<crate::Address>().unwrap(),
        ),
    );
    let shown = |settings: &Settings| {
        format!("{:?}{:?}{:?}", settings.listeners, settings.routes, settings.limits)
    };
    assert_eq!(shown(&file), shown(&plain));
}

#[test]
fn a_key_that_there_is_not_is_refused_by_its_name() {
    for text in [
        "[limit]",
        "[limits]\nmax-conections = 1",
        "[[listener]]\ncertificate = 'x'",
        "[[route]]\ninetd = true",
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains("unknown field"), "{error}");
    }
}

#[test]
fn a_value_that_is_no_good_is_told_with_what_was_expected() {
    for (text, expected) in [
        ("[limits]\nlinger = 'soon'", "\"soon\" is not a duration"),
        ("[limits]\nheartbeat = -1", "\"-1\" is not a duration"),
        ("[limits]\nmax-handshakes = 0", "\"0\" is not a count"),
        ("[limits]\nfile-min-rate = 'fast'", "\"fast\" is not bytes a second"),
        ("[[listener]]\naddress = ['x']", "\"x\" is not an address to listen on"),
        ("[[listener]]\nunix-listen-mode = '9'", "\"9\" is not the rights of a file"),
        ("[[listener]]\nssl-version = 'tlsv1'", "tlsv1_2 or tlsv1_3"),
        ("[[route]]\nallow-origin = ['example.com']", "\"example.com\" is not an origin"),
        ("[[route]]\ndial = 'now'", "\"now\" is not when to dial"),
        ("[[route]]\nsend = 'bytes'", "\"bytes\" is not a type of messages"),
        ("[[route]]\nmax-message = 0", "\"0\" is not a size of messages"),
        ("[[route]]\nheader = ['Connection: x']", "is not a header field that can be set"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn keys_that_need_or_exclude_others_are_told_with_them() {
    let route = |keys: &str| settings(&format!("[[route]]\ntarget = 'echo:'\n{keys}"));
    for (keys, name, other) in [
        ("token-source = 'x'", "token-source", "token-plugin"),
        ("host-token = true", "host-token", "token-plugin"),
        ("auth-source = 'x'", "auth-source", "auth-plugin"),
        ("web-auth = true\nauth-plugin = 'HttpAuth'", "web-auth", "web"),
        ("web-auth = true\nweb = 'x'", "web-auth", "auth-plugin"),
        ("web-listing = true", "web-listing", "web"),
        ("header = ['A: b']", "header", "web"),
        ("cross-origin-isolated = true", "cross-origin-isolated", "web"),
        ("ssl-target-cafile = 'x'", "ssl-target-cafile", "ssl-target"),
        ("ssl-target-insecure = true", "ssl-target-insecure", "ssl-target"),
        ("auth-header = ['X-Key']", "auth-header", "auth-plugin HttpAuth"),
    ] {
        let expected = format!("{name} has no effect without {other}: give both, or neither");
        assert_eq!(route(keys).unwrap_err(), expected, "{keys}");
    }
    let both = "ssl-target = true\nssl-target-cafile = 'x'\nssl-target-insecure = true";
    let expected = "ssl-target-cafile and ssl-target-insecure exclude each other";
    assert!(route(both).unwrap_err().starts_with(expected));
    let error = route("allow-address = ['a:1']").unwrap_err();
    assert!(error.starts_with("target and allow-address both say where sessions lead"), "{error}");
    assert!(route("max-message = 3").unwrap_err().contains("give 4 or more"));
    assert!(settings("[[route]]").unwrap_err().contains("a route leads nowhere"));
    let listener = |keys: &str| settings(&format!("[[listener]]\n{keys}"));
    let error = listener("cafile = 'x'").unwrap_err();
    assert_eq!(error, "cafile has no effect without verify-client: give both, or neither");
    for name in ["ssl-only = true", "verify-client = true", "key = 'x'"] {
        assert!(listener(name).unwrap_err().contains("needs a certificate"), "{name}");
    }
}

#[test]
fn a_secret_is_not_shown() {
    let config = read("[[route]]\nauth-source = 'anna:hunter2'\ntoken-source = 'hunter2'\n[[listener]]\nkey-password = 'hunter2'").unwrap();
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_program_is_moved_from_the_port_of_the_gateway_or_from_its_own() {
    let reached = |keys: &str| {
        let text = format!(
            "[[listener]]\naddress = '27016'\n[[route]]\nprogram = ['./server', '-v']\n{keys}"
        );
        match settings(&text).unwrap().routes.remove(0).destination {
            DestinationSettings::Wrapped { program, reached } => {
                assert_eq!(
                    (program.program.to_str(), program.arguments.len()),
                    (Some("./server"), 1)
                );
                format!("{reached:?}")
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(reached(""), "Moved(Is(27016))");
    assert_eq!(reached("program-port = 5000"), "Moved(Is(5000))");
    assert!(reached("target = 'localhost:5000'").starts_with("At(Fixed("));
}
