//! How an end on one side becomes an end on the other, and when waiting ends.

use std::time::{Duration, Instant};

use wsferry_proto::{CloseCode, CloseReason};

use super::deframe::ClientEnd;
use super::enframe::TargetEnd;
use super::{Ended, Relay};
use crate::error::words;
use crate::net::{Shutdown, Stream};
use crate::outcome::{Cause, Direction};

/// How far a session is with its end; each step has one deadline at most.
///
/// ```text
///           FIN to the target             linger over
///   Open ─────────────────────► Lingering ───────────► Closing ───► over
///     ├──── a rule broken, no pong, drain ────────────► │ ▲          ▲
///     │                             │                     │ client   │
///     └─────────────────────────────┴─► Delivering ───────┴─ closes ─┘
///           the target ends
/// ```
#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    /// The target has not got everything of the client yet.
    Open,
    /// The client has ended and the target has got everything: it may still send until then.
    Lingering(Option<Instant>),
    /// The target is not read any more. What is left for the client, our Close and its answer have
    /// until then in all.
    Closing(Option<Instant>),
    /// The target has ended, and its client gets all of it. Our Close is behind that; from when it is
    /// written the client has until then to answer, and longer while it takes what is before it.
    Delivering(Option<Instant>),
}

impl Relay {
    /// What an end on one side means for the other.
    pub(super) fn settle(&mut self, now: Instant) {
        match &self.deframe.end {
            // The machine has queued the Close that says which rule it was.
            Some(ClientEnd::Failed(violation)) => {
                self.cause.get_or_insert(Cause::ProtocolError(*violation));
                self.begin_closing(now, false);
            }
            Some(ClientEnd::Closed) => {
                self.cause.get_or_insert(Cause::ClientClosed);
            }
            Some(ClientEnd::Lost(why)) if !self.machine.close_is_sent() => {
                self.cause.get_or_insert_with(|| Cause::ClientLost(why.clone()));
            }
            _ => {}
        }
        if let Some(error) = &self.enframe.broken {
            let cause = Cause::ClientLost(words(error));
            self.cause.get_or_insert(cause);
            self.machine.abandon_sending();
            self.begin_closing(now, false);
        }
        if let Some(end) = self.enframe.end.take() {
            let cause = match (end, &self.deframe.broken) {
                (TargetEnd::NotText, _) => Cause::TargetNotText,
                // A target that is done with its client drops TLS without a word, as many do.
                (TargetEnd::Failed(error), None)
                    if error.kind() == std::io::ErrorKind::UnexpectedEof
                        && self.machine.received_close().is_some() =>
                {
                    Cause::TargetClosed
                }
                (TargetEnd::Failed(error), _) => Cause::TargetFailed(words(&error)),
                // A reset is reported once: if a write met it, the read behind it looks like FIN.
                (TargetEnd::Complete, Some(error)) if is_reset(error) => {
                    Cause::TargetFailed(words(error))
                }
                (TargetEnd::Complete, _) => Cause::TargetClosed,
            };
            self.close(now, cause);
        }
        match self.ending {
            // The target has got everything and FIN: what it still says is sent for a moment.
            Ending::Open if self.deframe.is_finished => {
                self.ending = Ending::Lingering(now.checked_add(self.linger));
            }
            // A client that has ended by itself is not waited for.
            Ending::Delivering(_) if self.deframe.end.is_some() => {
                self.ending = Ending::Closing(now.checked_add(self.close_timeout));
            }
            Ending::Delivering(None) if self.enframe.is_finished => self.wait_for_answer(now),
            _ => {}
        }
        self.leave_target(now);
    }

    /// Nothing more is read of the target.
    fn begin_closing(&mut self, now: Instant, delivers: bool) {
        self.enframe.is_closing = true;
        if matches!(self.ending, Ending::Open | Ending::Lingering(_)) {
            self.ending = match delivers {
                true => Ending::Delivering(None),
                false => Ending::Closing(now.checked_add(self.close_timeout)),
            };
        }
    }

    fn wait_for_answer(&mut self, now: Instant) {
        self.ending = Ending::Delivering(now.checked_add(self.close_timeout));
        self.wait_for_client();
    }

