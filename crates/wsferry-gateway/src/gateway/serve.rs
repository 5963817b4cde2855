//! A gateway that runs: it accepts until something stops it, then drains.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::accept;
use super::listening::{ListenerId, close};
use super::sockets::Sockets;
use super::state::State;
use crate::events::GatewayEvent;

impl State {
    /// Accepts on all listeners that are open and do not yet.
    pub(super) fn accept(self: &Arc<Self>) {
        self.listeners().begin(|socket, id| accept::run(socket, id, Arc::clone(self)));
    }

    /// Looks at the files of the rules that hold now, and no longer at those of the ones before.
    pub(super) fn watch(&self) {
        let tasks = self.file_watch.begin(&self.rules.load(), &self.door.events);
        *self.watching.lock() = tasks;
    }

    /// Accepts until the gateway is stopped, then drains it. `connection` is the only one that there
    /// will be, where it was accepted before.
    pub(super) async fn serve(self: Arc<Self>, connection: Option<(ListenerId, Sockets)>) {
        self.watch();
        self.accept();
        if let Some((listener, sockets)) = connection
            && let Some((stream, client)) = sockets.connection
        {
            accept::only(&self, stream, client, listener);
        }
        self.until_stopped().await;
        self.listening.cancel();
        let gone = self.listeners().take();
        close(gone).await;
        let sessions = self.activity.sessions();
        self.door.events.tell(GatewayEvent::Draining { sessions });
        let drain_timeout = self.rules.load().limits.drain_timeout;
        self.drain.begin(sessions, drain_timeout / 2);
        self.tasks.close();
        if timeout(drain_timeout, self.tasks.wait()).await.is_err() {
            let left = self.activity.sessions();
            self.door.events.tell(GatewayEvent::DrainTimedOut { left });
        }
        *self.watching.lock() = JoinSet::new();
    }

    /// Waits for the first of what stops a gateway.
    async fn until_stopped(&self) {
        let stop = &self.door.stop;
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.until_done() => stop.cancel(),
            () = self.until_idle() => {
                self.door.events.tell(GatewayEvent::TimedOut { limit: "idle_timeout" });
                stop.cancel();
            }
        }
    }

    /// `--timeout`: when it is over nobody new comes in, and those that are there end by themselves.
    async fn until_done(&self) {
        let limit = self.rules.load().limits.timeout;
        let Some(limit) = limit else { return std::future::pending().await };
        tokio::time::sleep(limit).await;
        self.door.events.tell(GatewayEvent::TimedOut { limit: "timeout" });
        self.listening.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// `--idle-timeout`.
    async fn until_idle(&self) {
        let limit = self.rules.load().limits.idle_timeout;
        let Some(limit) = limit else { return std::future::pending().await };
        self.activity.idle_for(limit).await;
    }
}
