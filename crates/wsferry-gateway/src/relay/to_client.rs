//! The half of the relay that goes to the client.

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use wsferry_proto::ending::Event;

use super::client_side::{ClientSide, Sent};
use super::endpoint::{CHUNKS_PER_TURN, Endpoint, Turn};
use super::target_side::{TargetEnd, TargetSide};
use crate::error::words;
use crate::outcome::Cause;

impl<C: ClientSide, T: TargetSide> Endpoint<C, T> {
    /// Moves what can be moved to the client in one turn; ready when our Close was sent behind
    /// everything, or cannot be.
    pub(super) fn poll_to_client(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Turn> {
        let mut chunks = 0;
        loop {
            if !self.ending.writes_client() {
                self.client.give_up();
                return Poll::Ready(Turn::Over);
            }
            if !self.ending.reads_target()
                && let Err(error) = self.client.finish_frame()
            {
                self.client_is_unwritable(now, &error);
                continue;
            }
            if !T::KEEPS_MESSAGES || !self.client.gathers() {
                let is_last = self.ending.target_has_everything();
                let Poll::Ready(sent) = self.client.poll_send(cx, now, is_last) else {
                    self.client_stall.blocked(now);
                    return Poll::Pending;
                };
                self.client_stall.progress();
                match sent {
                    Ok(Sent::Nothing) => {}
                    Ok(Sent::Some) => continue,
                    Ok(Sent::Everything) => {
                        self.tell(now, Event::CloseWritten);
                        continue;
                    }
                    Err(error) => {
                        self.client_is_unwritable(now, &error);
                        continue;
                    }
                }
            }
            let Some(target) = self.target.as_mut().filter(|_| self.ending.reads_target()) else {
                return Poll::Pending;
            };
            if chunks == CHUNKS_PER_TURN {
                return Poll::Ready(Turn::More);
            }
            chunks += 1;
            if let Some(end) = ready!(self.client.poll_take(cx, target)) {
                self.target_ended(now, end);
            } else if T::KEEPS_MESSAGES {
                return Poll::Ready(Turn::More); // the next message may be received now
            }
        }
    }

    fn target_ended(&mut self, now: Instant, end: TargetEnd) {
        let event = match end {
            TargetEnd::Closed => Event::TargetClosed,
            TargetEnd::NotText => Event::TargetNotText,
            TargetEnd::Truncated(words) => {
                self.target_fault = Some(Cause::TargetFailed(words));
                Event::TargetTruncated
            }
            TargetEnd::Failed(cause) => {
                self.target_fault = Some(cause);
                Event::TargetFailed
            }
        };
        self.tell(now, event);
    }

    fn client_is_unwritable(&mut self, now: Instant, error: &io::Error) {
        self.client_words.get_or_insert_with(|| words(error));
        self.client.give_up();
        self.tell(now, Event::ClientUnwritable);
    }
}
