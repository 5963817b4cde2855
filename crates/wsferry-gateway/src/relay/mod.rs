//! The relay: joins one client to one target until both directions have ended.
//!
//! One task moves both directions. Each takes in a chunk that exists only while data moves, and does
//! not take in more before that was written: so a slow reader on one side slows the writer on the
//! other, and memory is a constant. No lock and no channel is on the path of a byte.
//!
//! ```text
//!            ┌─────────── to_target: poll_receive, poll_write ──────────►┐
//!   client ──┤                                                           ├── target
//!            └◄─────────── to_client: poll_take, poll_send ──────────────┘
//! ```
//!
//! What the sides are is their own affair (`client_side.rs`, `target_side.rs`). How an end on one side
//! becomes an end on the other is in [`wsferry_proto::ending`]; `ends.rs` does what that says.

mod buffer;
mod client_side;
mod drain;
mod endpoint;
mod ends;
mod run;
mod settings;
mod stall;
mod target_side;
mod to_client;
mod to_target;

pub use buffer::CHUNK;
pub(crate) use buffer::{Buffer, HEAD_ROOM, LARGE_CHUNK, Pending, Size};
pub(crate) use client_side::{ClientEnd, ClientSide, Sent};
pub use drain::Drain;
pub(crate) use endpoint::Endpoint;
pub(crate) use ends::Ended;
pub use settings::{LONGEST_CHARACTER, Settings};
pub(crate) use target_side::{Part, Piece, Read, TargetEnd, TargetSide};
