//! Targets: how a connection to what a client is joined to comes about.

mod dial;

pub use dial::Dialer;
