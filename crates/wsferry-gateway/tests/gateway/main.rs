//! The gateway in process: real sockets, a module per behaviour that a user can see.
//!
//! The targets, the clients and the streams that can be checked are those of wsferry-testkit. Every
//! test has a gateway of its own on a free port, waits for events and never for time, and its name
//! is the sentence it proves.

// Helpers may panic as well as the tests that call them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access;
#[cfg(all(unix, feature = "http-plugins", feature = "jwt", feature = "redis"))] // sockets and pipes
mod attacks;
#[cfg(feature = "http-plugins")]
mod auth_http;
mod auth_plugins;
mod config;
mod delivery;
#[cfg(target_os = "linux")]
mod descriptors;
mod dial;
mod downloads;
mod echo;
mod embedding;
mod endings;
mod failures;
#[cfg(not(any(
    feature = "http-plugins",
    feature = "jwt",
    feature = "record",
    feature = "redis",
    feature = "tls",
    feature = "wrap"
)))]
mod features_off;
mod file_parts;
mod files;
mod frames;
#[cfg(feature = "http-plugins")]
mod guessing;
mod handshake;
mod heads;
mod http_1_0;
mod isolation;
mod keep_alive;
mod memory;
#[cfg(all(unix, feature = "record", feature = "tls"))] // sockets
mod messages;
#[cfg(all(feature = "http-plugins", feature = "redis"))]
mod names;
#[cfg(feature = "http-plugins")]
mod own_auth;
#[cfg(feature = "record")]
mod recording;
#[cfg(feature = "record")]
mod replaying;
#[cfg(all(unix, feature = "record", feature = "tls"))] // sockets
mod rig;
mod routes;
mod rules;
#[cfg(feature = "http-plugins")]
mod service;
mod stopping;
mod subprotocols;
mod support;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod tls_settings;
#[cfg(feature = "http-plugins")]
mod token_http;
#[cfg(feature = "jwt")]
mod token_jwt;
#[cfg(feature = "redis")]
mod token_redis;
#[cfg(unix)] // links, pipes and sockets
mod tokens;
#[cfg(unix)]
mod unix_sockets;
#[cfg(all(unix, feature = "record", feature = "tls"))] // sockets
mod unread_ends;
#[cfg(all(target_os = "linux", feature = "wrap"))]
mod wrapped;
