//! The relay: joins one client to one target until both directions have ended.
//!
//! One task moves both directions. Each reads into a buffer that exists only while data moves, and
//! does not read again before that was written: so a slow reader on one side slows the writer on
//! the other, and memory is a constant. No lock and no channel is on the path of a byte.
//!
//! ```text
//!            ┌──────────── deframe: decode, unmask ───────────►┐
//!   client ──┤                                                 ├── target
//!            └◄──────────── enframe: header + payload ─────────┘
//! ```
//!
//! How an end on one side becomes an end on the other is in [`Relay`]'s `settle`, a rule a line.

mod buffer;
mod deframe;
mod enframe;
mod long;
mod stall;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;
use wsferry_proto::{CloseCode, CloseReason, Connection, KeepAlive, Kind, Role};

pub use buffer::{Buffer, CHUNK, HEAD_ROOM};
use deframe::{ClientEnd, Deframe};
use enframe::{Enframe, TargetEnd};
use stall::Stall;

use crate::error::words;
use crate::net::{Farewell, Stream};
use crate::outcome::{Cause, Direction};

/// As many chunks one half moves before the other has its turn, so that a flood in one direction
/// does not keep the other one waiting.
const CHUNKS_PER_TURN: u32 = 16;

/// How a half's turn ended; `Pending` when it has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The other half's turn comes first.
    More,
    /// There is an end to be settled.
    Over,
}

/// How sessions are relayed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Pings for silent clients; `None`: no Pings.
    pub keep_alive: Option<KeepAlive>,
    /// Whether text messages are accepted (otherwise 1003).
    pub accept_text: bool,
    /// What the target's bytes are sent as.
    pub send: Kind,
    /// Whether long streams of the target may be moved without entering user space.
    pub splice: bool,
    /// How long the other side may take to answer a Close, or to end its connection.
    pub close_timeout: Duration,
    /// How long the target may still send after its client closed.
    pub linger: Duration,
    /// How long a side may take no byte at all; zero: for ever.
    pub write_timeout: Duration,
}

impl Settings {
    /// The protocol machine of a new connection.
    pub fn machine(&self) -> Connection {
        let settings = wsferry_proto::Settings {
            role: Role::Server,
            accept_text: self.accept_text,
            keep_alive: self.keep_alive,
        };
        Connection::new(settings, Instant::now())
    }
}

/// What is left when both directions have ended.
#[derive(Debug)]
pub struct Ended {
    /// Why.
    pub cause: Cause,
    /// The close code that tells it (RFC 6455 §7.1.5).
    pub close_code: u16,
    /// Payload bytes written to the target.
    pub to_target: u64,
    /// Payload bytes written to the client.
    pub to_client: u64,
    /// The client, and how to leave it.
    pub client: (Stream, Farewell),
    /// The target, if there is one, and how to leave it.
    pub target: Option<(Stream, Farewell)>,
}

/// One session's two directions.
#[derive(Debug)]
pub struct Relay {
    /// Only taken at the end, or when the relay is dropped before it.
    streams: Option<Streams>,
    machine: Connection,
    deframe: Deframe,
    enframe: Enframe,
    linger: Duration,
    close_timeout: Duration,
    /// The first thing that ended the session.
    cause: Option<Cause>,
    /// When to end the session because the gateway stops.
    drain_at: Option<Instant>,
    /// Until when the target may still send, once the client has closed.
    linger_until: Option<Instant>,
    /// Until when the client may answer our Close.
    close_until: Option<Instant>,
    /// Payload bytes that were sent before the Ping or the Close whose answer is waited for.
    awaited: u64,
    /// How many of them the client had acknowledged when that was last looked at.
    acknowledged: u64,
}

#[derive(Debug)]
struct Streams {
    client: Stream,
    target: Stream,
}

impl Relay {
    /// A relay for a session; `early` is what the client sent behind its handshake.
    pub fn new(client: Stream, target: Stream, early: &[u8], settings: &Settings) -> Self {
        let stall = Stall::new(settings.write_timeout);
        Self {
            streams: Some(Streams { client, target }),
            machine: settings.machine(),
            deframe: Deframe::new(early, stall),
            enframe: Enframe::new(settings, stall),
            linger: settings.linger,
            close_timeout: settings.close_timeout,
            cause: None,
            drain_at: None,
            linger_until: None,
            close_until: None,
            awaited: 0,
            acknowledged: 0,
        }
    }

