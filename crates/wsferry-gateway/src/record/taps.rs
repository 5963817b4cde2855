//! What is put into each session of a gateway.

use std::fmt::Display;

use tokio_util::task::TaskTracker;

use super::recorder::Recorder;
use super::traffic::Traffic;
use crate::outcome::Direction;
use crate::tap::Tap;

/// What is put into each session of a gateway.
#[derive(Debug)]
pub struct Taps {
    recorder: Option<Recorder>,
    traffic: Option<Traffic>,
    tasks: TaskTracker,
}

impl Taps {
    /// `tasks` is waited for when the gateway stops: until then everything is written.
    pub const fn new(
        recorder: Option<Recorder>,
        traffic: Option<Traffic>,
        tasks: TaskTracker,
    ) -> Self {
        Self { recorder, traffic, tasks }
    }

    /// Whether each session is recorded: a file of its own.
    pub const fn records(&self) -> bool {
        self.recorder.is_some()
    }

    /// The tap of a new session; `None`: nobody wants to see it.
    pub fn for_session(&self, client: &dyn Display) -> Option<Box<dyn Tap>> {
        let recorded = self.recorder.as_ref().map(|to| to.tap(client, self.tasks.token()));
        let marked = self.traffic.as_ref().map(Traffic::tap);
        match (recorded, marked) {
            (Some(recorded), Some(marked)) => Some(Box::new(Both(recorded, marked))),
            (recorded, marked) => recorded.or(marked),
        }
    }
}

/// Two taps at once.
#[derive(Debug)]
struct Both(Box<dyn Tap>, Box<dyn Tap>);

impl Tap for Both {
    fn payload(&mut self, direction: Direction, bytes: &[u8]) {
        self.0.payload(direction, bytes);
        self.1.payload(direction, bytes);
    }
}
