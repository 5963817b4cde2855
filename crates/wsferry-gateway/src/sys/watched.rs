//! A value that is made of files, and made again when they change: the last good one is in use.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::Stamp;

/// The value, and the files as they were when they were last read, with success or without.
///
/// Who uses the value takes the one of the moment and waits for nothing. Looking at the files
/// ([`look`](Self::look)) is for a thread that may block.
#[derive(Debug)]
pub struct Watched<T> {
    files: Vec<PathBuf>,
    value: RwLock<Arc<T>>,
    seen: Mutex<Vec<Option<Stamp>>>,
}

impl<T> Watched<T> {
    /// What `read` makes of these files.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn open<E>(files: Vec<PathBuf>, read: impl FnOnce() -> Result<T, E>) -> Result<Self, E> {
        // Seen before they are read: what changes in between is read again.
        let seen = Mutex::new(stamps(&files));
        let value = RwLock::new(Arc::new(read()?));
        Ok(Self { files, value, seen })
    }

    /// The last good value.
    pub fn current(&self) -> Arc<T> {
        Arc::clone(&self.value.read())
    }

    /// Looks at the files, and reads them again where they have changed: what came of it, once for
    /// each change; `None` where nothing changed. It blocks.
    ///
    /// # Errors
    /// Those of `read`; the old value stays.
    pub fn look<E>(&self, read: impl FnOnce() -> Result<T, E>) -> Option<Result<(), E>> {
        let mut seen = self.seen.lock();
        let now = stamps(&self.files);
        if *seen == now {
            return None;
        }
        *seen = now;
        Some(read().map(|value| *self.value.write() = Arc::new(value)))
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Option<Stamp>> {
    files.iter().map(|path| Stamp::of(path).ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use tempfile::{TempDir, tempdir};

    use super::*;

    fn read(path: &Path) -> Result<u32, String> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        text.trim().parse().map_err(|_| format!("{text:?} is no number"))
    }

    fn watched(text: &str) -> (TempDir, PathBuf, Watched<u32>) {
        let folder = tempdir().unwrap();
        let path = folder.path().join("number");
        fs::write(&path, text).unwrap();
        let watched = Watched::open(vec![path.clone()], || read(&path)).unwrap();
        (folder, path, watched)
    }

    #[test]
    fn a_file_that_changed_or_was_exchanged_gives_a_new_value() {
        let (folder, path, watched) = watched("1");
        assert_eq!((*watched.current(), watched.look(|| read(&path))), (1, None));
        fs::write(&path, "22").unwrap();
        assert_eq!(watched.look(|| read(&path)), Some(Ok(())));
        assert_eq!(*watched.current(), 22);
        let new = folder.path().join("new");
        fs::write(&new, "33").unwrap();
        fs::rename(&new, &path).unwrap();
        assert_eq!(watched.look(|| read(&path)), Some(Ok(())));
        assert_eq!(*watched.current(), 33);
    }

    #[test]
    fn a_file_that_became_bad_leaves_the_old_value_and_is_told_once() {
        let (_folder, path, watched) = watched("1");
        fs::write(&path, "one").unwrap();
        assert!(watched.look(|| read(&path)).unwrap().is_err());
        assert_eq!((*watched.current(), watched.look(|| read(&path))), (1, None));
        fs::remove_file(&path).unwrap();
        assert!(watched.look(|| read(&path)).unwrap().is_err());
        assert_eq!((*watched.current(), watched.look(|| read(&path))), (1, None));
        fs::write(&path, "4").unwrap();
        assert_eq!((watched.look(|| read(&path)), *watched.current()), (Some(Ok(())), 4));
    }

    #[test]
    fn what_changes_while_it_is_read_is_read_again() {
        let (_folder, path, watched) = watched("1");
        fs::write(&path, "22").unwrap();
        let reading = watched.look(|| {
            let value = read(&path);
            fs::write(&path, "333").unwrap();
            value
        });
        assert_eq!((reading, *watched.current()), (Some(Ok(())), 22));
        assert_eq!((watched.look(|| read(&path)), *watched.current()), (Some(Ok(())), 333));
    }

    #[test]
    fn while_one_reads_the_files_others_get_the_old_value_at_once() {
        let (_folder, path, watched) = watched("1");
        fs::write(&path, "22").unwrap();
        let looked = watched.look(|| {
            assert_eq!(*watched.current(), 1);
            read(&path)
        });
        assert_eq!((looked, *watched.current()), (Some(Ok(())), 22));
    }
}