    /// Closes the target's socket as soon as nothing is wanted of it and its machine has acknowledged
    /// everything, though the client may take its time.
    fn leave_target(&mut self, now: Instant) {
        self.target_look = None;
        let is_done = self.deframe.is_finished || self.deframe.broken.is_some();
        if !is_done || !self.enframe.is_closing {
            return;
        }
        let Some(target) = self.target.take() else { return };
        match self.target_shutdown() {
            Shutdown::Reset => target.abort(),
            Shutdown::Acknowledged if is_behind(&target) => {
                self.target = Some(target);
                self.target_look = now.checked_add(TARGET_LOOK);
            }
            _ => drop(target),
        }
    }

    /// Ends the session from this side; what was read from the target is sent first.
    pub(super) fn close(&mut self, now: Instant, cause: Cause) {
        let delivers =
            matches!(cause, Cause::TargetClosed | Cause::TargetFailed(_) | Cause::TargetNotText);
        self.begin_closing(now, delivers);
        // A client that has closed gets its own Close back, but not when its bytes were lost.
        let is_cut =
            matches!(cause, Cause::TargetFailed(_) | Cause::WriteTimeout(Direction::ToTarget));
        if self.machine.received_close().is_some() && !is_cut {
            self.machine.reply();
        } else if let Some((code, reason)) = cause.close() {
            self.machine.close(&CloseReason::new(code, &reason));
        }
        if is_cut && matches!(self.cause, Some(Cause::ClientClosed)) {
            self.cause = Some(cause);
        } else {
            self.cause.get_or_insert(cause);
        }
    }

    /// A Ping or a Close goes out behind what was sent so far.
    fn wait_for_client(&mut self) {
        self.awaited = self.enframe.promised();
        self.acknowledged = self.acknowledged();
    }

    /// Payload bytes that the client's machine has acknowledged, give or take some headers.
    fn acknowledged(&self) -> u64 {
        let unacknowledged = self.client.as_ref().map_or(0, Stream::unacknowledged);
        self.enframe.bytes.saturating_sub(unacknowledged as u64)
    }

    /// Whether the client has not come to what it is waited for, but still takes the bytes before it.
    fn client_is_behind(&mut self) -> bool {
        let acknowledged = self.acknowledged();
        let before = std::mem::replace(&mut self.acknowledged, acknowledged);
        before < acknowledged && acknowledged < self.awaited
    }

    /// Whether nothing is left to be relayed.
    pub(super) fn is_over(&self) -> bool {
        self.deframe.is_finished && self.enframe.is_finished
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        [
            self.machine.poll_timeout().map(|at| self.ping_schedule.after(at)),
            self.deframe.stall.deadline(),
            self.enframe.stall.deadline(),
            self.ending_deadline(),
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
            self.close(now, Cause::Drained);
        }
        if self.machine.poll_timeout().is_some_and(|due| now >= due) {
            let held_back = self.deframe.holds_back() || self.enframe.holds_back();
            let held_back = self.client_is_behind() || held_back;
            if self.machine.handle_timeout(now, held_back) {
                self.close(now, Cause::KeepAliveTimeout);
                self.deframe.abandon("no pong");
            } else if self.machine.owes_control() {
                self.wait_for_client();
            }
        }
        let taken = |stream: &Option<Stream>| stream.as_ref().map_or(0, Stream::peer_progress);
        if self.deframe.stall.elapsed(now, || taken(&self.target)) {
            self.close(now, Cause::WriteTimeout(Direction::ToTarget));
            self.deframe.stall.progress();
            self.deframe.broken = Some(std::io::ErrorKind::TimedOut.into());
            self.deframe.was_cut = true;
        }
        if self.enframe.stall.elapsed(now, || taken(&self.client)) {
            self.cause.get_or_insert(Cause::WriteTimeout(Direction::ToClient));
            self.enframe.broken = Some(std::io::ErrorKind::TimedOut.into());
            self.deframe.abandon("takes no data");
            self.cut_client();
        }
        if self.ending_deadline().is_some_and(|until| now >= until) {
            self.handle_ending(now);
        }
        self.leave_target(now);
    }

