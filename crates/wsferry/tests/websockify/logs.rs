//! Where lines about sessions go: `--log-file`, `--verbose`, `--syslog`.

use std::fs;

use tempfile::tempdir;
use tokio::net::{UdpSocket, UnixDatagram};
use wsferry_testkit::patience::soon;
use wsferry_testkit::targets;

use crate::client::{chat, leave};
use crate::subject::{Gateway, Subject};
use crate::web::{path, site};

same! {
    a_log_file_gets_the_sessions_and_is_appended_to
    verbose_says_more
    syslog_on_a_local_socket_speaks_rfc_5424
    syslog_over_udp_speaks_rfc_5424
    legacy_syslog_speaks_the_old_form
}

async fn a_log_file_gets_the_sessions_and_is_appended_to(program: Subject) {
    let folder = tempdir().unwrap();
    let file = folder.path().join("gateway.log");
    fs::write(&file, "what was there\n").unwrap();
    let target = targets::echo().await;
    let options = ["--run-once", "--log-file", file.to_str().unwrap()];
    have_a_session(program.gate_to(target.address(), &options).await).await;
    let log = fs::read_to_string(&file).unwrap();
    assert!(log.starts_with("what was there\n"), "{log}");
    assert!(log.contains("127.0.0.1"), "{log}");
    assert!(log.lines().count() > 1, "{log}");
}

async fn verbose_says_more(program: Subject) {
    let (target, site) = (targets::echo().await, site());
    let mut lengths = Vec::new();
    for options in [&["--run-once"][..], &["--run-once", "-v"]] {
        let options = [&["--web", path(&site)], options].concat();
        let gateway = program.gate_to(target.address(), &options).await;
        assert_eq!(gateway.load("/").await.status, 200);
        lengths.push(have_a_session(gateway).await.lines().count());
    }
    assert!(lengths[0] < lengths[1], "{lengths:?} lines");
}

async fn syslog_on_a_local_socket_speaks_rfc_5424(program: Subject) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("log.sock");
    let daemon = UnixDatagram::bind(&path).unwrap();
    let target = targets::echo().await;
    let options = ["--run-once", "--syslog", path.to_str().unwrap()];
    let gateway = program.gate_to(target.address(), &options).await;
    have_a_session(gateway).await;
    let mut room = vec![0; 65536];
    let mut lines = Vec::new();
    while let Ok(length) = daemon.try_recv(&mut room) {
        lines.push(String::from_utf8_lossy(&room[..length]).into_owned());
    }
    lines.iter().for_each(|line| assert_rfc_5424(line));
    assert!(lines.iter().any(|line| line.contains("127.0.0.1")), "{lines:#?}");
}

async fn syslog_over_udp_speaks_rfc_5424(program: Subject) {
    let daemon = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let server = daemon.local_addr().unwrap().to_string();
    let target = targets::echo().await;
    let options = ["--run-once", "--syslog", &server];
    have_a_session(program.gate_to(target.address(), &options).await).await;
    assert_rfc_5424(&first_line(&daemon).await);
}

async fn legacy_syslog_speaks_the_old_form(program: Subject) {
    let daemon = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let server = daemon.local_addr().unwrap().to_string();
    let target = targets::echo().await;
    let options = ["--run-once", "--syslog", &server, "--legacy-syslog"];
    have_a_session(program.gate_to(target.address(), &options).await).await;
    // <PRI>websockify[PID]: text
    let line = first_line(&daemon).await;
    let (priority, rest) = priority(&line);
    assert_eq!(priority / 8, 1, "the facility is user: {line}");
    let (tag, text) = rest.split_once(": ").unwrap_or_else(|| panic!("no tag in {line}"));
    let process = tag.strip_suffix(']').and_then(|tag| tag.rsplit_once('[')).map(|(_, id)| id);
    assert!(process.is_some_and(|id| id.parse::<u32>().is_ok()), "{line}");
    assert!(!text.is_empty(), "{line}");
}

/// `<PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID SD MSG`
fn assert_rfc_5424(line: &str) {
    let (priority, rest) = priority(line);
    assert_eq!(priority / 8, 1, "the facility is user: {line}");
    let fields: Vec<_> = rest.splitn(8, ' ').collect();
    let &[version, time, host, name, process, _, _, text] = &fields[..] else {
        panic!("too few fields in {line}");
    };
    assert_eq!(version, "1", "{line}");
    assert!(time.contains('T') && time.len() >= "2026-01-02T03:04:05Z".len(), "{line}");
    assert!(!host.is_empty() && !name.is_empty() && !text.is_empty(), "{line}");
    assert!(process.parse::<u32>().is_ok(), "{line}");
}

fn priority(line: &str) -> (u32, &str) {
    let parts = line.strip_prefix('<').and_then(|line| line.split_once('>'));
    let parts = parts.and_then(|(priority, rest)| Some((priority.parse().ok()?, rest)));
    parts.unwrap_or_else(|| panic!("no priority in {line:?}"))
}

async fn first_line(daemon: &UdpSocket) -> String {
    let mut room = vec![0; 65536];
    let length = soon(daemon.recv(&mut room)).await.unwrap();
    String::from_utf8_lossy(&room[..length]).into_owned()
}

/// One session, and what the program said on standard error.
async fn have_a_session(gateway: Gateway) -> String {
    let mut client = gateway.connect().await;
    chat(&mut client).await;
    leave(client).await;
    gateway.program.exit().await.stderr
}
