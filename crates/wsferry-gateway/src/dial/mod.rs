//! Targets: how a connection to what a client is joined to comes about.

mod attempts;
mod dialer;
mod startup;

pub use dialer::Dialer;
pub use startup::Startup;
