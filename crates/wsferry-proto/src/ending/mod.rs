//! How a session between a client and a target ends: which end on one side becomes which end on the
//! other, what may not be lost on the way, and when waiting ends. No I/O and no clock: events go in,
//! and what is to be done is asked for.
//!
//! A session has two directions. The target has *everything* when all payload of the client was
//! written to it, with FIN behind; the client has everything when all frames were written to it, with
//! a Close behind. The session is over when both have, or never will.

mod event;
mod step;

use std::time::{Duration, Instant};

pub use event::{Cause, Close, Direction, Event, Progress, Shutdown};
use step::Step;

/// The least time that both sides are given to take their ends, where the time for the client is over
/// because the target took the client's last bytes slowly.
const SHORT: Duration = Duration::from_secs(1);

/// How long is waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// For what the target still sends after its client has ended.
    pub linger: Duration,
    /// For the answer to a Close, and for what is left to be written before one.
    pub close_timeout: Duration,
}

/// How the client's stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Client {
    Open,
    /// It sent a Close, and may want it back.
    Closed,
    /// It broke a rule.
    Failed,
    /// It ended without a Close, or was given up.
    Lost,
}

/// Why the target takes nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Refusal {
    /// It has ended in order, as far as a failed write can tell.
    Ended,
    /// It has cut the connection.
    Reset,
}

/// How a session ends.
///
/// There are three kinds of methods. The usual order is: hand over what happened, do what is to be
/// done, wait for the next event or for the time-out.
///
/// - **what happened**: [`handle_event`](Self::handle_event), [`handle_timeout`](Self::handle_timeout)
/// - **what is to be done**: [`poll_close`](Self::poll_close), [`poll_timeout`](Self::poll_timeout),
///   [`reads_client`](Self::reads_client), [`reads_target`](Self::reads_target),
///   [`writes_client`](Self::writes_client), [`writes_target`](Self::writes_target),
///   [`finishes_target`](Self::finishes_target),
///   [`target_has_everything`](Self::target_has_everything),
///   [`may_leave_target`](Self::may_leave_target), [`is_cut`](Self::is_cut),
///   [`is_over`](Self::is_over)
/// - **what it came to**: [`cause`](Self::cause), [`close`](Self::close),
///   [`client_shutdown`](Self::client_shutdown), [`target_shutdown`](Self::target_shutdown),
///   [`leave_by`](Self::leave_by)
///
/// The steps, of which each has one deadline at most:
///
/// ```text
///          the client has ended, and the
///          target has everything             linger is over
///   Open ─────────────────────► Lingering ──────────────────► Closing ──► over
///    │ │                         │     │                       ▲  ▲
///    │ └── a rule broken, no ────┼─────┴───────────────────────┘  │
///    │     Pong, a drain         │                                │ the client
///    │                           ▼                                │ has ended
///    └──────────────────────► Delivering ─────────────────────────┘
///        the target has ended
/// ```
///
/// In `Delivering` the client gets all that the target sent, however long it takes it; the deadline
/// begins when our Close is written, and begins again while the client still takes bytes. In `Closing`
/// there is one deadline for all that is left, whatever trickles.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ending {
    settings: Settings,
    step: Step,
    client: Client,
    /// Why nothing more is written to the target; what the client still sends is thrown away.
    refusal: Option<Refusal>,
    /// Bytes of the client were lost: the target must not take what it got for everything.
    lost_bytes: bool,
    target_has_everything: bool,
    client_has_everything: bool,
    /// A write to the client failed.
    client_is_gone: bool,
    is_cut: bool,
    cause: Option<Cause>,
    close: Option<Close>,
    /// The Close was not asked for yet.
    owes_close: bool,
}

impl Ending {
    /// The ending of a session that begins.
    pub const fn new(settings: Settings) -> Self {
        Self {
            settings,
            step: Step::Open,
            client: Client::Open,
            refusal: None,
            lost_bytes: false,
            target_has_everything: false,
            client_has_everything: false,
            client_is_gone: false,
            is_cut: false,
            cause: None,
            close: None,
            owes_close: false,
        }
    }

