//! A WebSocket over a socket, as the client's side of a session: the one with the fast path.

mod deframe;
mod enframe;
mod long;
mod ping_schedule;
mod take;

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use wsferry_proto::ending::Progress;
use wsferry_proto::{CloseCode, CloseReason, Connection};

use self::deframe::Deframe;
use self::enframe::Enframe;
use self::ping_schedule::PingSchedule;
use crate::net::{Pipes, Stream};
use crate::outcome::Direction;
use crate::relay::{ClientEnd, ClientSide, Piece, Sent, Settings, TargetEnd, TargetSide};
use crate::tap::Tap;

/// A WebSocket client whose handshake is done.
#[derive(Debug)]
pub(super) struct WebSocket {
    /// Until it is left.
    stream: Option<Stream>,
    connection: Connection,
    deframe: Deframe,
    enframe: Enframe,
    ping_schedule: PingSchedule,
    /// Sees all payload.
    tap: Option<Box<dyn Tap>>,
    /// Payload bytes that were sent before the Ping or the Close whose answer is waited for.
    awaited: u64,
    /// How many of them the client's machine had acknowledged when that was last looked at.
    acknowledged: u64,
}

impl WebSocket {
    /// `early` is what the client sent behind its handshake.
    pub(super) fn new(
        stream: Stream,
        early: &[u8],
        settings: &Settings,
        tap: Option<Box<dyn Tap>>,
        pipes: Pipes,
    ) -> Self {
        let pipes = Some(pipes).filter(|_| stream.is_plain() && tap.is_none());
        Self {
            stream: Some(stream),
            connection: settings.connection(),
            deframe: Deframe::new(early),
            enframe: Enframe::new(settings, pipes),
            ping_schedule: PingSchedule::of(settings.keep_alive),
            tap,
            awaited: 0,
            acknowledged: 0,
        }
    }

    /// A Ping or a Close goes out behind what was sent so far.
    fn awaits_answer(&mut self) {
        self.awaited = self.enframe.promised();
        self.acknowledged = self.acknowledged();
    }

    fn unacknowledged(&self) -> usize {
        self.stream.as_ref().map_or(0, Stream::unacknowledged)
    }

    /// Payload bytes that the client's machine has acknowledged, give or take some headers.
    fn acknowledged(&self) -> u64 {
        self.enframe.bytes.saturating_sub(self.unacknowledged() as u64)
    }

    /// Whether the client has not come to what it is waited for, but still takes the bytes before it.
    fn is_behind(&mut self) -> bool {
        let acknowledged = self.acknowledged();
        let before = std::mem::replace(&mut self.acknowledged, acknowledged);
        before < acknowledged && acknowledged < self.awaited
    }
}

impl ClientSide for WebSocket {
    fn piece(&self) -> Option<Piece<'_>> {
        self.deframe.piece()
    }

    fn consume(&mut self, length: usize) {
        self.deframe.consume(length);
    }

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        keeps_messages: bool,
    ) -> Poll<Option<ClientEnd>> {
        let (stream, connection) = (self.stream.as_mut(), &mut self.connection);
        let end = ready!(self.deframe.poll(cx, now, stream, connection, keeps_messages));
        if let (Some(tap), Some(piece)) = (&mut self.tap, self.deframe.piece()) {
            tap.payload(Direction::ToTarget, piece.bytes);
        }
        Poll::Ready(end)
    }

    fn discard(&mut self) -> bool {
        self.deframe.discard()
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        is_last: bool,
    ) -> Poll<io::Result<Sent>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Ok(Sent::Nothing)) };
        let sent = ready!(self.enframe.poll_send(cx, now, stream, &mut self.connection, is_last));
        match &sent {
            Ok(Sent::Everything) => self.awaits_answer(),
            Ok(_) => {}
            Err(_) => self.connection.abandon_sending(),
        }
        if self.deframe.waits_for_pongs && !self.connection.owes_control() {
            self.deframe.waits_for_pongs = false;
            cx.waker().wake_by_ref(); // the other half may go on
        }
        Poll::Ready(sent)
    }

    fn poll_take<T: TargetSide>(
        &mut self,
        cx: &mut Context<'_>,
        target: &mut T,
    ) -> Poll<Option<TargetEnd>> {
        self.enframe.poll_take(cx, target, &self.connection, &mut self.tap)
    }

    fn gathers(&self) -> bool {
        self.deframe.is_decoding() && self.enframe.has_room() && !self.connection.owes_control()
    }

    fn holds_back(&self) -> bool {
        self.enframe.holds_back()
    }

    fn finish_frame(&mut self) -> io::Result<()> {
        self.enframe.finish_frame()
    }

    fn give_up(&mut self) {
        self.enframe.give_up();
    }

    fn close(&mut self, reason: Option<&CloseReason>) {
        match reason {
            Some(reason) => self.connection.close(reason),
            None => self.connection.reply(),
        }
    }

    fn received_close(&self) -> Option<u16> {
        let close = self.connection.received_close()?;
        Some(close.code.map_or(1005, CloseCode::get))
    }

    fn close_is_sent(&self) -> bool {
        self.connection.close_is_sent()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.connection.poll_timeout().map(|at| self.ping_schedule.after(at))
    }

    fn handle_timeout(&mut self, now: Instant, held_back: bool) -> bool {
        let held_back = self.is_behind() || held_back;
        let is_gone = self.connection.handle_timeout(now, held_back);
        if !is_gone && self.connection.owes_control() {
            self.awaits_answer();
        }
        is_gone
    }

    fn progress(&mut self) -> Progress {
        if self.is_behind() {
            Progress::Some
        } else if self.unacknowledged() > 0 {
            Progress::None
        } else {
            Progress::Everything
        }
    }

    fn peer_progress(&self) -> u64 {
        self.stream.as_ref().map_or(0, Stream::peer_progress)
    }

    fn sent(&self) -> u64 {
        self.enframe.bytes
    }

    fn take_stream(&mut self) -> Option<Stream> {
        self.stream.take()
    }
}
