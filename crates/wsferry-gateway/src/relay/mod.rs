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
//! How an end on one side becomes an end on the other is in `ends.rs`, a rule a line.

mod buffer;
mod deframe;
mod drain;
mod ends;
mod enframe;
mod long;
mod ping_schedule;
mod stall;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;
use wsferry_proto::{Connection, KeepAlive, Kind, Role};

pub use buffer::CHUNK;
use deframe::Deframe;
pub use drain::Drain;
use ends::Ending;
use enframe::Enframe;
use ping_schedule::PingSchedule;
pub(crate) use stall::Stall;

use crate::net::{Shutdown, Stream};
use crate::outcome::Cause;
use crate::tap::Tap;

/// Bytes of the longest character of UTF-8.
pub const LONGEST_CHARACTER: usize = 4;

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
    /// No message to the client has more bytes, whatever it is sent as.
    pub max_message: usize,
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
    /// The most bytes of a message to the client: a whole character at least, where it is text.
    pub fn longest_message(&self) -> usize {
        match self.send {
            Kind::Binary => self.max_message.max(1),
            Kind::Text => self.max_message.max(LONGEST_CHARACTER),
        }
    }

    /// The same for a client whose subprotocol says what it is to be sent.
    pub fn for_client(&self, send: Option<Kind>) -> Self {
        Self { send: send.unwrap_or(self.send), ..self.clone() }
    }

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
    /// The client was reset because it did not take what was left for it in time.
    pub is_cut: bool,
    /// Until when both sides are to be left.
    pub leave_by: Instant,
    /// The client, if it is still there, and how to leave it.
    pub client: Option<(Stream, Shutdown)>,
    /// The target, if there is one and it is still there, and how to leave it.
    pub target: Option<(Stream, Shutdown)>,
}

/// One session's two directions.
#[derive(Debug)]
pub struct Relay {
    /// Until it is left, which may be before the end.
    client: Option<Stream>,
    /// Until it is left, which may be before the end.
    target: Option<Stream>,
    tap: Option<Box<dyn Tap>>,
    machine: Connection,
    deframe: Deframe,
    enframe: Enframe,
    ping_schedule: PingSchedule,
    linger: Duration,
    close_timeout: Duration,
    /// The first thing that ended the session.
    cause: Option<Cause>,
    /// When to end the session because the gateway stops.
    drain_at: Option<Instant>,
    ending: Ending,
    /// When to look whether the target can be left.
    target_look: Option<Instant>,
    /// The client was reset because it did not take what was left for it in time.
    is_cut: bool,
    /// Payload bytes that were sent before the Ping or the Close whose answer is waited for.
    awaited: u64,
    /// How many of them the client had acknowledged when that was last looked at.
    acknowledged: u64,
}

impl Relay {
    /// A relay for a session; `early` is what the client sent behind its handshake, `tap` sees all
    /// that is relayed.
    pub fn new(
        client: Stream,
        target: Stream,
        early: &[u8],
        settings: &Settings,
        tap: Option<Box<dyn Tap>>,
    ) -> Self {
        let stall = Stall::new(settings.write_timeout);
        let may_splice = client.is_plain() && target.is_plain() && tap.is_none();
        Self {
            client: Some(client),
            target: Some(target),
            tap,
            machine: settings.machine(),
            deframe: Deframe::new(early, stall),
            enframe: Enframe::new(settings, may_splice, stall),
            ping_schedule: PingSchedule::of(settings.keep_alive),
            linger: settings.linger,
            close_timeout: settings.close_timeout,
            cause: None,
            drain_at: None,
            ending: Ending::Open,
            target_look: None,
            is_cut: false,
            awaited: 0,
            acknowledged: 0,
        }
    }

    /// Relays until both directions have ended. When the drain begins the client gets Close 1001,
    /// behind the frame that is being sent. `session` is its number, which decides when.
    ///
    /// Boxed: a future holds what it captures twice, and an idle session should not.
    pub async fn run(mut self: Box<Self>, drain: &Drain, session: u64) -> Ended {
        let mut begun = pin!(drain.begun(session));
        let mut timer = pin!(tokio::time::sleep(Duration::ZERO));
        let (mut armed, mut listens, mut drains) = (None, false, false);
        poll_fn(|cx| {
            // To ask takes locks that all sessions share: once to be woken, and when there is news.
            if !drains && (!listens || drain.has_begun()) {
                listens = true;
                if let Poll::Ready(delay) = begun.as_mut().poll(cx) {
                    drains = true;
                    self.drain_at = Instant::now().checked_add(delay);
                }
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
            if self.is_over() {
                return Poll::Ready(self.end(now));
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
        let (client, target) = (&mut self.client, &mut self.target);
        let machine = &mut self.machine;
        let tap = &mut self.tap;
        let to_target = self.deframe.poll(cx, now, client, target, machine, tap);
        let paused = machine.is_paused();
        self.enframe.is_alone = self.deframe.is_finished;
        let to_client = self.enframe.poll(cx, now, client, target, machine, tap);
        let turns = [to_target, to_client];
        let before = (self.cause.is_some(), machine.owes_control(), machine.close_is_sent());
        if turns.contains(&Poll::Ready(Turn::Over)) || self.deframe.end.is_some() {
            self.settle(now);
        }
        let machine = &self.machine;
        let after = (self.cause.is_some(), machine.owes_control(), machine.close_is_sent());
        let resumed = paused && !machine.is_paused();
        turns.contains(&Poll::Ready(Turn::More)) || resumed || before != after
    }
}

/// A relay that is dropped before its end (a drain that took too long, a panic) leaves both sides
/// with RST: a stream that was cut never looks complete.
impl Drop for Relay {
    fn drop(&mut self) {
        for stream in [self.client.take(), self.target.take()].into_iter().flatten() {
            stream.abort();
        }
    }
}
