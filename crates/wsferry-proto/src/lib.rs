//! The WebSocket protocol (RFC 6455) as a pure machine: bytes ↔ meaning.
//!
//! No I/O, no clock (time is passed in), no `unsafe`. Nothing here assembles a frame or a message:
//! payload is handed out in slices of the caller's own buffer, unmasked in place, so a frame of
//! 2^40 bytes costs the same memory as one of a kilobyte.
//!
//! Where to look:
//! - [`Connection`]: the machine of one connection; its comment gives the order of calls.
//! - [`Decoder`]: bytes → frames, with every rule of RFC 6455 §5 beside its section.
//! - [`Header`]: a frame header to be sent; the payload stays where it is.
//! - [`handshake`]: which request becomes a WebSocket connection, and what the others are told.
//! - [`ending`]: how a session between a client and a target ends.
//! - [`head`]: which bytes are an HTTP/1.1 request head at all.
#![forbid(unsafe_code)]

mod close;
mod connection;
mod decoder;
pub mod ending;
mod frame;
pub mod handshake;
pub mod head;
mod host;
mod keepalive;
mod mask;
mod utf8;
mod violation;

pub use close::{CloseCode, CloseReason};
pub use connection::{Connection, Event, MAX_CONTROL_FRAME, Role, Settings};
pub use decoder::{Control, Decoder, Item, Payload};
pub use frame::{Header, Kind, MAX_HEADER, Opcode};
pub use host::{Host, HostError, HostName, Origin};
pub use keepalive::KeepAlive;
pub use mask::Mask;
pub use utf8::{Utf8, whole_characters};
pub use violation::Violation;
