//! Keep-alive (RFC 6455 §5.5.2): a client that says nothing is asked for a sign of life.

use std::time::{Duration, Instant};

/// How long a silence may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// A silence of this long is answered with a Ping.
    pub interval: Duration,
    /// A Ping that neither data nor a Pong follows for this long means that the client is gone.
    pub timeout: Duration,
}

/// What is waited for.
#[derive(Clone, Copy, Debug)]
enum Waiting {
    /// The silence began here.
    Silence(Instant),
    /// A Ping is to be sent.
    PingOwed,
    /// A Ping was sent here, and nothing came since.
    Answer(Instant),
}

/// The keep-alive of one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    settings: KeepAlive,
    waiting: Waiting,
}

impl Watch {
    pub(crate) const fn new(settings: KeepAlive, now: Instant) -> Self {
        Self { settings, waiting: Waiting::Silence(now) }
    }

    /// Something came from the other side, whatever it was.
    pub(crate) const fn heard(&mut self, now: Instant) {
        self.waiting = Waiting::Silence(now);
    }

    pub(crate) const fn owes_ping(&self) -> bool {
        matches!(self.waiting, Waiting::PingOwed)
    }

    pub(crate) const fn ping_sent(&mut self, now: Instant) {
        self.waiting = Waiting::Answer(now);
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.waiting {
            Waiting::Silence(since) => since.checked_add(self.settings.interval),
            Waiting::PingOwed => None,
            Waiting::Answer(since) => since.checked_add(self.settings.timeout),
        }
    }

    /// Whether the client is gone. `held_back`: this side keeps the client from being heard, or from
    /// hearing, so that its silence proves nothing and the wait begins anew.
    pub(crate) fn elapsed(&mut self, now: Instant, held_back: bool) -> bool {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return false;
        }
        match self.waiting {
            Waiting::Silence(_) | Waiting::PingOwed => self.waiting = Waiting::PingOwed,
            Waiting::Answer(_) if held_back => self.waiting = Waiting::Answer(now),
            Waiting::Answer(_) => return true,
        }
        false
    }
}
