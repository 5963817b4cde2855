//! The limit of open files is never reached, however small it is.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;
use wsferry_gateway::net::Resolver;
use wsferry_gateway::route::DestinationSettings;
use wsferry_gateway::{Event, Events, Gateway, Given, Observer};
use wsferry_testkit::program::Program;
use wsferry_testkit::raw::{BINARY, Client, FIN, Frame, HANDSHAKE, Raw};
use wsferry_testkit::targets::{self, Unanswering};

use crate::support::{Running, config_with};

/// The limit of the gateway's process.
const LIMIT: usize = 256;
/// Addresses of the name that does not answer.
const ADDRESSES: usize = 16;

/// The limit is the whole process's, so the gateway runs in one of its own.
#[tokio::test]
async fn recorded_sessions_and_names_of_many_silent_addresses_stay_below_a_small_limit() {
    let unanswering = Unanswering::start().await;
    let echo = targets::echo().await.address().to_string();
    let mut command = Command::new("sh");
    let run = format!("ulimit -n {LIMIT} && exec \"$0\" \"$@\"");
    command.args(["-c", &run]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "descriptors::gateway", "--include-ignored", "--no-capture"]);
    command.env("SILENT", unanswering.address().to_string()).env("ECHO", &echo);
    let program = Program::spawn(command);
    let line = program.printed(&["listening on "]).await;
    let address = line.split_once("listening on ").unwrap().1.parse().unwrap();

    let silent = format!("silent.example:{}", unanswering.address().port());
    let (mut dialing, mut joined) = (Vec::new(), Vec::new());
    for number in 0.. {
        let target = if number % 2 == 0 { &silent } else { &echo };
        let mut client = Raw::connect(address).await;
        client.send(HANDSHAKE.replace("/chat", &format!("/?address={target}"))).await;
        match client.answer().await.status {
            101 if number % 2 == 0 => dialing.push(client.into_client()),
            101 => {
                let mut client = client.into_client();
                assert_echoes(&mut client).await;
                joined.push(client);
            }
            status => {
                assert_eq!(status, 503);
                break;
            }
        }
    }
    assert!(joined.len() > 15, "only {} sessions for {LIMIT} files", joined.len());
    for client in &mut joined {
        assert_echoes(client).await;
    }
    let timed_out = Frame::close(1011, "Failed to connect to downstream server: timed out");
    for client in dialing {
        assert_eq!(client.leave().await.0, std::slice::from_ref(&timed_out));
    }
    let said = program.lines().join("\n");
    assert!(said.contains("Started"), "no events: {said}");
    assert!(!said.contains("Failed") && !said.contains("os error"), "{said}");
    program.kill().await;
}

async fn assert_echoes(client: &mut Client) {
    client.send_frame(FIN | BINARY, b"hello").await;
    assert_eq!(client.payload(5).await, b"hello");
}

/// Prints what happens.
struct Print;

impl Observer for Print {
    fn observe(&self, event: &Event<'_>) {
        let _ = writeln!(std::io::stderr(), "{event:?}");
    }
}

#[tokio::test]
#[ignore = "it is run by the test above, in a process of its own"]
async fn gateway() {
    let silent: SocketAddr = std::env::var("SILENT").unwrap().parse().unwrap();
    let echo = std::env::var("ECHO").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = config_with("echo:", |config| {
        let targets = [format!("silent.example:{}", silent.port()), echo]
            .map(|target| target.parse().unwrap());
        config.route = DestinationSettings::Listed(targets.to_vec());
        config.resolver = Resolver::new(move |_| Ok(vec![silent; ADDRESSES]));
        config.record = Some(folder.path().join("session"));
        config.session.connect_timeout = Duration::from_secs(8);
    });
    let given = Given { events: Events::new(vec![Box::new(Print)]), ..Given::default() };
    let gateway = Running::of(Gateway::bind_with(config, given).await.unwrap());
    println!("listening on {}", gateway.address());
    let _ = tokio::io::stdin().read_u8().await; // until the test ends
}
