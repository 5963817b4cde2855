//! What a session puts aside for the thread that writes its recording: bounded, and never waited for.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::outcome::Direction;
use crate::tap::Tap;

/// The most bytes of one session that wait to be written.
pub(super) const MAX_WAITING: usize = 4 << 20;
/// The most bytes of all sessions that wait to be written.
pub(super) const MAX_WAITING_IN_ALL: usize = 64 << 20;

/// One session's recording, as the session and the writer share it.
pub(super) struct Recording {
    /// Tells recordings apart before their files have names.
    pub(super) id: u64,
    /// Whose session it is, for the log.
    pub(super) client: String,
    started: Instant,
    queue: Mutex<Queue>,
    /// Bytes that wait in the queues of all recordings.
    waiting: Arc<AtomicUsize>,
    /// The gateway does not end while this is kept.
    _kept: TaskTrackerToken,
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("id", &self.id).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Queue {
    batch: Batch,
    stage: Stage,
    /// The writer has been told that there is something to do.
    is_due: bool,
}

/// How far a recording is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// More may come.
    #[default]
    Open,
    /// The session has ended.
    Ended,
    /// The queue was full: nothing more is taken, so that the recording has no gap.
    Overflowed,
    /// The writer has finished with it.
    Over,
}

/// Frames that wait, in their order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    frames: Vec<(Direction, u64, usize)>,
    bytes: Vec<u8>,
}

impl Batch {
    /// The frames: direction, milliseconds since the start, payload.
    pub(super) fn frames(&self) -> impl Iterator<Item = (Direction, u64, &[u8])> {
        let mut start = 0;
        self.frames.iter().map(move |&(direction, millis, length)| {
            let payload = &self.bytes[start..start + length];
            start += length;
            (direction, millis, payload)
        })
    }

    fn size(&self) -> usize {
        self.bytes.len() + self.frames.len() * size_of::<(Direction, u64, usize)>()
    }
}

impl Recording {
    pub(super) fn new(
        id: u64,
        client: String,
        waiting: Arc<AtomicUsize>,
        kept: TaskTrackerToken,
    ) -> Self {
        let started = Instant::now();
        Self { id, client, started, queue: Mutex::default(), waiting, _kept: kept }
    }

    /// What waits, and what comes behind it.
    pub(super) fn take(&self) -> (Batch, Stage) {
        let mut queue = self.lock();
        queue.is_due = false;
        let batch = std::mem::take(&mut queue.batch);
        self.waiting.fetch_sub(batch.size(), Ordering::Relaxed);
        (batch, queue.stage)
    }

    /// Nothing more is taken.
    pub(super) fn finish(&self) {
        let mut queue = self.lock();
        queue.stage = Stage::Over;
        self.waiting.fetch_sub(queue.batch.size(), Ordering::Relaxed);
        queue.batch = Batch::default();
    }

    /// Puts a frame into the queue: whether the writer must be told.
    fn push(&self, direction: Direction, payload: &[u8]) -> bool {
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut queue = self.lock();
        if queue.stage != Stage::Open {
            return false;
        }
        let before = queue.batch.size();
        let is_full = before + payload.len() > MAX_WAITING
            || self.waiting.load(Ordering::Relaxed) + payload.len() > MAX_WAITING_IN_ALL;
        if is_full {
            queue.stage = Stage::Overflowed;
        } else {
            queue.batch.frames.push((direction, millis, payload.len()));
            queue.batch.bytes.extend_from_slice(payload);
            self.waiting.fetch_add(queue.batch.size() - before, Ordering::Relaxed);
        }
        !std::mem::replace(&mut queue.is_due, true)
    }

    /// The session has ended: whether the writer must be told.
    fn end(&self) -> bool {
        let mut queue = self.lock();
        match queue.stage {
            Stage::Open => queue.stage = Stage::Ended,
            Stage::Ended | Stage::Overflowed | Stage::Over => return false,
        }
        !std::mem::replace(&mut queue.is_due, true)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock()
    }
}

