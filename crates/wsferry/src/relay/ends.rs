//! How an end on one side becomes an end on the other, and when waiting ends.

use std::time::Instant;

use wsferry_proto::{CloseCode, CloseReason};

use super::deframe::ClientEnd;
use super::enframe::TargetEnd;
use super::{Ended, Relay, Streams};
use crate::error::words;
use crate::net::Farewell;
use crate::outcome::{Cause, Direction};

impl Relay {
    /// What an end on one side means for the other.
    pub(super) fn settle(&mut self, now: Instant) {
        match &self.deframe.end {
            // The machine has queued the Close that says which rule it was.
            Some(ClientEnd::Failed(violation)) => {
                self.cause.get_or_insert(Cause::ProtocolError(*violation));
                self.enframe.is_closing = true;
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
            self.close(cause);
        }
        // The target has got everything and FIN: what it still says is sent for a moment.
        if self.deframe.is_finished && self.linger_until.is_none() {
            self.linger_until = now.checked_add(self.linger);
        }
        // Our Close is out: the client may take its time to answer, but not for ever.
        let waits = self.machine.close_is_sent() || self.enframe.broken.is_some();
        if waits && self.close_until.is_none() && self.deframe.end.is_none() {
            self.wait_for_close(now);
        }
    }

    /// Ends the session from this side; what was read from the target is sent first.
    pub(super) fn close(&mut self, cause: Cause) {
        self.enframe.is_closing = true;
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

    fn wait_for_close(&mut self, now: Instant) {
        self.close_until = now.checked_add(self.close_timeout);
        self.wait_for_client();
    }

    /// A Ping or a Close goes out behind what was sent so far.
    fn wait_for_client(&mut self) {
        self.awaited = self.enframe.bytes;
        self.acknowledged = self.acknowledged();
    }

    /// Payload bytes that the client's machine has acknowledged, give or take some headers.
    fn acknowledged(&self) -> u64 {
        let unacknowledged = self.streams.as_ref().map_or(0, |s| s.client.unacknowledged());
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
        let lingers = self.linger_until.filter(|_| !self.enframe.is_closing);
        let waits = self.close_until.filter(|_| self.deframe.end.is_none());
        [
            self.machine.poll_timeout(),
            self.deframe.stall.deadline(),
            self.enframe.stall.deadline(),
            lingers,
            waits,
            self.drain_at,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub(super) fn handle_timeouts(&mut self, now: Instant) {
        if self.drain_at.is_some_and(|at| now >= at) {
            self.drain_at = None;
            self.close(Cause::Drained);
        }
        if self.machine.poll_timeout().is_some_and(|due| now >= due) {
            let held_back = self.deframe.holds_back() || self.enframe.holds_back();
            let held_back = self.client_is_behind() || held_back;
            if self.machine.handle_timeout(now, held_back) {
                self.close(Cause::KeepAliveTimeout);
                self.deframe.abandon("no pong");
            } else if self.machine.owes_control() {
                self.wait_for_client();
            }
        }
        let streams = self.streams.as_ref();
        let taken = || streams.map_or(0, |streams| streams.target.taken());
        if self.deframe.stall.elapsed(now, taken) {
            self.close(Cause::WriteTimeout(Direction::ToTarget));
            self.deframe.stall.progress();
            self.deframe.broken = Some(std::io::ErrorKind::TimedOut.into());
            self.deframe.was_cut = true;
        }
        let streams = self.streams.as_ref();
        let taken = || streams.map_or(0, |streams| streams.client.taken());
        if self.enframe.stall.elapsed(now, taken) {
            self.cause.get_or_insert(Cause::WriteTimeout(Direction::ToClient));
            self.enframe.stall.progress();
            self.enframe.broken = Some(std::io::ErrorKind::TimedOut.into());
            self.enframe.is_finished = true;
            self.deframe.abandon("takes no data");
        }
        if self.linger_until.is_some_and(|until| now >= until) && !self.enframe.is_closing {
            self.enframe.is_closing = true;
            match &self.deframe.broken {
                Some(error) if is_reset(error) => {
                    let cause = Cause::TargetFailed(words(error));
                    self.close(cause);
                }
                _ => self.machine.reply(),
            }
            if self.machine.received_close().is_none() {
                self.enframe.is_finished = true; // lost without a Close: there is nothing to answer
            }
        }
        if self.close_until.is_some_and(|until| now >= until) && self.deframe.end.is_none() {
            if self.client_is_behind() {
                self.wait_for_close(now); // slow, but it has not come to the Close
            } else {
                self.deframe.abandon("did not answer the Close");
            }
        }
    }

    pub(super) fn end(&mut self) -> Option<Ended> {
        let Streams { client, target } = self.streams.take()?;
        let cause = self.cause.take().unwrap_or(Cause::ClientLost(String::new()));
        let close_code = self.close_code(&cause);
        let client_farewell = match (&cause, &self.deframe.end) {
            (Cause::WriteTimeout(Direction::ToClient), _) => Farewell::Abort,
            (_, Some(ClientEnd::Lost(_))) => Farewell::Drop,
            _ if self.enframe.broken.is_some() => Farewell::Drop,
            _ => Farewell::Polite,
        };
        let target_farewell = match (&cause, &self.deframe.broken) {
            _ if self.deframe.was_cut => Farewell::Abort,
            (_, Some(_)) | (Cause::TargetClosed | Cause::TargetFailed(_), None) => Farewell::Drop,
            _ => Farewell::Acknowledged,
        };
        Some(Ended {
            cause,
            close_code,
            to_target: self.deframe.bytes,
            to_client: self.enframe.bytes,
            client: (client, client_farewell),
            target: Some((target, target_farewell)),
        })
    }

    fn close_code(&self, cause: &Cause) -> u16 {
        match (cause, self.machine.received_close(), cause.close()) {
            (Cause::ClientClosed, Some(close), _) => close.code.map_or(1005, CloseCode::get),
            (_, _, Some((code, _))) if self.machine.close_is_sent() => code.get(),
            _ => 1006,
        }
    }
}

/// Whether a failed write says that the stream was cut. After a FIN it says something else.
fn is_reset(error: &std::io::Error) -> bool {
    error.kind() != std::io::ErrorKind::BrokenPipe
}
