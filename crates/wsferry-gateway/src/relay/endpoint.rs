//! What a session is made of. How it runs is in `run.rs`, its two halves are in `to_target.rs` and
//! `to_client.rs`.

use std::time::Instant;

use wsferry_proto::ending::Ending;

use super::client_side::ClientSide;
use super::settings::Settings;
use super::stall::Stall;
use super::target_side::TargetSide;
use crate::outcome::Cause;

/// A half moves at most so many chunks before the other has its turn, so that a flood in one
/// direction does not keep the other one waiting.
pub(super) const CHUNKS_PER_TURN: u32 = 16;

/// How a half's turn ended; `Pending` when it has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The other half's turn comes first.
    More,
    /// There is nothing more to do in this direction.
    Over,
}

/// One session: a client's side and a target's side, joined.
#[derive(Debug)]
pub(crate) struct Endpoint<C: ClientSide, T: TargetSide> {
    pub(super) client: C,
    /// Until it is left, which may be before the end.
    pub(super) target: Option<T>,
    pub(super) ending: Ending,
    /// Payload bytes written to the target.
    pub(super) to_target: u64,
    /// Something was written to the target and is not on its way yet.
    pub(super) is_unflushed: bool,
    /// Watches the writes to the target.
    pub(super) target_stall: Stall,
    /// Watches the writes to the client.
    pub(super) client_stall: Stall,
    /// When to end the session because the gateway stops.
    pub(super) drain_at: Option<Instant>,
    /// When to look whether the target can be left.
    pub(super) target_look: Option<Instant>,
    /// Why the client was lost, in words.
    pub(super) client_words: Option<String>,
    /// What is wrong with the target.
    pub(super) target_fault: Option<Cause>,
}

impl<C: ClientSide, T: TargetSide> Endpoint<C, T> {
    /// Joins a client and a target.
    pub(crate) const fn new(client: C, target: T, settings: &Settings) -> Self {
        let stall = Stall::new(settings.write_timeout);
        Self {
            client,
            target: Some(target),
            ending: Ending::new(settings.ending()),
            to_target: 0,
            is_unflushed: false,
            target_stall: stall,
            client_stall: stall,
            drain_at: None,
            target_look: None,
            client_words: None,
            target_fault: None,
        }
    }
}

/// A session that is dropped before its end (a drain that took too long, a panic) leaves both sides
/// with RST: a stream that was cut never looks complete.
impl<C: ClientSide, T: TargetSide> Drop for Endpoint<C, T> {
    fn drop(&mut self) {
        let target = self.target.take().and_then(TargetSide::into_stream);
        for stream in [self.client.take_stream(), target].into_iter().flatten() {
            stream.abort();
        }
    }
}
