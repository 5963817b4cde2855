//! Starts a recording for each session.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};

use tokio_util::task::task_tracker::TaskTrackerToken;

use super::file::Names;
use super::queue::{Recorded, Recording};
use super::writer;
use crate::error::StartError;
use crate::events::Events;
use crate::tap::Tap;

/// Records sessions, each into a file of its own.
#[derive(Debug)]
pub struct Recorder {
    to_writer: Sender<Arc<Recording>>,
    next: AtomicU64,
    /// Bytes that wait in the queues of all recordings.
    waiting: Arc<AtomicUsize>,
}

impl Recorder {
    /// Records into `path.1`, `path.2` and so on, behind the highest number that is there already:
    /// no recording is ever overwritten.
    ///
    /// # Errors
    /// No file can be created there, or there can be no thread for it.
    pub fn new(path: &Path, events: &Events) -> Result<Self, StartError> {
        let failed = |source| StartError::Record { path: path.to_owned(), source };
        let names = Names::new(path).map_err(failed)?;
        let (to_writer, jobs) = channel();
        let thread = std::thread::Builder::new().name("recordings".to_owned());
        let events = events.clone();
        thread.spawn(move || writer::run(&jobs, names, &events)).map_err(failed)?;
        Ok(Self { to_writer, next: AtomicU64::new(0), waiting: Arc::default() })
    }

    /// A tap for a new session. The file is complete when `kept` is dropped, some time after the tap.
    pub fn tap(&self, client: &dyn Display, kept: TaskTrackerToken) -> Box<dyn Tap> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let waiting = Arc::clone(&self.waiting);
        let recording = Arc::new(Recording::new(id, client.to_string(), waiting, kept));
        Box::new(Recorded::new(recording, self.to_writer.clone()))
    }
}
