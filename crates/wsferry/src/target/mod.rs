//! Targets: how a connection to what a client is joined to comes about.

mod attempts;
mod dial;

pub use dial::Dialer;
