//! MQTT.js in Node.js, in front of a real mosquitto that speaks plain MQTT only.

use std::fs;
use std::time::Duration;

use tokio::process::Command;
use wsferry_testkit::clients::node;
use wsferry_testkit::program::{Program, ReservedPort};

use crate::support::{room, wsferry};

#[tokio::test]
async fn mqtt_js_subscribes_publishes_and_receives() {
    let folder = room();
    let port = ReservedPort::new();
    let settings = folder.path().join("mosquitto.conf");
    let listener = format!("listener {} 127.0.0.1\nallow_anonymous true\n", port.number());
    // As root it becomes another user, which has no place here.
    fs::write(&settings, listener + "user root\nlog_dest stderr\n").unwrap();
    let mut mosquitto = Command::new(find_mosquitto());
    mosquitto.arg("-c").arg(&settings);
    let mosquitto = Program::spawn(mosquitto);
    mosquitto.line(&[" running"]).await;

    let target = format!("127.0.0.1:{}", port.number());
    let (_program, port) = wsferry(&["127.0.0.1:0", &target]).await;
    let mut client = node("mqtt.mjs");
    client.arg(format!("ws://127.0.0.1:{port}/"));
    let exit = Program::spawn(client).exit_within(Duration::from_secs(90)).await;
    assert!(exit.status.success(), "{}{}", exit.stdout, exit.stderr);
    assert!(exit.stdout.starts_with("ok mqtt "), "{}", exit.stdout);
}

/// Debian has it where only root's PATH leads.
fn find_mosquitto() -> &'static str {
    let usual = "/usr/sbin/mosquitto";
    if fs::exists(usual).unwrap_or_default() { usual } else { "mosquitto" }
}
