//! The driver of a session: moves both directions and keeps its time.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::client_side::ClientSide;
use super::drain::Drain;
use super::endpoint::{Endpoint, Turn};
use super::ends::Ended;
use super::target_side::TargetSide;

impl<C: ClientSide, T: TargetSide> Endpoint<C, T> {
    /// Relays until both directions have ended. When the drain begins the client gets Close 1001,
    /// behind the frame that is being sent. `session` is its number, which decides when.
    ///
    /// Boxed: a future holds what it captures twice, and an idle session should not.
    pub(crate) async fn run(mut self: Box<Self>, drain: &Drain, session: u64) -> Ended {
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
            let to_target = self.poll_to_target(cx, now);
            let to_client = self.poll_to_client(cx, now);
            self.leave_target(now);
            if self.ending.is_over() {
                return Poll::Ready(self.end(now));
            }
            if [to_target, to_client].contains(&Poll::Ready(Turn::More)) {
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
}
