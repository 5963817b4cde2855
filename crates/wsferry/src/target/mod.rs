//! Targets: what a client can be joined to, and how a connection to it comes about.

mod address;
mod dial;

pub use address::{Address, AddressError};
pub use dial::Target;
