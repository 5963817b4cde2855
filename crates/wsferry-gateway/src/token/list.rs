//! One file of tokens, as it was when it was read.

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::line::{self, Broken};
use super::settled::{self, Contents};
use crate::address::Address;
use crate::events::{Events, PluginEvent};
use crate::sys::{Stamp, open_file};

/// The maximum number of bytes of a token file. A hundred thousand entries have a few megabytes.
const MAX_SIZE: u64 = 256 << 20;
/// The maximum number of broken lines of a file that are reported one by one.
const MAX_TOLD: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Whole,
    /// The file did not stay still: it must be read again.
    Half,
    /// The next attempt may come out better, also if the file stays as it is.
    Unreadable,
}

/// The entries of a file.
pub(super) struct List {
    path: PathBuf,
    /// The state of the file that was read; `None` when there was nothing to look at.
    stamp: Option<Stamp>,
    state: State,
    entries: Vec<(Arc<str>, Address)>,
    /// What is wrong with it and was said already: a change elsewhere in the file is no reason to
    /// say it again.
    told: HashSet<u64>,
}

impl List {
    /// Reads a file, and says what is wrong with it unless `before` did. It waits for a file that
    /// changes until `until`. It blocks.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn read(
        path: &Path,
        until: Instant,
        before: Option<&Self>,
        events: &Events,
    ) -> io::Result<Self> {
        let Contents { bytes, stamp } = {
            let open = || open_file(path);
            settled::read(open, |error| error, MAX_SIZE, until, |_| false)?
        };
        let state = if stamp.is_some() { State::Whole } else { State::Half };
        let (entries, broken) = parse(&bytes, state == State::Half);
        let told = tell(path, &broken, before, events);
        Ok(Self { path: path.to_owned(), stamp, state, entries, told })
    }

    /// Stands for a file that cannot be read, and says so unless `before` did.
    pub(super) fn unreadable(
        path: &Path,
        error: &io::Error,
        before: Option<&Self>,
        events: &Events,
    ) -> Self {
        let why = error.to_string();
        let key = hash(&why);
        if before.is_none_or(|before| !before.told.contains(&key)) {
            events.tell(PluginEvent::TokenFileIgnored { file: path, why: &why });
        }
        let told = HashSet::from([key]);
        let (state, entries) = (State::Unreadable, Vec::new());
        Self { path: path.to_owned(), stamp: None, state, entries, told }
    }

    /// Whether a file with this stamp need not be read again.
    pub(super) fn is_of(&self, stamp: Option<Stamp>) -> bool {
        self.state == State::Whole && self.stamp == stamp
    }

    /// Whether the file is still as it was read: one call to the system.
    pub(super) fn is_current(&self) -> bool {
        self.is_of(Stamp::of(&self.path).ok())
    }

    /// Whether the file may have been read while it was being written.
    pub(super) const fn is_half(&self) -> bool {
        matches!(self.state, State::Half)
    }

    /// Whether the file could not be read.
    pub(super) const fn is_unreadable(&self) -> bool {
        matches!(self.state, State::Unreadable)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The entries in the order of the file; of two with the same token the later one counts.
    pub(super) fn entries(&self) -> &[(Arc<str>, Address)] {
        &self.entries
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, state, entries, .. } = self;
        write!(f, "List({path:?}, {state:?}, {} entries)", entries.len())
    }
}

/// A broken line: its number, a word that stands for its text, and what is wrong.
type BrokenLine = (usize, u64, Broken);

/// The last line of what may be half counts only when its end is there.
fn parse(bytes: &[u8], is_half: bool) -> (Vec<(Arc<str>, Address)>, Vec<BrokenLine>) {
    let bytes = line::without_mark(bytes);
    let (mut entries, mut broken) = (Vec::new(), Vec::new());
    for (index, text) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        if is_half && !text.ends_with(b"\n") {
            continue;
        }
        match line::read(text.trim_ascii_end()) {
            Some(Ok((token, target))) => entries.push((token.into(), target)),
            Some(Err(why)) => broken.push((index + 1, hash(text), why)),
            None => {}
        }
    }
    (entries, broken)
}

fn tell(
    file: &Path,
    broken: &[BrokenLine],
    before: Option<&List>,
    events: &Events,
) -> HashSet<u64> {
    let is_new =
        |&&(_, key, _): &&BrokenLine| before.is_none_or(|before| !before.told.contains(&key));
    let new: Vec<_> = broken.iter().filter(is_new).collect();
    for (number, _, why) in new.iter().take(MAX_TOLD) {
        let why = why.as_str();
        events.tell(PluginEvent::TokenLineIgnored { file, line: *number, why });
    }
    if new.len() > MAX_TOLD {
        events.tell(PluginEvent::TokenLinesIgnored { file, more: new.len() - MAX_TOLD });
    }
    broken.iter().map(|&(_, key, _)| key).collect()
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &[u8], is_half: bool) -> Vec<String> {
        parse(text, is_half).0.iter().map(|(token, to)| format!("{token}>{to}")).collect()
    }

    #[test]
    fn lines_end_as_unix_or_windows_has_it_and_the_last_one_need_not_end() {
        assert_eq!(tokens(b"a: h:1\r\n\r\nb: h:2\nc: h:3", false), ["a>h:1", "b>h:2", "c>h:3"]);
        assert_eq!(tokens(b"\xef\xbb\xbfa: h:1\n", false), ["a>h:1"]);
    }

    #[test]
    fn half_a_last_line_leads_nowhere() {
        assert_eq!(tokens(b"a: h:1\nb: 10.0.0.1:59", true), ["a>h:1"]);
    }

    #[test]
    fn a_broken_line_is_named_by_its_number_and_the_others_count() {
        let (entries, broken) = parse(b"# all\n\nbad\na: h:1\n\xff: h:1\nb: h\n", false);
        assert_eq!(entries.len(), 1);
        let numbers: Vec<_> = broken.iter().map(|&(number, _, why)| (number, why)).collect();
        assert_eq!(numbers, [(3, Broken::NoSeparator), (5, Broken::NoText), (6, Broken::NoTarget)]);
    }

    #[test]
    fn what_was_said_once_is_known_when_the_file_is_read_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "bad\na: h:1\n").unwrap();
        let first = List::read(file.path(), Instant::now(), None, &Events::default()).unwrap();
        std::fs::write(file.path(), "b: h:2\nbad\nworse\n").unwrap();
        let second =
            List::read(file.path(), Instant::now(), Some(&first), &Events::default()).unwrap();
        assert!(second.told.is_superset(&first.told), "moving a line is no new fault");
        assert_eq!((first.told.len(), second.told.len()), (1, 2));
    }
}
