//! The heavy runs that are too long for every test run: `cargo run --release -p wsferry-testkit
//! --bin soak -- MODE [N [OPTIONS OF WSFERRY]]` against the release build of wsferry beside it.
//!
//! | mode | what it does |
//! |---|---|
//! | `both N` | N MiB each way at once through one session, random frames, pings, slow readers |
//! | `many N` | N sessions at once, 4 MiB each way each |
//! | `target-closes N` | N times: the target closes right after its last byte |
//! | `client-closes N` | N times: the client closes right after its last byte |
//! | `stall N` | both readers stop for N seconds while the other sides flood; memory and speed |
//! | `idle N` | N sessions that have moved data and then say nothing: memory of each |
//! | `tokens N` | N starts of sessions by token from a file of 100,000 lines, beside as many without |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![allow(missing_docs)]

mod delivery;
mod gateway;
mod standing;
mod tokens;
mod traffic;

use delivery::{both, client_closes, many, target_closes};
use standing::{idle, stall};
use tokens::tokens;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let number = arguments.next().and_then(|text| text.parse().ok());
    match &*mode {
        "both" => both(number.unwrap_or(1024)).await,
        "many" => many(number.unwrap_or(200)).await,
        "target-closes" => target_closes(number.unwrap_or(1000)).await,
        "client-closes" => client_closes(number.unwrap_or(1000)).await,
        "stall" => stall(number.unwrap_or(60)).await,
        "idle" => idle(number.unwrap_or(5000)).await,
        "tokens" => tokens(number.unwrap_or(1000)).await,
        _ => {
            println!("modes: both, many, target-closes, client-closes, stall, idle, tokens");
            std::process::exit(2);
        }
    }
}
