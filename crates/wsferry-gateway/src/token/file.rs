//! `TokenFile` and `ReadOnlyTokenFile`: tokens in a file, or in the files of a directory, with lines
//! of `token: host:port`.
//!
//! A look-up asks the system whether the file that gave the token has changed, and reads nothing
//! while it has not. The system is asked away from the runtime's threads: one check and one scan at a
//! time. Where it does not answer, look-ups end after [`timeouts::TOKEN_FILE_LOOK_UP`]. A token that is not known makes it look at every file, at most so often that a
//! tenth of a processor is spent on it; meanwhile that look-up waits. So whatever was written before
//! a look-up counts, with one exception: when two files of a directory have the same token, a change
//! of the one that did not count is seen within [`OTHERS`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, sleep_until, timeout};

use super::current::Checker;
use super::scan::{Scanner, Snapshot};
use super::{LookUp, LookUpError, Looking, Token, TokenSource};
use crate::address::Address;
use crate::events::Events;
use crate::timeouts;

/// How long the other files of a directory go unseen while all tokens are known.
const OTHERS: Duration = Duration::from_secs(1);

/// Tokens in files that are read again when they have changed.
#[derive(Debug)]
pub struct TokenFile {
    files: Files,
}

impl TokenFile {
    /// The tokens of a file, or of the files of a directory. Nothing is read before it is
    /// prepared, or looked up in.
    pub fn new(source: impl Into<PathBuf>) -> Self {
        Self::with_events(source, &Events::default())
    }

    /// The same, and tells what is wrong with the files.
    pub fn with_events(source: impl Into<PathBuf>, events: &Events) -> Self {
        Self { files: Files::new(source.into(), events) }
    }

    /// How many times a file has been read so far.
    pub fn reads(&self) -> u64 {
        self.files.view().reads
    }
}

impl TokenSource for TokenFile {
    fn look_up<'a>(&'a self, token: &'a Token) -> LookUp<'a> {
        Box::pin(in_time(self.files.look_up(token.as_str())))
    }

    fn prepare(&self) -> Looking<'_> {
        Box::pin(self.files.prepare())
    }
}

/// Tokens in files that are read once.
#[derive(Debug)]
pub struct ReadOnlyTokenFile {
    files: Files,
}

impl ReadOnlyTokenFile {
    /// The tokens of a file, or of the files of a directory. Nothing is read before it is
    /// prepared, or looked up in; while it cannot be read, each look-up tries again.
    pub fn new(source: impl Into<PathBuf>) -> Self {
        Self::with_events(source, &Events::default())
    }

    /// The same, and tells what is wrong with the files.
    pub fn with_events(source: impl Into<PathBuf>, events: &Events) -> Self {
        Self { files: Files::new(source.into(), events) }
    }
}

impl TokenSource for ReadOnlyTokenFile {
    fn look_up<'a>(&'a self, token: &'a Token) -> LookUp<'a> {
        Box::pin(async move {
            let snapshot = self.files.view().snapshot;
            if snapshot.is_whole {
                return snapshot.answer(token.as_str());
            }
            in_time(self.files.refresh(Instant::now())).await?.answer(token.as_str())
        })
    }

    fn prepare(&self) -> Looking<'_> {
        Box::pin(self.files.prepare())
    }
}

#[derive(Debug)]
struct Files {
    view: Arc<Mutex<View>>,
    /// One scan at a time.
    scanner: Arc<tokio::sync::Mutex<Scanner>>,
    checker: Checker,
}

/// What comes within the deadline.
async fn in_time<T>(work: impl Future<Output = Result<T, LookUpError>>) -> Result<T, LookUpError> {
    timeout(timeouts::TOKEN_FILE_LOOK_UP, work).await.unwrap_or_else(|_| {
        let seconds = timeouts::TOKEN_FILE_LOOK_UP.as_secs();
        Err(LookUpError::Unavailable(format!("the files were not read within {seconds} s")))
    })
}

/// What look-ups see without waiting.
#[derive(Clone, Debug, Default)]
struct View {
    snapshot: Arc<Snapshot>,
    /// When the other files of a directory are to be looked at again.
    due: Option<Instant>,
    reads: u64,
}

impl Files {
    fn new(source: PathBuf, events: &Events) -> Self {
        let scanner = Arc::new(tokio::sync::Mutex::new(Scanner::new(source, events.clone())));
        Self { view: Arc::default(), scanner, checker: Checker::default() }
    }

    fn view(&self) -> View {
        self.view.lock().clone()
    }

    async fn look_up(&self, token: &str) -> Result<Address, LookUpError> {
        let asked = Instant::now();
        let View { snapshot, due, .. } = self.view();
        let Some((target, list)) = snapshot.find(token) else {
            return self.refresh(asked).await?.answer(token);
        };
        if !self.checker.is_current(Arc::clone(list)).await {
            return self.refresh(asked).await?.answer(token);
        }
        if due.is_none_or(|due| asked < due) {
            return Ok(target.clone());
        }
        match Arc::clone(&self.scanner).try_lock_owned() {
            Ok(scanner) => self.scan(scanner).await?.answer(token),
            Err(_) => Ok(target.clone()), // somebody else is looking
        }
    }

    /// Reads them, and tells which lines are of no use, before the first client comes.
    async fn prepare(&self) {
        let _ = in_time(self.refresh(Instant::now())).await; // what cannot be read is told at a look-up
    }

    /// What the source holds, by a scan that began after `asked`.
    async fn refresh(&self, asked: Instant) -> Result<Arc<Snapshot>, LookUpError> {
        let scanner = Arc::clone(&self.scanner).lock_owned().await;
        if scanner.began.is_some_and(|began| asked < began) {
            return Ok(self.view().snapshot);
        }
        sleep_until(scanner.rested).await;
        self.scan(scanner).await
    }

    /// Scans on a thread that may block. It holds the scanner itself: a client that goes away does
    /// not end its scan, and a thousand of them do not begin a thousand.
    async fn scan(
        &self,
        mut scanner: OwnedMutexGuard<Scanner>,
    ) -> Result<Arc<Snapshot>, LookUpError> {
        let view = Arc::clone(&self.view);
        let scanning = tokio::task::spawn_blocking(move || {
            let snapshot = scanner.scan().map(Arc::new);
            let due = scanner.is_directory.then(|| scanner.rested.max(Instant::now() + OTHERS));
            let mut view = view.lock();
            let snapshot = snapshot.unwrap_or_else(|| Arc::clone(&view.snapshot));
            let new = View { snapshot: Arc::clone(&snapshot), due, reads: scanner.reads };
            let old = std::mem::replace(&mut *view, new);
            drop(view); // an old snapshot may take long to be dropped
            drop(old);
            snapshot
        });
        scanning.await.map_err(|error| LookUpError::Unavailable(error.to_string()))
    }
}
