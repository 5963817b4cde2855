//! What a token costs a session that begins.

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::gateway::Gateway;
use crate::traffic::{connect_at, listener};

/// The lines of the token file.
const LINES: u64 = 100_000;

/// Starts sessions one after the other, and ends them when the target has seen them: CPU seconds of
/// the gateway for each. `target` gives the request target of a number.
async fn start_sessions(
    gateway: &Gateway,
    listener: &TcpListener,
    sessions: u64,
    target: impl Fn(u64) -> String,
) -> f64 {
    let before = gateway.cpu_of_threads();
    for number in 0..sessions {
        let client = connect_at(gateway.address, 1, &target(number)).await;
        let (mut server, _) = listener.accept().await.unwrap();
        drop(client);
        let _ = server.read_u8().await; // until the session is over
    }
    (gateway.cpu_of_threads() - before) / sessions as f64
}

pub(crate) async fn tokens(sessions: u64) {
    let (listener, address) = listener().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    let lines: String = (0..LINES).map(|number| format!("token-{number}: {address}\n")).collect();
    std::fs::write(&file, lines).unwrap();
    let without = Gateway::start(&address);
    let source = ["--token-plugin", "TokenFile", "--token-source", file.to_str().unwrap()];
    let with = Gateway::start_with(&source);
    let plain = |_| "/?token=token-0".to_owned(); // as long a request
    let token = |number: u64| format!("/?token=token-{}", number * 97 % LINES);
    start_sessions(&without, &listener, 200, plain).await;
    let before = with.cpu_of_threads();
    start_sessions(&with, &listener, 1, token).await;
    let reading = with.cpu_of_threads() - before;
    start_sessions(&with, &listener, 200, token).await;
    println!("the file of {LINES} lines is read once: {:.1} ms of CPU", reading * 1e3);
    let (mut all_without, mut all_with) = (0.0, 0.0);
    for round in 1..=5 {
        let (cost_without, cost_with) = if round % 2 == 0 {
            let cost = start_sessions(&with, &listener, sessions, token).await;
            (start_sessions(&without, &listener, sessions, plain).await, cost)
        } else {
            let cost = start_sessions(&without, &listener, sessions, plain).await;
            (cost, start_sessions(&with, &listener, sessions, token).await)
        };
        all_without += cost_without;
        all_with += cost_with;
        println!(
            "round {round}, {sessions} sessions each: {:.1} us of CPU without tokens, {:.1} us \
             with, ratio {:.3}",
            cost_without * 1e6,
            cost_with * 1e6,
            cost_with / cost_without
        );
    }
    let reading = reading / sessions as f64 * 5.0;
    println!(
        "all rounds: ratio {:.3}; if each round had read the file too: {:.3}",
        all_with / all_without,
        (all_with + reading) / all_without
    );
}
