//! The shim, preloaded into programs that do not know of it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test that cannot go on fails

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::process::Command;

use tokio::net::TcpSocket;
use wsferry_testkit::cpp::binding_program;
use wsferry_testkit::program::{Program, ReservedPort, Signal};
use wsferry_testkit::shim;

/// Binds `sockets` (kind, host, port) in a program with these ports in its environment: a line each.
fn bound(ports: [&str; 2], sockets: &[(&str, &str, u16)]) -> Vec<String> {
    let mut command = Command::new(binding_program());
    for (kind, host, port) in sockets {
        command.args([kind, host, &*port.to_string()]);
    }
    for (name, value) in ["REBIND_OLD_PORT", "REBIND_NEW_PORT"].iter().zip(ports) {
        if !value.is_empty() {
            command.env(name, value);
        }
    }
    let output = command.env("LD_PRELOAD", shim::preload(shim::path())).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success(), "{}", output.status);
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Two ports that nobody else gets, and their numbers as text.
struct Ports {
    _reserved: [ReservedPort; 2],
    old: u16,
    new: u16,
}

impl Ports {
    fn new() -> Self {
        let reserved = [ReservedPort::new(), ReservedPort::new()];
        let [old, new] = [0, 1].map(|index: usize| reserved[index].number());
        Self { _reserved: reserved, old, new }
    }

    fn bound(&self, sockets: &[(&str, &str, u16)]) -> Vec<String> {
        bound([&self.old.to_string(), &self.new.to_string()], sockets)
    }
}

#[test]
fn a_tcp_socket_that_asks_for_the_old_port_gets_the_new_one_on_the_loopback() {
    let ports = Ports::new();
    let Ports { old, new, .. } = ports;
    for (kind, host, given) in [
        ("tcp4", "0.0.0.0", "127.0.0.1"),
        ("tcp4", "127.0.0.1", "127.0.0.1"),
        ("tcp4", "192.0.2.7", "127.0.0.1"), // not an address of this machine
        ("tcp6", "::", "::ffff:127.0.0.1"),
        ("tcp6", "::1", "::ffff:127.0.0.1"),
        ("tcp6", "::ffff:0.0.0.0", "::ffff:127.0.0.1"),
        ("tcp6short", "::", "::ffff:127.0.0.1"),
        ("tcp6only", "::", "::1"),
    ] {
        assert_eq!(ports.bound(&[(kind, host, old)]), [format!("{given} {new}")], "{kind} {host}");
    }
}

#[test]
fn a_program_with_a_socket_for_each_family_gets_both() {
    let ports = Ports::new();
    let Ports { old, new, .. } = ports;
    let both = ports.bound(&[("tcp6only", "::", old), ("tcp4", "0.0.0.0", old)]);
    assert_eq!(both, [format!("::1 {new}"), format!("127.0.0.1 {new}")]);
}

