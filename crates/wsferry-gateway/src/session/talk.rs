//! The client's side of a session whose target is built in, or was not reached: frames are written
//! while what the client says is read, and the end has one deadline.

use std::future::poll_fn;
use std::ops::Range;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::{sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use wsferry_proto::{
    CloseCode, CloseReason, Connection, Event, Header, Kind, MAX_CONTROL_FRAME, MAX_HEADER,
    Violation,
};

use crate::error::words;
use crate::net::{Shutdown, Stream};
use crate::outcome::{Cause, Direction};
use crate::relay::{self, CHUNK, Ended, Stall};

/// A client that is talked with.
pub(super) struct Talk {
    machine: Connection,
    client: Stream,
    /// What was read, and what of it is not decoded yet.
    room: Vec<u8>,
    raw: Range<usize>,
    /// Whole frames that are to be written, and how much of them was.
    out: Vec<u8>,
    written: usize,
    /// Everything that was written has left this side of the system too.
    is_flushed: bool,
    stall: Stall,
    close_timeout: Duration,
}

/// What the client said.
pub(super) enum Said {
    /// A slice of a message, in [`Talk::slice`].
    Payload { range: Range<usize>, kind: Kind, ends_message: bool },
    /// It wants to be answered, or nothing.
    Other,
    /// A Close.
    Close,
    /// Something that breaks a rule.
    Failed(Violation),
}

impl Talk {
    /// `early` is what the client sent behind its handshake.
    pub(super) fn new(client: Stream, early: &[u8], settings: &relay::Settings) -> Self {
        Self {
            machine: settings.machine(),
            client,
            room: early.to_vec(),
            raw: 0..early.len(),
            out: Vec::new(),
            written: 0,
            is_flushed: true,
            stall: Stall::new(settings.write_timeout),
            close_timeout: settings.close_timeout,
        }
    }

    /// Waits until something was read or everything was written, at the latest until `due`.
    /// `interrupts`: the client is read even while frames are being written.
    pub(super) async fn next(
        &mut self,
        interrupts: bool,
        due: Option<Instant>,
        drain: &CancellationToken,
    ) -> Result<(), Cause> {
        loop {
            if drain.is_cancelled() {
                return Err(Cause::Drained);
            }
            // A write that is blocked now is what the alarm is for.
            let first = poll_fn(|cx| Poll::Ready(self.poll(cx, interrupts))).await;
            if let Poll::Ready(moved) = first {
                return moved;
            }
            let alarm = [due, self.stall.deadline(), self.machine.poll_timeout()];
            tokio::select! {
                biased; // what the client says counts before its silence does
                moved = poll_fn(|cx| self.poll(cx, interrupts)) => return moved,
                () = drain.cancelled() => {}
                () = until(alarm.into_iter().flatten().min()) => self.look(interrupts)?,
            }
            if due.is_some_and(|due| due <= Instant::now()) {
                return Ok(());
            }
        }
    }

    /// Looks at the clock: why the session ends, if it does.
    fn look(&mut self, interrupts: bool) -> Result<(), Cause> {
        let now = Instant::now();
        if self.stall.elapsed(now, || self.client.peer_progress()) {
            return Err(Cause::WriteTimeout(Direction::ToClient));
        }
        let held_back = !self.is_idle() && (!interrupts || self.machine.is_paused());
        match self.machine.handle_timeout(now, held_back) {
            true => Err(Cause::KeepAliveTimeout),
            false => Ok(()),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, interrupts: bool) -> Poll<Result<(), Cause>> {
        let written = self.poll_write(cx)?;
        if !self.raw.is_empty() {
            // What is left waits for Pongs to be taken, which are behind what is being written.
            return if self.machine.is_paused() { written.map(Ok) } else { Poll::Ready(Ok(())) };
        }
        if self.is_idle() || interrupts {
            self.room.resize(CHUNK, 0);
            match self.client.poll_read(cx, &mut self.room) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(lost("connection ended"))),
                Poll::Ready(Ok(length)) => {
                    self.raw = 0..length;
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(lost(&words(&error)))),
                Poll::Pending => {}
            }
        }
        written.map(Ok)
    }

    /// Writes what is to be written, and what the protocol owes behind it: ready when that made
    /// everything written.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        let mut moved = false;
        loop {
            if self.out.is_empty() {
                self.owe();
            }
            let moving = match self.out.is_empty() {
                false => self.client.poll_write(cx, &self.out[self.written..]),
                true if self.is_flushed => {
                    return if moved { Poll::Ready(Ok(())) } else { Poll::Pending };
                }
                true => self.client.poll_flush(cx).map_ok(|()| 0),
            };
            match moving {
                Poll::Ready(Ok(0)) => self.is_flushed = true,
                Poll::Ready(Ok(length)) => {
                    self.written += length;
                    self.is_flushed = false;
                    if self.written == self.out.len() {
                        self.out.clear();
                        self.written = 0;
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(lost(&words(&error)))),
                Poll::Pending => {
                    self.stall.blocked(Instant::now());
                    return Poll::Pending;
                }
            }
            self.stall.progress();
            moved = true;
        }
    }

    /// Whether everything was written.
    pub(super) const fn is_idle(&self) -> bool {
        self.out.is_empty() && self.is_flushed
    }

    /// What the client said next, of what was read.
    pub(super) fn said(&mut self) -> Option<Said> {
        if self.raw.is_empty() {
            return None;
        }
        let start = self.raw.start;
        let read = &mut self.room[self.raw.clone()];
        let (taken, event) = self.machine.handle_bytes(Instant::now(), read);
        self.raw.start += taken;
        match event {
            Some(Event::Payload(payload)) => Some(Said::Payload {
                range: start + payload.range.start..start + payload.range.end,
                kind: payload.kind,
                ends_message: payload.ends_message,
            }),
            Some(Event::Close(_)) => Some(Said::Close),
            Some(Event::Failed(violation)) => Some(Said::Failed(violation)),
            Some(Event::Ping) => Some(Said::Other),
            None if taken > 0 => Some(Said::Other),
            None => None,
        }
    }

    /// The bytes of a slice of payload.
    pub(super) fn slice(&self, range: &Range<usize>) -> &[u8] {
        &self.room[range.clone()]
    }

    /// Lets the Pongs that are owed follow what is to be written.
    pub(super) fn owe(&mut self) {
        let mut frame = [0; MAX_CONTROL_FRAME];
        loop {
            match self.machine.poll_control(Instant::now(), &mut frame, None) {
                0 => return,
                length => self.out.extend_from_slice(&frame[..length]),
            }
        }
    }

    /// A frame that is to be written.
    pub(super) fn say(&mut self, kind: Kind, first: bool, fin: bool, payload: &[u8]) {
        if let Some(header) = self.machine.send(kind, first, fin, payload.len() as u64, None) {
            self.append(header, payload);
        }
    }

    /// The same with payload of the client.
    pub(super) fn say_back(&mut self, kind: Kind, first: bool, fin: bool, range: Range<usize>) {
        let room = std::mem::take(&mut self.room);
        self.say(kind, first, fin, &room[range]);
        self.room = room;
    }

    fn append(&mut self, header: Header, payload: &[u8]) {
        let mut room = [0; MAX_HEADER];
        let length = header.write_to(&mut room);
        self.out.extend_from_slice(&room[..length]);
        self.out.extend_from_slice(payload);
    }

    /// Ends the session: what is left of its frames and the Close have `close_timeout` in all.
    /// `payload`: bytes to the target, and to the client.
    pub(super) async fn end(mut self, cause: Cause, payload: (u64, u64)) -> Ended {
        let leave_by = Instant::now() + self.close_timeout;
        if cause == Cause::ClientClosed {
            self.machine.reply();
        } else if let Some((code, reason)) = cause.close() {
            self.machine.close(&CloseReason::new(code, &reason));
        }
        let is_told = cause == Cause::ClientClosed || cause.close().is_some();
        let mut is_cut = false;
        if is_told {
            let writing = poll_fn(|cx| match self.poll_write(cx) {
                Poll::Pending if self.is_idle() => Poll::Ready(Ok(())),
                other => other,
            });
            is_cut = timeout_at(leave_by.into(), writing).await.is_err();
        }
        let close_code = match (&cause, self.machine.received_close(), cause.close()) {
            (Cause::ClientClosed, Some(close), _) => close.code.map_or(1005, CloseCode::get),
            (_, _, Some((code, _))) => code.get(),
            _ => 1006,
        };
        let how = match cause {
            Cause::WriteTimeout(_) => Shutdown::Reset,
            _ if is_cut => Shutdown::Reset,
            Cause::ClientLost(_) | Cause::KeepAliveTimeout => Shutdown::Immediate,
            _ => Shutdown::Graceful,
        };
        let (to_target, to_client) = payload;
        let client = Some((self.client, how));
        Ended { cause, close_code, to_target, to_client, is_cut, leave_by, client, target: None }
    }
}

fn lost(why: &str) -> Cause {
    Cause::ClientLost(why.to_owned())
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
