//! Words → valid settings: what a file or a command line says, each value of its own type, and what
//! follows from that for the rooms. After it nothing is checked again, and no room knows it.
//!
//! [`Config`] has the shape of a file: listeners, routes and limits. A command line is a [`Config`]
//! with one of each. [`Config::settings`] checks what belongs together and makes a gateway's
//! [`Settings`](crate::Settings) of it.

pub mod default;
mod destination;
mod error;
mod limits;
mod listener;
mod numbers;
mod pairs;
pub mod plugin;
mod route;
mod secret;
mod settings;
#[cfg(test)]
mod tests;
mod text;
mod values;

use serde::Deserialize;

pub use error::{ConfigError, Spelling};
pub use limits::Limits;
pub use listener::Listener;
pub use numbers::{
    duration, head_size, message_size, or_off, rate, seconds, spell_seconds, spell_size,
};
pub use route::Route;
pub use secret::Secret;
pub use settings::{Surroundings, plain};
pub use values::{
    ListenAddress, ValueError, allow_host, allow_origin, header, mode, subprotocol, target,
};

/// All that a gateway can be told. What is left out has its default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// What everything has to keep to.
    pub limits: Limits,
    /// Where it listens.
    #[serde(rename = "listener")]
    pub listeners: Vec<Listener>,
    /// Where requests lead.
    #[serde(rename = "route")]
    pub routes: Vec<Route>,
}