    /// Relays until both directions have ended. When `drain` says so the client gets Close 1001,
    /// behind the frame that is being sent; `drain` gives how long that waits.
    ///
    /// The relay is boxed and `drain` is made in here: a future holds what it captures twice, and an
    /// idle session should not.
    pub async fn run<D: Future<Output = Duration>>(
        mut self: Box<Self>,
        drain: impl FnOnce() -> D,
    ) -> Ended {
        let mut drain = pin!(drain());
        let mut timer = pin!(tokio::time::sleep(Duration::ZERO));
        let mut armed = None;
        let mut drained = false;
        poll_fn(|cx| {
            if !drained && let Poll::Ready(delay) = drain.as_mut().poll(cx) {
                drained = true;
                self.drain_at = Instant::now().checked_add(delay);
            }
            self.poll(cx, timer.as_mut(), &mut armed)
        })
        .await
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut timer: Pin<&mut Sleep>,
        armed: &mut Option<Instant>,
    ) -> Poll<Ended> {
        let now = Instant::now();
        loop {
            let changed = self.poll_halves(cx, now);
            if self.is_over()
                && let Some(ended) = self.end()
            {
                return Poll::Ready(ended);
            }
            if changed {
                continue;
            }
            let Some(deadline) = self.deadline() else { return Poll::Pending };
            // A flood uses up the task's budget, and then no timer is ever ready: look at the clock.
            if now >= deadline {
                self.handle_timeouts(now);
                continue;
            }
            // A later deadline keeps the earlier timer: data that moves touches no timer.
            if armed.is_none_or(|armed| deadline < armed) {
                timer.as_mut().reset(deadline.into());
                *armed = Some(deadline);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            *armed = None;
            self.handle_timeouts(Instant::now());
        }
    }

    /// Moves both directions as far as they go: whether that made something new to do.
    fn poll_halves(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let Some(Streams { client, target }) = &mut self.streams else { return false };
        let machine = &mut self.machine;
        let to_target = self.deframe.poll(cx, now, client, target, machine);
        let paused = machine.is_paused();
        let to_client = self.enframe.poll(cx, now, client, target, machine);
        let resumed = paused && !machine.is_paused();
        let turns = [to_target, to_client];
        let before = (self.cause.is_some(), machine.owes_control(), machine.close_is_sent());
        if turns.contains(&Poll::Ready(Turn::Over)) || self.deframe.end.is_some() {
            self.settle(now);
        }
        let machine = &self.machine;
        let after = (self.cause.is_some(), machine.owes_control(), machine.close_is_sent());
        turns.contains(&Poll::Ready(Turn::More)) || resumed || before != after
    }

    /// What an end on one side means for the other.
    fn settle(&mut self, now: Instant) {
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
        }
        if let Some(end) = self.enframe.end.take() {
            self.enframe.is_closing = true;
            let cause = match (end, &self.deframe.broken) {
                (TargetEnd::NotText, _) => Cause::TargetNotText,
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
    fn close(&mut self, cause: Cause) {
        self.enframe.is_closing = true;
        if self.machine.received_close().is_some() {
            self.machine.reply();
        } else if let Some((code, reason)) = cause.close() {
            self.machine.close(&CloseReason::new(code, &reason));
        }
        self.cause.get_or_insert(cause);
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
    fn is_over(&self) -> bool {
        let client_is_gone = self.enframe.broken.is_some();
        self.deframe.is_finished && (self.enframe.is_finished || client_is_gone)
    }

    fn deadline(&self) -> Option<Instant> {
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

    fn handle_timeouts(&mut self, now: Instant) {
        if self.drain_at.is_some_and(|at| now >= at) {
            self.drain_at = None;
            self.close(Cause::Drained);
        }
        if self.machine.poll_timeout().is_some_and(|due| now >= due) {
            let held_back = self.deframe.holds_back() || self.enframe.holds_back();
            let held_back = self.client_is_behind() || held_back;
            if self.machine.handle_timeout(now, held_back) {
                self.close(Cause::KeepAliveTimeout);
                self.deframe.end = Some(ClientEnd::Lost("no pong".to_owned()));
            } else if self.machine.owes_control() {
                self.wait_for_client();
            }
        }
        if self.deframe.stall.elapsed(now) {
            self.close(Cause::WriteTimeout(Direction::ToTarget));
            self.deframe.stall.progress();
            self.deframe.broken = Some(std::io::ErrorKind::TimedOut.into());
        }
        if self.enframe.stall.elapsed(now) {
            self.cause.get_or_insert(Cause::WriteTimeout(Direction::ToClient));
            self.enframe.stall.progress();
            self.enframe.broken = Some(std::io::ErrorKind::TimedOut.into());
            self.enframe.is_finished = true;
            self.deframe.end = Some(ClientEnd::Lost("takes no data".to_owned()));
        }
        if self.linger_until.is_some_and(|until| now >= until) && !self.enframe.is_closing {
            self.enframe.is_closing = true;
            self.machine.reply();
            if self.machine.received_close().is_none() {
                self.enframe.is_finished = true; // lost without a Close: there is nothing to answer
            }
        }
        if self.close_until.is_some_and(|until| now >= until) && self.deframe.end.is_none() {
            if self.client_is_behind() {
                self.wait_for_close(now); // slow, but it has not come to the Close
            } else {
                self.deframe.end = Some(ClientEnd::Lost("did not answer the Close".to_owned()));
            }
        }
    }

    fn end(&mut self) -> Option<Ended> {
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
            (Cause::WriteTimeout(Direction::ToTarget), _) => Farewell::Abort,
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

/// A relay that is dropped before its end (a drain that took too long, a panic) leaves both sides
/// with RST: a stream that was cut never looks complete.
impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(Streams { client, target }) = self.streams.take() {
            client.abort();
            target.abort();
        }
    }
}

fn is_reset(error: &std::io::Error) -> bool {
    error.kind() != std::io::ErrorKind::BrokenPipe
}
