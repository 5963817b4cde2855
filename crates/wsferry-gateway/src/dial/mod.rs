//! Dialling: how the connection to a target is made.

mod attempts;
mod dialer;
mod preferred;
mod startup;

pub use dialer::Dialer;
pub use startup::Startup;