    /// Hands over what happened. An event of a side that has ended already changes nothing.
    pub fn handle_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::ClientClosed => self.client_ended(now, Client::Closed, Cause::ClientClosed),
            Event::ClientLost => self.client_ended(now, Client::Lost, Cause::ClientLost),
            Event::ClientFailed(violation) if self.reads_client() => {
                let cause = Cause::ProtocolError(violation);
                self.client_ended(now, Client::Failed, cause);
                self.close.get_or_insert(Close::Tell(cause)); // the decoder has queued it
                self.stop_reading_target(Step::Closing(self.close_deadline(now)));
            }
            Event::ClientFailed(_) => {}
            Event::ClientBytesLost => self.lost_bytes = true,
            Event::ClientUnwritable => {
                self.cause.get_or_insert(Cause::ClientLost);
                self.client_is_gone = true;
                self.give_up_writing(now);
            }
            Event::CloseWritten => {
                self.client_has_everything = true;
                if let Step::Delivering(None) = self.step {
                    self.step = Step::Delivering(self.close_deadline(now));
                }
            }
            Event::TargetClosed => self.target_ended(now, self.end_of_target()),
            // A target that is done with its client drops TLS without a word, as many do.
            Event::TargetTruncated if self.client == Client::Closed && self.refusal.is_none() => {
                self.target_ended(now, Cause::TargetClosed);
            }
            Event::TargetTruncated | Event::TargetFailed => {
                self.target_ended(now, Cause::TargetFailed);
            }
            Event::TargetNotText => self.target_ended(now, Cause::TargetNotText),
            Event::TargetUnwritable { was_reset } => {
                let refusal = if was_reset { Refusal::Reset } else { Refusal::Ended };
                self.refusal.get_or_insert(refusal);
            }
            Event::TargetHasEverything => {
                self.target_has_everything = true;
                if let Step::Open = self.step {
                    self.step = Step::Lingering(now.checked_add(self.settings.linger));
                }
            }
            Event::Stalled(Direction::ToTarget) => {
                self.end(now, Cause::WriteTimeout(Direction::ToTarget));
                self.refusal.get_or_insert(Refusal::Reset);
                self.lost_bytes = true;
            }
            Event::Stalled(Direction::ToClient) => {
                self.cause.get_or_insert(Cause::WriteTimeout(Direction::ToClient));
                self.cut_client();
                self.give_up_writing(now);
            }
            Event::NoPong => {
                self.end(now, Cause::KeepAliveTimeout);
                self.give_up_reading();
            }
            Event::Drained => self.end(now, Cause::Drained),
        }
    }

    /// The time of [`poll_timeout`](Self::poll_timeout) has come. `progress` is what the client's
    /// machine has taken since it was last asked.
    pub fn handle_timeout(&mut self, now: Instant, progress: Progress) {
        if self.poll_timeout().is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.step {
            // Slow, but it has not come to the Close yet.
            Step::Delivering(_) if progress == Progress::Some => {
                self.step = Step::Delivering(self.close_deadline(now));
            }
            Step::Delivering(_) | Step::Closing(_) => {
                self.give_up_reading();
                if !self.client_has_everything || progress != Progress::Everything {
                    self.cut_client();
                }
            }
            // The only other step with a deadline is that of lingering.
            Step::Open | Step::Lingering(_) => self.finish_lingering(now),
        }
    }

    /// The Close that is to be queued behind the frame that is being written, once.
    pub fn poll_close(&mut self) -> Option<Close> {
        if std::mem::take(&mut self.owes_close) { self.close } else { None }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.step {
            Step::Open => None,
            // Then only the target is waited for, which takes the client's bytes.
            Step::Closing(_) | Step::Delivering(_)
                if self.client_has_everything && !self.reads_client() =>
            {
                None
            }
            Step::Lingering(until) | Step::Closing(until) | Step::Delivering(until) => until,
        }
    }

    /// Whether the client is read: it has not ended, and was not given up. What was read and not
    /// decoded when it was given up is thrown away.
    pub fn reads_client(&self) -> bool {
        self.client == Client::Open
    }

    /// Whether the target is read. If not, what it has sent and the client was not promised yet is
    /// thrown away.
    pub const fn reads_target(&self) -> bool {
        matches!(self.step, Step::Open | Step::Lingering(_))
    }

    /// Whether frames, or a Close, are still written to the client.
    pub const fn writes_client(&self) -> bool {
        !self.client_has_everything
    }

    /// Whether payload, or FIN, is still written to the target; payload is thrown away otherwise, and
    /// there is no FIN.
    pub const fn writes_target(&self) -> bool {
        self.refusal.is_none() && !self.target_has_everything
    }

    /// Whether nothing follows for the target, not even FIN.
    pub const fn target_has_everything(&self) -> bool {
        self.target_has_everything
    }

    /// Whether a FIN tells the target that it has everything.
    pub const fn finishes_target(&self) -> bool {
        self.refusal.is_none() && !self.lost_bytes
    }

    /// Whether nothing is wanted of the target any more, though the client may still take its time.
    pub const fn may_leave_target(&self) -> bool {
        (self.target_has_everything || self.refusal.is_some()) && !self.reads_target()
    }

    /// Whether the client is reset at once: it did not take what was left for it in time.
    pub const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether nothing is left to be relayed.
    pub const fn is_over(&self) -> bool {
        self.target_has_everything && self.client_has_everything
    }

    /// The first thing that ended the session. Only a target that lost the client's last bytes comes
    /// before the Close with which the client ended it.
    pub const fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// Which Close the client gets, if it gets one.
    pub const fn close(&self) -> Option<Close> {
        self.close
    }

    /// How the client is left.
    pub fn client_shutdown(&self) -> Shutdown {
        match self.client {
            Client::Lost => Shutdown::Immediate,
            _ if self.client_is_gone => Shutdown::Immediate,
            _ => Shutdown::Graceful,
        }
    }

    /// How the target is left.
    pub const fn target_shutdown(&self) -> Shutdown {
        let has_ended = matches!(self.cause, Some(Cause::TargetClosed | Cause::TargetFailed));
        if self.lost_bytes {
            Shutdown::Reset
        } else if self.refusal.is_some() || has_ended {
            Shutdown::Immediate
        } else {
            Shutdown::Acknowledged
        }
    }

    /// Until when both sides have to take their ends, where the session is over now. What the client
    /// closed, or broke, has one deadline in all. A client that answered our Close in time gets as
    /// long again.
    pub fn leave_by(&self, now: Instant) -> Instant {
        let close_timeout = self.settings.close_timeout;
        match self.step {
            Step::Closing(Some(until)) if now < until => until,
            Step::Closing(_) => now + close_timeout.min(SHORT),
            _ => now + close_timeout,
        }
    }

    fn client_ended(&mut self, now: Instant, client: Client, cause: Cause) {
        if !self.reads_client() {
            return;
        }
        self.client = client;
        self.cause.get_or_insert(cause);
        // One that has ended by itself is not waited for.
        if let Step::Delivering(_) = self.step {
            self.step = Step::Closing(self.close_deadline(now));
        }
    }

    /// What the end of the target's stream says. A reset is reported once: where a write has met it,
    /// the read behind it looks like FIN.
    const fn end_of_target(&self) -> Cause {
        match self.refusal {
            Some(Refusal::Reset) => Cause::TargetFailed,
            _ => Cause::TargetClosed,
        }
    }

    fn target_ended(&mut self, now: Instant, cause: Cause) {
        if !self.reads_target() {
            return;
        }
        self.stop_reading_target(match self.client {
            Client::Open => Step::Delivering(None),
            _ => Step::Closing(self.close_deadline(now)),
        });
        self.end(now, cause);
    }

    /// Ends the session from this side.
    fn end(&mut self, now: Instant, cause: Cause) {
        self.stop_reading_target(Step::Closing(self.close_deadline(now)));
        let loses = matches!(cause, Cause::TargetFailed | Cause::WriteTimeout(Direction::ToTarget));
        // A client that has closed gets its own Close back, but not when its bytes were lost.
        let replies = self.client == Client::Closed && !loses;
        self.order(if replies { Close::Reply } else { Close::Tell(cause) });
        if loses && self.cause == Some(Cause::ClientClosed) {
            self.cause = Some(cause);
        }
        self.cause.get_or_insert(cause);
    }

    fn order(&mut self, close: Close) {
        if self.close.is_none() {
            self.close = Some(close);
            self.owes_close = true;
        }
    }

    fn finish_lingering(&mut self, now: Instant) {
        match (self.client, self.refusal) {
            (Client::Closed, Some(Refusal::Reset)) => self.end(now, Cause::TargetFailed),
            (Client::Closed, _) => {
                self.stop_reading_target(Step::Closing(self.close_deadline(now)));
                self.order(Close::Reply);
            }
            // Lost without a Close: there is nothing to answer.
            _ => self.give_up_writing(now),
        }
    }

    fn stop_reading_target(&mut self, next: Step) {
        if self.reads_target() {
            self.step = next;
        }
    }

    /// The client is not read any more.
    fn give_up_reading(&mut self) {
        if self.reads_client() {
            self.client = Client::Lost;
        }
    }

    /// Nothing more is written to the client.
    fn give_up_writing(&mut self, now: Instant) {
        self.client_has_everything = true;
        self.stop_reading_target(Step::Closing(self.close_deadline(now)));
    }

    fn cut_client(&mut self) {
        self.is_cut = true;
        self.client_has_everything = true;
        self.give_up_reading();
    }

    fn close_deadline(&self, now: Instant) -> Option<Instant> {
        now.checked_add(self.settings.close_timeout)
    }
}
