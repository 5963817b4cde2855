//! What somebody tries who wants in, wants to know, or wants others to be kept out.

mod addresses;
mod faults;
mod load;
mod order;
mod signed;
mod time;
mod tokens;

use crate::config::Config;
use wsferry_gateway::route::DestinationSettings;
use wsferry_gateway::route::TokenPlace;
use wsferry_testkit::raw::{Answer, HANDSHAKE};

use crate::support::{Running, config_with, token_plugin};

/// A handshake with this request target.
fn handshake(target: &str) -> String {
    HANDSHAKE.replace("/chat", target)
}

/// What `--token-plugin CLASS --token-source SOURCE` sets.
fn tokens(class: &str, source: &str) -> DestinationSettings {
    let source = token_plugin(class, Some(source)).unwrap();
    DestinationSettings::Token { source, place: TokenPlace::Query }
}

/// A gateway with a token plug-in, and with something else changed.
async fn gateway(class: &str, source: &str, change: impl FnOnce(&mut Config)) -> Running {
    let config = config_with("echo:", |config| {
        config.route = tokens(class, source);
        config.failures_per_source = 0; // what is tried is judged, not counted
        change(config);
    });
    Running::start(config).await
}

/// An answer without the time of day.
fn without_date(mut answer: Answer) -> Answer {
    answer.fields.retain(|(name, _)| name != "date");
    answer
}
