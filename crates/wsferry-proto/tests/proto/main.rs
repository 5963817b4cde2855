//! What `wsferry-proto` promises, in one test binary with a module per topic.
//!
//! The generators, the pair of machines and the reader that these tests share are those of the fuzz
//! targets.

// Helpers may panic as well as the tests that call them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../../fuzz/src/lib.rs"]
#[allow(missing_docs, unreachable_pub)]
mod fuzz;

mod close_frames;
mod closing_handshake;
mod connection;
mod cuts;
mod ending;
mod fed;
mod frames;
mod fuzz_bodies;
mod gather;
mod handshake;
mod head;
mod header;
mod host;
mod keep_alive;
mod splits;
mod subprotocols;
mod text;
mod tungstenite;
mod violations;
