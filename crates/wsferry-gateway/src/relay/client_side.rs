//! The client's side of a session: whatever brings payload and takes it, and can be told an end.

use std::io;
use std::task::{Context, Poll};
use std::time::Instant;

use wsferry_proto::ending::Progress;
use wsferry_proto::{CloseReason, Violation};

use super::target_side::{Piece, TargetEnd, TargetSide};
use crate::net::Stream;

/// How a client's stream ended.
#[derive(Debug)]
pub(crate) enum ClientEnd {
    /// With a Close.
    Closed,
    /// With a broken rule. The Close that says so is queued.
    Failed(Violation),
    /// Without a Close.
    Lost(String),
}

/// What became of what is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Some of it was sent, and there may be more.
    Some,
    /// There is nothing to be sent.
    Nothing,
    /// Everything was sent, the Close too.
    Everything,
}

/// The client's side of a session.
///
/// Payload is received by [`poll_receive`](Self::poll_receive), lies in [`piece`](Self::piece) and
/// is given back by [`consume`](Self::consume). Payload for the client is taken straight from the
/// target by [`poll_take`](Self::poll_take), so that it is copied once at most, and sent by
/// [`poll_send`](Self::poll_send). A session's end is queued by [`close`](Self::close).
pub(crate) trait ClientSide: Send {
    /// Payload that was received and not consumed.
    fn piece(&self) -> Option<Piece<'_>>;

    /// Gives back so many bytes of the piece.
    fn consume(&mut self, length: usize);

    /// Receives, at most one chunk: how the client's stream ended behind the piece, if it did. There
    /// is no piece left when this is called. `keeps_messages`: pieces are not joined.
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        keeps_messages: bool,
    ) -> Poll<Option<ClientEnd>>;

    /// Throws away what was received and would become pieces: whether there was anything.
    fn discard(&mut self) -> bool;

    /// Sends some of what is to be sent. `is_last`: nothing follows a Close but FIN.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        is_last: bool,
    ) -> Poll<io::Result<Sent>>;

    /// Takes what lies ready at the target, to be sent: how the target's stream ended behind it, if
    /// it did. Nothing is left to be sent when this is called.
    fn poll_take<T: TargetSide>(
        &mut self,
        cx: &mut Context<'_>,
        target: &mut T,
    ) -> Poll<Option<TargetEnd>>;

    /// Whether more answers go with what is to be sent: it waits for them.
    fn gathers(&self) -> bool;

    /// Whether the client keeps payload from being sent.
    fn holds_back(&self) -> bool;

    /// Lets go of what was taken from the target and is not begun to be sent.
    fn finish_frame(&mut self) -> io::Result<()>;

    /// Throws away what is to be sent.
    fn give_up(&mut self);

    /// Queues the end behind what is being sent: `None` answers the client's own.
    fn close(&mut self, reason: Option<&CloseReason>);

    /// The close code that the client sent; 1005 for a Close without one.
    fn received_close(&self) -> Option<u16>;

    /// Whether our Close was sent.
    fn close_is_sent(&self) -> bool;

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    fn poll_timeout(&self) -> Option<Instant>;

    /// The time has come: whether the client is gone. `held_back`: it cannot be heard because of this
    /// side, so that its silence proves nothing.
    fn handle_timeout(&mut self, now: Instant, held_back: bool) -> bool;

    /// What the client's machine has acknowledged since this was last asked.
    fn progress(&mut self) -> Progress;

    /// A number that grows while the client takes bytes ([`Stream::peer_progress`]).
    fn peer_progress(&self) -> u64;

    /// Payload bytes that were sent.
    fn sent(&self) -> u64;

    /// The transport, to be left; the client has none from then on.
    fn take_stream(&mut self) -> Option<Stream>;
}
