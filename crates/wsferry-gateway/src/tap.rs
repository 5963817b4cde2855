//! What may look at the bytes of a session, and change none: a recording, the marks of `--traffic`.

use std::fmt::Debug;

use crate::outcome::Direction;

/// Sees the payload of a session as it is relayed. It is called on the path of the bytes, so it must
/// not wait: what takes time is handed over to somebody else. A session with a tap is copied, not
/// spliced.
pub trait Tap: Debug + Send {
    /// Payload that was read in one direction: a frame to the client, or what the client's frames
    /// held, unmasked, in the slices in which it is relayed.
    fn payload(&mut self, direction: Direction, bytes: &[u8]);
}
