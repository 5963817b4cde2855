//! The files of a token source and what is known of them: which have changed, and which token is in
//! which of them.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::list::List;
use super::{LookUpError, settled};
use crate::address::Address;
use crate::events::{Events, PluginEvent};
use crate::sys::Stamp;

/// After looking at all files, so many times as long nobody looks again: guessed tokens make the
/// gateway look, and they shall not have more than a tenth of a processor.
const REST: u32 = 10;
/// But they never wait longer.
const MAX_REST: Duration = Duration::from_secs(2);

/// What a source held when it was last looked at.
#[derive(Default)]
pub(super) struct Snapshot {
    /// Where each token stands. A look-up compares keyed hashes (the standard library's, with
    /// a key of this process) before it compares text, so its time tells nobody how much of a guess was right.
    index: HashMap<Arc<str>, (Arc<List>, usize)>,
    /// Why there is nothing.
    trouble: Option<String>,
    /// Every file was at rest when it was read.
    pub(super) is_whole: bool,
}

impl Snapshot {
    /// Where a token leads, by this snapshot.
    pub(super) fn answer(&self, token: &str) -> Result<Address, LookUpError> {
        if let Some(trouble) = &self.trouble {
            return Err(LookUpError::Unavailable(trouble.clone()));
        }
        let found = self.find(token).map(|(target, _)| target.clone());
        found.ok_or_else(|| LookUpError::Unknown("no line has it".to_owned()))
    }

    /// Where a token leads and the file that says so.
    pub(super) fn find(&self, token: &str) -> Option<(&Address, &Arc<List>)> {
        let (list, at) = self.index.get(token)?;
        list.entries().get(*at).map(|(_, target)| (target, list))
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({} tokens, {:?})", self.index.len(), self.trouble)
    }
}

/// Looks at the files, and reads those that have changed. It blocks.
#[derive(Debug)]
pub(super) struct Scanner {
    source: PathBuf,
    events: Events,
    /// By the whole path, as text: a path is compared by its parts, which takes long.
    lists: HashMap<OsString, Arc<List>>,
    /// When the last scan began.
    pub(super) began: Option<Instant>,
    /// When the next one may begin.
    pub(super) rested: Instant,
    /// How many times a file was read.
    pub(super) reads: u64,
    /// Why what was read before stays in use, as it was told.
    told: Option<String>,
    /// Whether the last scan found the source.
    is_readable: bool,
    /// Whether the source is a directory: its files may change each other's entries.
    pub(super) is_directory: bool,
}

impl Scanner {
    pub(super) fn new(source: PathBuf, events: Events) -> Self {
        Self {
            source,
            events,
            lists: HashMap::new(),
            began: None,
            rested: Instant::now(),
            reads: 0,
            told: None,
            is_readable: false,
            is_directory: false,
        }
    }

    /// Looks at the source; `None`: nothing has changed since the last time.
    pub(super) fn scan(&mut self) -> Option<Snapshot> {
        let began = Instant::now();
        self.began = Some(began);
        let found = self.files();
        let looked = Instant::now();
        self.rested = looked + ((looked - began) * REST).min(MAX_REST);
        match found.and_then(|files| self.read(files)) {
            Ok(has_changed) => {
                self.told = None;
                let is_back = !std::mem::replace(&mut self.is_readable, true);
                (has_changed || is_back).then(|| self.snapshot())
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound && !self.lists.is_empty() => {
                let why = error.to_string();
                if self.told.as_ref() != Some(&why) {
                    let file = &self.source;
                    self.events.tell(PluginEvent::TokenFileKept { file, why: &why });
                    self.told = Some(why);
                }
                None
            }
            Err(error) => {
                self.lists.clear();
                self.is_readable = false;
                let trouble = format!("{}: {error}", self.source.display());
                Some(Snapshot { trouble: Some(trouble), ..Snapshot::default() })
            }
        }
    }

    /// The files of the source and their stamps.
    fn files(&mut self) -> io::Result<Vec<(PathBuf, Option<Stamp>)>> {
        let metadata = std::fs::metadata(&self.source)?;
        self.is_directory = metadata.is_dir();
        if !self.is_directory {
            return Ok(vec![(self.source.clone(), Some(Stamp::new(&metadata)))]);
        }
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.source)? {
            let entry = entry?;
            if !is_token_file(&entry.file_name().to_string_lossy()) {
                continue;
            }
            let path = entry.path();
            let metadata = std::fs::metadata(&path); // of what a link leads to
            let is_other = metadata.as_ref().is_ok_and(|metadata| !metadata.is_file());
            if is_other && !self.lists.contains_key(path.as_os_str()) {
                continue; // one that was a file is told of
            }
            files.push((path, metadata.as_ref().map(Stamp::new).ok()));
        }
        Ok(files)
    }

    /// Reads what has changed: whether anything has.
    fn read(&mut self, files: Vec<(PathBuf, Option<Stamp>)>) -> io::Result<bool> {
        let mut before = std::mem::take(&mut self.lists);
        let mut has_changed = false;
        let until = std::time::Instant::now() + settled::PATIENCE;
        for (path, stamp) in files {
            let old = before.remove(path.as_os_str());
            let list = match old {
                Some(old) if old.is_of(stamp) => old,
                old => {
                    self.reads += 1;
                    let new = match self.list(&path, until, old.as_deref()) {
                        Ok(new) => new,
                        Err(error) => {
                            self.lists.extend(old.map(|old| (path.into_os_string(), old)));
                            return Err(error);
                        }
                    };
                    let was_unreadable = old.is_some_and(|old| old.is_unreadable());
                    has_changed |= !(was_unreadable && new.is_unreadable());
                    Arc::new(new)
                }
            };
            self.lists.insert(path.into_os_string(), list);
        }
        Ok(has_changed || !before.is_empty())
    }

    /// A file among others may be unreadable; one that is all there is may not.
    fn list(&self, path: &Path, until: std::time::Instant, old: Option<&List>) -> io::Result<List> {
        match List::read(path, until, old, &self.events) {
            Err(error) if self.is_directory => {
                Ok(List::unreadable(path, &error, old, &self.events))
            }
            list => list,
        }
    }

    /// Of two lines with the same token the later one counts, and of two files the one whose name is
    /// later.
    fn snapshot(&self) -> Snapshot {
        let mut lists: Vec<_> = self.lists.values().collect();
        lists.sort_unstable_by(|a, b| a.path().as_os_str().cmp(b.path().as_os_str()));
        let mut index = HashMap::with_capacity(lists.iter().map(|list| list.entries().len()).sum());
        for list in &lists {
            for (at, (token, _)) in list.entries().iter().enumerate() {
                index.insert(Arc::clone(token), (Arc::clone(list), at));
            }
        }
        let is_whole = lists.iter().all(|list| !list.is_half());
        Snapshot { index, trouble: None, is_whole }
    }
}

/// Hidden files are somebody's scratch paper, or half-copied; those with `~` are what an editor kept
/// of a file before its last change, with the tokens that were taken out.
fn is_token_file(name: &str) -> bool {
    !name.starts_with('.') && !name.ends_with('~')
}
