//! The half of the relay that goes to the target.

use std::task::{Context, Poll, ready};
use std::time::Instant;

use wsferry_proto::ending::Event;

use super::client_side::{ClientEnd, ClientSide};
use super::endpoint::{CHUNKS_PER_TURN, Endpoint, Turn};
use super::target_side::TargetSide;

impl<C: ClientSide, T: TargetSide> Endpoint<C, T> {
    /// Moves what can be moved to the target in one turn; ready when FIN was sent behind everything,
    /// or cannot be.
    pub(super) fn poll_to_target(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Turn> {
        let mut chunks = 0;
        loop {
            if self.ending.target_has_everything() {
                return Poll::Ready(Turn::Over);
            }
            if let Some(piece) = self.client.piece() {
                let length = piece.bytes.len();
                let target = self.target.as_mut().filter(|_| self.ending.writes_target());
                let Some(target) = target else {
                    self.client.consume(length); // nobody wants it any more
                    continue;
                };
                let Poll::Ready(written) = target.poll_write(cx, piece) else {
                    self.target_is_blocked(now);
                    return Poll::Pending;
                };
                self.target_stall.progress();
                match written {
                    Ok(length) => {
                        self.client.consume(length);
                        self.to_target += length as u64;
                        self.is_unflushed = true;
                    }
                    Err(error) => self.target_is_unwritable(now, &error),
                }
                continue;
            }
            if self.is_unflushed {
                if let Some(target) = self.target.as_mut().filter(|_| self.ending.writes_target()) {
                    let Poll::Ready(flushed) = target.poll_flush(cx) else {
                        self.target_is_blocked(now);
                        return Poll::Pending;
                    };
                    self.target_stall.progress();
                    if let Err(error) = flushed {
                        self.target_is_unwritable(now, &error);
                    }
                }
                self.is_unflushed = false;
            }
            if !self.ending.reads_client() {
                return self.poll_finish_target(cx, now);
            }
            if chunks == CHUNKS_PER_TURN {
                return Poll::Ready(Turn::More);
            }
            chunks += 1;
            if let Some(end) = ready!(self.client.poll_receive(cx, now, T::KEEPS_MESSAGES)) {
                self.client_ended(now, end);
            }
        }
    }

    fn client_ended(&mut self, now: Instant, end: ClientEnd) {
        let event = match end {
            ClientEnd::Closed => Event::ClientClosed,
            ClientEnd::Failed(violation) => Event::ClientFailed(violation),
            ClientEnd::Lost(why) => {
                self.client_words.get_or_insert(why);
                Event::ClientLost
            }
        };
        self.tell(now, event);
    }

    /// Ends what goes to the target, behind everything.
    fn poll_finish_target(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Turn> {
        if self.client.discard() {
            self.tell(now, Event::ClientBytesLost);
        }
        if self.ending.finishes_target()
            && let Some(target) = &mut self.target
        {
            // An error means that the target has ended already: there is nobody to tell.
            if target.poll_shutdown(cx).is_pending() {
                self.target_is_blocked(now); // the end of TLS has to wait as other bytes do
                return Poll::Pending;
            }
            self.target_stall.progress();
        }
        self.tell(now, Event::TargetHasEverything);
        Poll::Ready(Turn::Over)
    }
}
