//! Targets: how a connection to what a client is joined to comes about.

mod attempts;
mod dial;
mod startup;

pub use dial::Dialer;
pub use startup::Startup;
