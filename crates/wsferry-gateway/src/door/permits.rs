//! What a connection may hold before it is a session. Until its request head is judged and answered
//! it has a permit for its handshake; while it is sent a file or waits for its next request, it has
//! one for files instead. So slow downloads and idle connections keep nobody from a handshake, and
//! their number is limited too.
//!
//! An idle connection gives way to whoever needs its permit: it leaves the permit with
//! [`FilePermits`] and takes it back when its next request arrives.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// The permits of all connections that are sent files or wait for their next request.
#[derive(Debug)]
pub struct FilePermits {
    free: Arc<Semaphore>,
    idle: Mutex<Idle>,
}

/// Connections that wait for their next request, the one that has been idle longest first.
#[derive(Debug, Default)]
struct Idle {
    connections: BTreeMap<u64, Left>,
    next: u64,
}

/// What an idle connection has left here.
#[derive(Debug)]
struct Left {
    permit: OwnedSemaphorePermit,
    /// Dropping it tells the connection to end.
    _tell: oneshot::Sender<()>,
}

impl FilePermits {
    /// Permits for `maximum` connections at once.
    pub fn new(maximum: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(maximum)), idle: Mutex::default() }
    }

    /// Ends the connection that has been idle longest. Returns whether there was one.
    pub fn end_idle(&self) -> bool {
        self.oldest().is_some()
    }

    fn acquire(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).try_acquire_owned().ok().or_else(|| self.oldest())
    }

    fn oldest(&self) -> Option<OwnedSemaphorePermit> {
        self.idle().connections.pop_first().map(|(_, left)| left.permit)
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock()
    }
}

/// The permits of one connection, while hyper and the guard below it share them.
#[derive(Clone, Debug)]
pub(super) struct Permits(Arc<Mutex<Held>>);

/// The permits that a connection holds.
#[derive(Debug, Default)]
pub(super) struct Held {
    handshake: Option<OwnedSemaphorePermit>,
    file: Option<OwnedSemaphorePermit>,
}

impl From<OwnedSemaphorePermit> for Held {
    /// A new connection has a permit for its handshake.
    fn from(handshake: OwnedSemaphorePermit) -> Self {
        Self { handshake: Some(handshake), file: None }
    }
}

impl Held {
    /// The request head was answered.
    pub(super) fn answered(&mut self) {
        self.handshake = None;
    }
}

impl Permits {
    pub(super) fn new(held: Held) -> Self {
        Self(Arc::new(Mutex::new(held)))
    }

    /// Takes what is held, when it is no longer shared.
    pub(super) fn take(&self) -> Held {
        std::mem::take(&mut *self.held())
    }

    /// The request is for a file. Returns whether there is a permit for that.
    pub(super) fn change_to_file(&self, files: &FilePermits) -> bool {
        let mut held = self.held();
        if held.file.is_none() {
            held.file = files.acquire();
        }
        if held.file.is_some() {
            held.handshake = None;
        }
        held.file.is_some()
    }

    /// The request head was answered.
    pub(super) fn answered(&self) {
        self.held().answered();
    }

    /// The connection is idle.
    pub(super) fn park(&self, files: &Arc<FilePermits>) -> Option<Parked> {
        let permit = self.held().file.take()?;
        let (tell, told) = oneshot::channel();
        let mut idle = files.idle();
        let number = idle.next;
        idle.next += 1;
        idle.connections.insert(number, Left { permit, _tell: tell });
        Some(Parked { files: Arc::clone(files), number, told })
    }

    /// The connection is no longer idle. Another one may have its permit by now.
    pub(super) fn unpark(&self, parked: &Parked) {
        self.held().file = parked.files.idle().connections.remove(&parked.number).map(|l| l.permit);
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock()
    }
}

/// The permit that an idle connection has left.
#[derive(Debug)]
pub(super) struct Parked {
    files: Arc<FilePermits>,
    number: u64,
    told: oneshot::Receiver<()>,
}

impl Parked {
    /// Ready when the connection has to end, because another one has its permit.
    pub(super) fn poll_evicted(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.told).poll(cx).map(drop)
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        drop(self.files.idle().connections.remove(&self.number));
    }
}
