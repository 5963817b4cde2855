//! The gateway as a library: everything but the command line.
//!
//! The floors, from the top down, and what may import what, are in ARCHITECTURE.md. The life of a
//! session, as types: [`config::Config`] (valid) → [`gateway::Gateway`] (bound) → [`net::Stream`]
//! (accepted) → [`request::Request`] (a handshake) → [`auth::Admitted`] (let in) →
//! [`address::Address`] (where to) → [`session::Session`] (joined) → [`outcome::Outcome`] (ended).

pub mod address;
pub mod auth;
pub mod client;
pub mod config;
pub mod dial;
pub mod door;
pub mod error;
pub mod events;
pub mod gateway;
pub mod net;
pub mod outcome;
pub mod record;
pub mod relay;
pub mod request;
pub mod route;
pub mod session;
pub mod sys;
pub mod tap;
pub mod tls;
pub mod token;
pub mod web;
pub mod wrap;