#[test]
fn other_ports_udp_and_unix_sockets_are_left_alone() {
    let ports = Ports::new();
    let other = ReservedPort::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sock");
    let path = path.to_str().unwrap();
    let Ports { old, .. } = ports;
    let lines = ports.bound(&[
        ("tcp4", "0.0.0.0", other.number()),
        ("tcp6only", "::", other.number()),
        ("udp4", "0.0.0.0", old),
        ("udp6", "::1", old),
        ("unix", path, 0),
    ]);
    let other = other.number();
    let expected = [
        format!("0.0.0.0 {other}"),
        format!(":: {other}"),
        format!("0.0.0.0 {old}"),
        format!("::1 {old}"),
        path.to_owned(),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn without_two_ports_in_the_environment_nothing_is_changed() {
    let Ports { _reserved, old, new } = Ports::new();
    let (old_text, new_text) = (old.to_string(), new.to_string());
    for ports in [["", ""], ["", &new_text], [&old_text, ""], [&old_text, "0"], [&old_text, "x"]] {
        let lines = bound(ports, &[("tcp4", "127.0.0.1", old)]);
        assert_eq!(lines, [format!("127.0.0.1 {old}")], "{ports:?}");
    }
}

#[test]
fn with_first_in_place_of_a_port_it_is_the_first_port_that_is_moved() {
    let Ports { _reserved, old, new } = Ports::new();
    let other = ReservedPort::new();
    let sockets = [
        ("tcp4", "127.0.0.1", 0),
        ("tcp6only", "::", old),
        ("tcp4", "127.0.0.1", other.number()),
        ("tcp4", "0.0.0.0", old),
    ];
    let lines = bound(["first", &new.to_string()], &sockets);
    assert!(lines[0].starts_with("127.0.0.1 "), "{lines:?}");
    let expected =
        [format!("::1 {new}"), format!("127.0.0.1 {}", other.number()), format!("127.0.0.1 {new}")];
    assert_eq!(lines[1..], expected);
}

#[test]
fn an_error_arrives_as_the_system_tells_it() {
    const EFAULT: u32 = 14;
    const EBADF: u32 = 9;
    const EADDRINUSE: u32 = 98;
    let Ports { _reserved, old, .. } = Ports::new();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken = taken.local_addr().unwrap().port().to_string();
    let sockets = [("tcp4", "0.0.0.0", old), ("closed", "0.0.0.0", old), ("none", "0.0.0.0", old)];
    let lines = bound([&old.to_string(), &taken], &sockets);
    assert_eq!(lines, [EADDRINUSE, EBADF, EFAULT].map(|number| format!("error {number}")));
}

/// A port that is kept as the gateway does: bound on 127.0.0.1, mapped and not, and on `::1`.
fn kept() -> ([TcpSocket; 3], u16) {
    let keep = |host: IpAddr, port| {
        let socket =
            if host.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.unwrap();
        socket.set_reuseport(true).unwrap();
        socket.bind((host, port).into()).map(|()| socket)
    };
    loop {
        let v4 = keep(Ipv4Addr::LOCALHOST.into(), 0).unwrap();
        let port = v4.local_addr().unwrap().port();
        let mapped = keep(Ipv4Addr::LOCALHOST.to_ipv6_mapped().into(), port).unwrap();
        if let Ok(v6) = keep(Ipv6Addr::LOCALHOST.into(), port) {
            return ([v4, mapped, v6], port);
        } // somebody else's for IPv6: another one
    }
}

#[tokio::test]
async fn a_port_that_is_kept_is_given_until_another_socket_listens_there() {
    const IN_USE: &str = "error 98"; // EADDRINUSE
    let reserved = ReservedPort::new();
    for (listening, in_use) in [
        (None, [false, false, false]),
        (Some(0), [true, true, false]),
        (Some(1), [true, true, false]),
        (Some(2), [false, false, true]),
    ] {
        let (sockets, new) = kept();
        let mut sockets = sockets.map(Some);
        let _listener = listening.map(|at: usize| sockets[at].take().unwrap().listen(1).unwrap());
        let old = reserved.number();
        for ((kind, given), is_in_use) in
            [("tcp4", "127.0.0.1"), ("tcp6", "::ffff:127.0.0.1"), ("tcp6only", "::1")]
                .into_iter()
                .zip(in_use)
        {
            let host = if kind == "tcp4" { "0.0.0.0" } else { "::" };
            let lines = bound([&old.to_string(), &new.to_string()], &[(kind, host, old)]);
            let expected = if is_in_use { IN_USE.to_owned() } else { format!("{given} {new}") };
            assert_eq!(lines, [expected], "{kind} {listening:?}");
        }
    }
}

/// Starts a shell with the shim for its children; `$SHIM` is what they preload.
fn shell(script: &str) -> Program {
    let mut command = tokio::process::Command::new("sh");
    command.args(["-c", script]).env("SHIM", shim::preload(shim::path()));
    Program::spawn(command)
}

#[tokio::test]
async fn a_program_ends_with_the_gateway_that_is_killed() {
    // The shell is the gateway.
    let script = "REBIND_PARENT=$$ LD_PRELOAD=$SHIM sh -c 'echo loaded; exec sleep 1000' & wait";
    let gateway = shell(script);
    gateway.printed(&["loaded"]).await;
    gateway.signal(Signal::Kill).await;
    gateway.exit().await; // all who hold its standard output have ended
}

#[tokio::test]
async fn what_a_program_starts_does_not_end_with_the_program() {
    let script = r#"
        exec 3<&0
        REBIND_PARENT=$$ LD_PRELOAD=$SHIM sh -c '
            sh -c "echo ready; while kill -0 $$ 2>/dev/null; do sleep 0.01; done; echo here" &
            read line <&3
            kill -9 $$' &
        wait $!
        wait"#;
    let mut gateway = shell(script);
    gateway.printed(&["ready"]).await;
    gateway.type_line("die").await;
    gateway.printed(&["here"]).await;
}
