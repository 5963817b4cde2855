//! What lies beneath a directory, opened once: what was checked is what is used.
//!
//! A path that is checked and then opened may lead elsewhere by then: whoever may write in the
//! directory can put a link in the place of what was looked at. So a path is first followed to where
//! it really leads (links may lead to other places of the directory), and that place is opened from
//! the directory's own descriptor without following any link.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};

/// How many times a path is followed again that changed meanwhile.
const TRIES: usize = 8;

/// Something beneath a directory.
#[derive(Debug)]
pub struct Beneath {
    /// Where it was, without links, below the directory.
    pub place: PathBuf,
    /// What it is.
    pub metadata: Metadata,
    /// It is open: a file to be read; anything else only as a place.
    pub file: File,
}

/// Opens what `relative` leads to, if that is beneath `root`. Neither a pipe nor a device is waited
/// for. It blocks.
///
/// # Errors
/// `PermissionDenied`: it leads out of the directory. Else what the system says.
pub fn open_beneath(root: &Path, relative: &Path) -> io::Result<Beneath> {
    let mut tried = 0;
    loop {
        tried += 1;
        match follow(root, relative) {
            Err(error) if is_race(&error) && tried < TRIES => {}
            result => return result,
        }
    }
}

fn follow(root: &Path, relative: &Path) -> io::Result<Beneath> {
    // Not kept open: a directory that is deleted and made again is served as the new one.
    let root = root.canonicalize()?;
    let directory = system::Directory::open(&root)?;
    let real = root.join(relative).canonicalize()?;
    let leads_out =
        || io::Error::new(io::ErrorKind::PermissionDenied, "it leads out of the directory");
    let place = real.strip_prefix(&root).map_err(|_| leads_out())?.to_owned();
    debug_assert!(place.components().all(|part| matches!(part, Component::Normal(_))));
    let (file, metadata) = directory.open_beneath(&place).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::ErrorKind::Interrupted.into(), // it was there just now
        _ => error,
    })?;
    Ok(Beneath { place, metadata, file })
}

/// An entry of a directory.
#[derive(Debug)]
pub struct Entry {
    /// Its name.
    pub name: OsString,
    /// What it is, where the directory says so and it is no link.
    pub kind: Option<EntryKind>,
}

/// What an entry of a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// An ordinary file.
    File,
    /// A directory.
    Directory,
    /// A pipe, a device, a socket.
    Special,
}

impl From<&Metadata> for EntryKind {
    fn from(metadata: &Metadata) -> Self {
        match metadata {
            metadata if metadata.is_file() => Self::File,
            metadata if metadata.is_dir() => Self::Directory,
            _ => Self::Special,
        }
    }
}

impl Beneath {
    /// Whether a part of its name below the directory is that of a hidden file.
    pub fn is_hidden(&self) -> bool {
        let mut parts = self.place.components();
        parts.any(|part| part.as_os_str().as_encoded_bytes().starts_with(b"."))
    }

    /// The entries of a directory beneath `root`, read from what was opened. It blocks.
    ///
    /// # Errors
    /// It is no directory, or may not be read.
    #[cfg(unix)]
    pub fn entries(&self, _root: &Path) -> io::Result<impl Iterator<Item = Entry> + use<>> {
        use rustix::fs::{Dir, FileType, Mode, OFlags, openat};
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        // Opened again, as what can be read: not by its name.
        let read = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = Dir::new(openat(&self.file, ".", read, Mode::empty())?)?;
        Ok(directory.flatten().filter_map(|entry| {
            let name = OsStr::from_bytes(entry.file_name().to_bytes()).to_owned();
            let kind = match entry.file_type() {
                FileType::RegularFile => Some(EntryKind::File),
                FileType::Directory => Some(EntryKind::Directory),
                FileType::Symlink | FileType::Unknown => None,
                _ => Some(EntryKind::Special),
            };
            (name != "." && name != "..").then_some(Entry { name, kind })
        }))
    }

    /// The entries of a directory beneath `root`. It blocks.
    ///
    /// # Errors
    /// It is no directory, or may not be read.
    #[cfg(not(unix))]
    pub fn entries(&self, root: &Path) -> io::Result<impl Iterator<Item = Entry> + use<>> {
        let directory = std::fs::read_dir(root.join(&self.place))?;
        Ok(directory.flatten().map(|entry| {
            let kind = entry.file_type().ok();
            let kind = kind.filter(|kind| !kind.is_symlink()).map(|kind| match kind {
                kind if kind.is_file() => EntryKind::File,
                kind if kind.is_dir() => EntryKind::Directory,
                _ => EntryKind::Special,
            });
            Entry { name: entry.file_name(), kind }
        }))
    }
}

#[cfg(unix)]
fn is_race(error: &io::Error) -> bool {
    if error.kind() == io::ErrorKind::Interrupted {
        return true;
    }
    use rustix::io::Errno;
    // Followed, it was there and no link; opened, it was a link, or the tree was renamed.
    let races = [Errno::LOOP, Errno::AGAIN, Errno::XDEV, Errno::NOTDIR];
    races.into_iter().any(|race| error.raw_os_error() == Some(race.raw_os_error()))
}

#[cfg(not(unix))]
fn is_race(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Interrupted
}

#[cfg(unix)]
mod system {
    use std::fs::{File, Metadata};
    use std::io;
    use std::os::fd::{AsFd, OwnedFd};
    use std::path::{Component, Path};

    use rustix::fs::{Mode, OFlags, open, openat};

    /// A descriptor that stands for a place and cannot be read; elsewhere than on Linux one that can.
    #[cfg(target_os = "linux")]
    const PLACE: OFlags = OFlags::PATH;
    #[cfg(not(target_os = "linux"))]
    const PLACE: OFlags = OFlags::NONBLOCK;