    fn ending_deadline(&self) -> Option<Instant> {
        match self.ending {
            Ending::Open => None,
            Ending::Lingering(until) => until,
            Ending::Closing(until) | Ending::Delivering(until) => {
                until.filter(|_| !self.enframe.is_finished || self.deframe.end.is_none())
            }
        }
    }

    /// The deadline of a step is over.
    fn handle_ending(&mut self, now: Instant) {
        match self.ending {
            Ending::Open => {}
            Ending::Lingering(_) => self.finish_lingering(now),
            Ending::Closing(_) | Ending::Delivering(_) => {
                let delivers = matches!(self.ending, Ending::Delivering(_));
                if delivers && self.client_is_behind() {
                    return self.wait_for_answer(now); // slow, but it has not come to the Close
                }
                if self.deframe.end.is_none() {
                    self.deframe.abandon("did not answer the Close");
                }
                if !self.enframe.is_finished || self.client.as_ref().is_some_and(is_behind) {
                    self.cut_client();
                }
            }
        }
    }

    fn finish_lingering(&mut self, now: Instant) {
        match &self.deframe.broken {
            Some(error) if is_reset(error) => {
                let cause = Cause::TargetFailed(words(error));
                self.close(now, cause);
            }
            _ => {
                self.machine.reply();
                self.begin_closing(now, false);
            }
        }
        if self.machine.received_close().is_none() {
            self.enframe.give_up(); // lost without a Close: there is nothing to answer
        }
    }

    /// Resets the client at once: it did not take what was left for it in time.
    fn cut_client(&mut self) {
        self.is_cut = true;
        self.enframe.give_up();
        if let Some(client) = self.client.take() {
            client.abort();
        }
    }

    pub(super) fn end(&mut self, now: Instant) -> Ended {
        let target_shutdown = self.target_shutdown();
        let cause = self.cause.take().unwrap_or(Cause::ClientLost(String::new()));
        let close_code = self.close_code(&cause);
        let client_shutdown = match &self.deframe.end {
            Some(ClientEnd::Lost(_)) => Shutdown::Immediate,
            _ if self.enframe.broken.is_some() => Shutdown::Immediate,
            _ => Shutdown::Graceful,
        };
        // What the client closed, or broke, is over when its time is. One that answered our Close in
        // time gets as long again to end its connection.
        let leave_by = match self.ending {
            Ending::Closing(Some(until)) if now < until => until,
            Ending::Closing(_) => now + self.close_timeout.min(SHORT),
            _ => now + self.close_timeout,
        };
        Ended {
            cause,
            close_code,
            to_target: self.deframe.bytes,
            to_client: self.enframe.bytes,
            is_cut: self.is_cut,
            leave_by,
            client: self.client.take().map(|client| (client, client_shutdown)),
            target: self.target.take().map(|target| (target, target_shutdown)),
        }
    }

    /// How the target is left, when it has got all that it will get.
    fn target_shutdown(&self) -> Shutdown {
        let has_ended = matches!(self.cause, Some(Cause::TargetClosed | Cause::TargetFailed(_)));
        match &self.deframe.broken {
            _ if self.deframe.was_cut => Shutdown::Reset,
            Some(_) => Shutdown::Immediate,
            None if has_ended => Shutdown::Immediate,
            None => Shutdown::Acknowledged,
        }
    }

    fn close_code(&self, cause: &Cause) -> u16 {
        match (cause, self.machine.received_close(), cause.close()) {
            _ if self.is_cut => 1006,
            (Cause::ClientClosed, Some(close), _) => close.code.map_or(1005, CloseCode::get),
            (_, _, Some((code, _))) if self.machine.close_is_sent() => code.get(),
            _ => 1006,
        }
    }
}

/// How often it is asked whether the target's machine has acknowledged everything.
const TARGET_LOOK: Duration = Duration::from_millis(50);

/// How long both sides are given at least, where the target took the client's bytes slowly and the
/// time for the client is over.
const SHORT: Duration = Duration::from_secs(1);

/// Whether the other machine has not taken everything.
fn is_behind(stream: &Stream) -> bool {
    stream.unacknowledged() > 0
}

/// Whether a failed write says that the stream was cut. After a FIN it says something else.
fn is_reset(error: &std::io::Error) -> bool {
    error.kind() != std::io::ErrorKind::BrokenPipe
}
