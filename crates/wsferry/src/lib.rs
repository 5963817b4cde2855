//! wsferry: lets a browser reach an ordinary TCP server.
//!
//! The library is the gateway without its command line. The floors, from the top down, and what may
//! import what, are in ARCHITECTURE.md. The life of a session, as types:
//! [`config::Config`] (valid) → [`server::Gateway`] (bound) → [`net::Stream`] (accepted) →
//! [`request::Request`] (a handshake) → [`auth::Admitted`] (let in) → [`address::Address`] (where to)
//! → [`session::Session`] (joined) → [`outcome::Outcome`] (ended).

pub mod address;
pub mod auth;
pub mod client;
pub mod config;
pub mod error;
pub mod front;
pub mod jose;
pub mod net;
pub mod observe;
pub mod outcome;
pub mod record;
pub mod relay;
pub mod request;
pub mod server;
pub mod session;
pub mod tap;
pub mod target;
pub mod token;
