//! What happens is told to the [`Ending`](wsferry_proto::ending::Ending), and what it says is done.

use std::io;
use std::time::{Duration, Instant};

use wsferry_proto::CloseReason;
use wsferry_proto::ending::{self, Close, Direction, Event};

use super::client_side::ClientSide;
use super::endpoint::Endpoint;
use super::target_side::TargetSide;
use crate::error::words;
use crate::net::{Shutdown, Stream};
use crate::outcome::Cause;

/// How often it is asked whether the target's machine has acknowledged everything.
const TARGET_LOOK: Duration = Duration::from_millis(50);

/// What is left when both directions have ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Why.
    pub cause: Cause,
    /// The close code that tells it (RFC 6455 §7.1.5).
    pub close_code: u16,
    /// Payload bytes written to the target.
    pub to_target: u64,
    /// Payload bytes written to the client.
    pub to_client: u64,
    /// The client was reset because it did not take what was left for it in time.
    pub is_cut: bool,
    /// Until when both sides are to be left.
    pub leave_by: Instant,
    /// The client, if it is still there, and how to leave it.
    pub client: Option<(Stream, Shutdown)>,
    /// The target, if there is one and it is still there, and how to leave it.
    pub target: Option<(Stream, Shutdown)>,
}

impl<C: ClientSide, T: TargetSide> Endpoint<C, T> {
    /// Tells what happened, and does at once what follows for the client.
    pub(super) fn tell(&mut self, now: Instant, event: Event) {
        self.ending.handle_event(now, event);
        self.obey();
    }

    fn obey(&mut self) {
        match self.ending.poll_close() {
            Some(Close::Reply) => self.client.close(None),
            Some(Close::Tell(cause)) => {
                if let Some((code, reason)) = self.worded(cause).close() {
                    self.client.close(Some(&CloseReason::new(code, &reason)));
                }
            }
            None => {}
        }
        if self.ending.is_cut() {
            self.client.give_up();
            if let Some(client) = self.client.take_stream() {
                client.abort();
            }
        }
    }

    /// A write to the target failed. After a FIN that says something else than a reset does.
    pub(super) fn target_is_unwritable(&mut self, now: Instant, error: &io::Error) {
        let was_reset = error.kind() != io::ErrorKind::BrokenPipe;
        if was_reset {
            self.target_fault.get_or_insert_with(|| Cause::TargetFailed(words(error)));
        }
        self.tell(now, Event::TargetUnwritable { was_reset });
    }

    /// Closes the target's socket as soon as nothing is wanted of it and its machine has acknowledged
    /// everything, though the client may take its time.
    pub(super) fn leave_target(&mut self, now: Instant) {
        if !self.ending.may_leave_target() || self.target_look.is_some_and(|look| now < look) {
            return;
        }
        self.target_look = None;
        let shutdown = self.ending.target_shutdown();
        let is_behind = |target: &T| target.stream().is_some_and(|it| it.unacknowledged() > 0);
        if shutdown == Shutdown::Acknowledged && self.target.as_ref().is_some_and(is_behind) {
            self.target_look = now.checked_add(TARGET_LOOK);
        } else if let Some(stream) = self.target.take().and_then(TargetSide::into_stream)
            && shutdown == Shutdown::Reset
        {
            stream.abort();
        }
    }

    /// A write to the target has to wait. One that is built in does not stall.
    pub(super) fn target_is_blocked(&mut self, now: Instant) {
        if self.target.as_ref().and_then(TargetSide::stream).is_some() {
            self.target_stall.blocked(now);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        [
            self.client.poll_timeout(),
            self.target_stall.deadline(),
            self.client_stall.deadline(),
            self.ending.poll_timeout(),
            self.target_look,
            self.drain_at,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub(super) fn handle_timeouts(&mut self, now: Instant) {
        if self.drain_at.is_some_and(|at| now >= at) {
            self.drain_at = None;
            self.tell(now, Event::Drained);
        }
        if self.client.poll_timeout().is_some_and(|due| now >= due) {
            let waits_for_target = self.client.piece().is_some() || self.is_unflushed;
            let held_back = waits_for_target || self.client.holds_back();
            if self.client.handle_timeout(now, held_back) {
                self.tell(now, Event::NoPong);
            }
        }
        let stream = self.target.as_ref().and_then(TargetSide::stream);
        if self.target_stall.elapsed(now, || stream.map_or(0, Stream::peer_progress)) {
            self.target_stall.progress();
            self.tell(now, Event::Stalled(Direction::ToTarget));
        }
        if self.client_stall.elapsed(now, || self.client.peer_progress()) {
            self.client_stall.progress();
            self.tell(now, Event::Stalled(Direction::ToClient));
        }
        if self.ending.poll_timeout().is_some_and(|until| now >= until) {
            let progress = self.client.progress();
            self.ending.handle_timeout(now, progress);
            self.obey();
        }
        self.leave_target(now);
    }

    pub(super) fn end(&mut self, now: Instant) -> Ended {
        let cause = self.ending.cause().unwrap_or(ending::Cause::ClientLost);
        let close_code = self.close_code();
        let (client, target) = (self.client.take_stream(), self.target.take());
        let target = target.and_then(TargetSide::into_stream);
        Ended {
            cause: self.worded(cause),
            close_code,
            to_target: self.to_target,
            to_client: self.client.sent(),
            is_cut: self.ending.is_cut(),
            leave_by: self.ending.leave_by(now),
            client: client.map(|client| (client, self.ending.client_shutdown())),
            target: target.map(|target| (target, self.ending.target_shutdown())),
        }
    }

    /// The cause, with what is known beyond its name.
    fn worded(&self, cause: ending::Cause) -> Cause {
        match cause {
            ending::Cause::ClientClosed => Cause::ClientClosed,
            ending::Cause::ClientLost => {
                Cause::ClientLost(self.client_words.clone().unwrap_or_default())
            }
            ending::Cause::ProtocolError(violation) => Cause::ProtocolError(violation),
            ending::Cause::TargetClosed => Cause::TargetClosed,
            ending::Cause::TargetFailed => match &self.target_fault {
                Some(fault) => fault.clone(),
                None => Cause::TargetFailed(String::new()),
            },
            ending::Cause::TargetNotText => Cause::TargetNotText,
            ending::Cause::KeepAliveTimeout => Cause::KeepAliveTimeout,
            ending::Cause::WriteTimeout(direction) => Cause::WriteTimeout(direction),
            ending::Cause::Drained => Cause::Drained,
        }
    }

    /// The Close that ended it, whoever sent it first; 1006 for a client that was lost or cut, even if
    /// it was told something on the way.
    fn close_code(&self) -> u16 {
        let is_sent = self.client.close_is_sent();
        match (self.ending.cause(), self.ending.close()) {
            _ if self.ending.is_cut() => 1006,
            (Some(ending::Cause::ClientLost), _) => 1006,
            (Some(ending::Cause::ClientClosed), _) => self.client.received_close().unwrap_or(1006),
            (_, Some(Close::Reply)) if is_sent => self.client.received_close().unwrap_or(1006),
            (_, Some(Close::Tell(cause))) if is_sent => {
                self.worded(cause).close().map_or(1006, |(code, _)| code.get())
            }
            _ => 1006,
        }
    }
}