    pub(super) struct Directory(OwnedFd);

    impl Directory {
        pub(super) fn open(path: &Path) -> io::Result<Self> {
            let flags = PLACE | OFlags::DIRECTORY | OFlags::CLOEXEC;
            Ok(Self(open(path, flags, Mode::empty())?))
        }

        /// Opens a place that no link is part of. What it is, is looked at before it is opened to be
        /// read: opening a device may do something.
        pub(super) fn open_beneath(&self, place: &Path) -> io::Result<(File, Metadata)> {
            let place = if place.as_os_str().is_empty() { Path::new(".") } else { place };
            let file = File::from(self.open_with(place, PLACE)?);
            let metadata = file.metadata()?;
            if !metadata.is_file() {
                return Ok((file, metadata));
            }
            let read = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
            let file = File::from(self.open_with(place, read)?);
            let metadata = file.metadata()?;
            Ok((file, metadata))
        }

        #[cfg(target_os = "linux")]
        fn open_with(&self, place: &Path, flags: OFlags) -> io::Result<OwnedFd> {
            use rustix::fs::{ResolveFlags, openat2};
            use rustix::io::Errno;
            let how =
                ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            match openat2(&self.0, place, flags | OFlags::CLOEXEC, Mode::empty(), how) {
                // An old kernel, or a filter of system calls that does not know it.
                Err(Errno::NOSYS | Errno::PERM) => self.walk(place, flags),
                result => Ok(result?),
            }
        }

        #[cfg(not(target_os = "linux"))]
        fn open_with(&self, place: &Path, flags: OFlags) -> io::Result<OwnedFd> {
            self.walk(place, flags)
        }

        /// The same, part by part.
        pub(super) fn walk(&self, place: &Path, flags: OFlags) -> io::Result<OwnedFd> {
            let every = OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let mut parts = place.components().map(Component::as_os_str).peekable();
            let mut directory: Option<OwnedFd> = None;
            while let Some(part) = parts.next() {
                let at = directory.as_ref().map_or(self.0.as_fd(), AsFd::as_fd);
                let is_last = parts.peek().is_none();
                let flags = if is_last { flags } else { PLACE | OFlags::DIRECTORY };
                let opened = openat(at, part, flags | every, Mode::empty())?;
                // With O_PATH a link itself is opened.
                if File::from(opened.try_clone()?).metadata()?.file_type().is_symlink() {
                    return Err(rustix::io::Errno::LOOP.into());
                }
                directory = Some(opened);
            }
            directory.ok_or_else(|| io::ErrorKind::NotFound.into())
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::fs::{File, Metadata};
    use std::io;
    use std::path::{Path, PathBuf};

    /// Here a path is opened as it was found.
    pub(super) struct Directory(PathBuf);

    impl Directory {
        pub(super) fn open(path: &Path) -> io::Result<Self> {
            Ok(Self(path.to_owned()))
        }

        pub(super) fn open_beneath(&self, place: &Path) -> io::Result<(File, Metadata)> {
            let mut options = File::options();
            options.read(true);
            #[cfg(windows)]
            {
                use std::os::windows::fs::OpenOptionsExt;
                options.custom_flags(0x0200_0000); // FILE_FLAG_BACKUP_SEMANTICS: directories too
            }
            let file = options.open(self.0.join(place))?;
            let metadata = file.metadata()?;
            Ok((file, metadata))
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for directory in ["root/real", "outside"] {
            fs::create_dir_all(folder.path().join(directory)).unwrap();
        }
        fs::write(folder.path().join("root/real/file"), "inside").unwrap();
        fs::write(folder.path().join("outside/file"), "outside").unwrap();
        symlink("real", folder.path().join("root/link")).unwrap();
        symlink(folder.path().join("root/real"), folder.path().join("root/absolute")).unwrap();
        symlink("../outside", folder.path().join("root/out")).unwrap();
        folder
    }

    fn text(mut found: Beneath) -> String {
        let mut text = String::new();
        found.file.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn links_within_the_root_are_followed_and_those_that_lead_out_are_not() {
        let folder = tree();
        let root = folder.path().join("root");
        for path in ["real/file", "link/file", "absolute/file"] {
            let found = open_beneath(&root, Path::new(path)).unwrap();
            assert_eq!(found.place, Path::new("real/file"));
            assert_eq!(text(found), "inside");
        }
        assert!(open_beneath(&root, Path::new("out/file")).is_err());
        assert!(open_beneath(&root, Path::new("")).unwrap().metadata.is_dir());
    }

    #[test]
    fn what_is_exchanged_for_a_link_meanwhile_never_leads_out() {
        let folder = tree();
        let root = folder.path().join("root");
        let (real, away, out) = (root.join("real"), root.join("away"), root.join("out"));
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    fs::rename(&real, &away).unwrap();
                    fs::rename(&out, &real).unwrap();
                    fs::rename(&real, &out).unwrap();
                    fs::rename(&away, &real).unwrap();
                }
            });
            for _ in 0..5000 {
                if let Ok(found) = open_beneath(&root, Path::new("real/file")) {
                    assert_eq!(text(found), "inside");
                }
            }
            is_over.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn a_walk_opens_what_one_call_would() {
        let folder = tree();
        let root = folder.path().join("root");
        let directory = system::Directory::open(&root).unwrap();
        let read = rustix::fs::OFlags::RDONLY;
        let mut text = String::new();
        let file = directory.walk(Path::new("real/file"), read).unwrap();
        File::from(file).read_to_string(&mut text).unwrap();
        assert_eq!(text, "inside");
        for link in ["link/file", "out/file", "link"] {
            assert!(directory.walk(Path::new(link), read).is_err(), "{link}");
        }
    }
}