/// The tap of a session that is recorded.
#[derive(Debug)]
pub(super) struct Recorded {
    recording: Arc<Recording>,
    to_writer: Sender<Arc<Recording>>,
}

impl Recorded {
    /// Its file is opened at once, so that the log names it when the session begins.
    pub(super) fn new(recording: Arc<Recording>, to_writer: Sender<Arc<Recording>>) -> Self {
        recording.lock().is_due = true;
        let recorded = Self { recording, to_writer };
        recorded.tell();
        recorded
    }

    fn tell(&self) {
        // It only fails when the writer is gone, and then there is nobody to write.
        let _ = self.to_writer.send(Arc::clone(&self.recording));
    }
}

impl Tap for Recorded {
    fn payload(&mut self, direction: Direction, bytes: &[u8]) {
        if self.recording.push(direction, bytes) {
            self.tell();
        }
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        if self.recording.end() {
            self.tell();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use tokio_util::task::TaskTracker;

    use super::*;

    fn recording(waiting: &Arc<AtomicUsize>, tasks: &TaskTracker) -> Arc<Recording> {
        Arc::new(Recording::new(1, "client".to_owned(), Arc::clone(waiting), tasks.token()))
    }

    #[test]
    fn a_writer_that_does_not_come_ends_the_recording_and_memory_stays_bounded() {
        let (tasks, waiting) = (TaskTracker::new(), Arc::default());
        let (to_writer, jobs) = channel();
        let mut tap = Recorded::new(recording(&waiting, &tasks), to_writer);
        let chunk = [7; 64 * 1024];
        for _ in 0..1000 {
            tap.payload(Direction::ToClient, &chunk);
        }
        drop(tap);
        let shared = jobs.try_recv().unwrap();
        assert!(jobs.try_recv().is_err(), "the writer was told more than once");
        assert!(waiting.load(Ordering::Relaxed) <= MAX_WAITING);
        let (batch, stage) = shared.take();
        assert_eq!(stage, Stage::Overflowed);
        let kept: usize = batch.frames().map(|(_, _, payload)| payload.len()).sum();
        assert!((MAX_WAITING - 2 * chunk.len()..=MAX_WAITING).contains(&kept), "{kept}");
        assert_eq!(waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn many_sessions_together_are_bounded_too() {
        let (tasks, waiting) = (TaskTracker::new(), Arc::default());
        let (to_writer, jobs) = channel();
        let mut taps: Vec<_> = (0..40)
            .map(|_| Recorded::new(recording(&waiting, &tasks), to_writer.clone()))
            .collect();
        for tap in &mut taps {
            for _ in 0..50 {
                tap.payload(Direction::ToTarget, &[7; 64 * 1024]);
            }
        }
        let most = waiting.load(Ordering::Relaxed);
        assert!((MAX_WAITING_IN_ALL - (1 << 20)..MAX_WAITING_IN_ALL + (1 << 20)).contains(&most));
        drop(taps);
        for shared in jobs.try_iter() {
            shared.take();
            shared.finish();
        }
        assert_eq!(waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn frames_keep_their_order_and_their_edges() {
        let (tasks, waiting) = (TaskTracker::new(), Arc::default());
        let (to_writer, jobs) = channel();
        let mut tap = Recorded::new(recording(&waiting, &tasks), to_writer);
        tap.payload(Direction::ToTarget, b"one");
        tap.payload(Direction::ToClient, b"three");
        drop(tap);
        let (batch, stage) = jobs.recv().unwrap().take();
        assert_eq!(stage, Stage::Ended);
        let frames: Vec<_> = batch.frames().map(|(way, _, payload)| (way, payload)).collect();
        assert_eq!(
            frames,
            [(Direction::ToTarget, &b"one"[..]), (Direction::ToClient, &b"three"[..])]
        );
    }
}
