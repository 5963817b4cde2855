//! `--pid-file`: the number of the process that serves. The file is locked for as long as the process
//! lives: a second one is refused, and a number that was left behind is not mistaken for one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The file, which is this process's own. It goes when the process ends by itself.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    file: File,
    /// It holds this process's number.
    is_written: bool,
}

impl PidFile {
    /// Takes the file for this process, and does not write it yet.
    pub(crate) fn claim(path: PathBuf) -> Result<Self> {
        loop {
            let opened = open(&path);
            let mut file = opened.with_context(|| {
                format!(
                    "cannot write the pid file {path:?}; choose a file, not a link, in a directory \
                     that exists"
                )
            })?;
            if is_locked_by_another(&file) {
                bail!(
                    "the pid file {path:?} belongs to {}, which still runs; stop it, or choose \
                     another pid file",
                    holder(&mut file)
                );
            }
            if is_at(&file, &path) {
                return Ok(Self { path, file, is_written: false });
            }
            // Whoever had it has removed it meanwhile.
        }
    }

    /// Writes the number of this process.
    pub(crate) fn write(&mut self) -> Result<()> {
        let Self { path, file, is_written } = self;
        *is_written = true;
        let mut write = || -> io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(format!("{}\n", std::process::id()).as_bytes())
        };
        write().with_context(|| format!("cannot write the pid file {path:?}; see to its disk"))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // What stands in a file that was there, and was not written, is another program's.
        let is_own = self.is_written || self.file.metadata().is_ok_and(|file| file.len() == 0);
        if is_own && is_at(&self.file, &self.path) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Who says to be the owner of the file.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let _ = file.take(32).read_to_string(&mut text);
    text.trim().parse::<u32>().map_or("another process".to_owned(), |pid| format!("process {pid}"))
}

/// Opens the file itself: what a link leads to is nobody's pid file. For everybody to read (0644),
/// whatever the umask.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};

    use rustix::fs::OFlags;

    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o644);
    let file = options.custom_flags(flags.bits().cast_signed()).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.nlink() > 1 {
        return Err(io::Error::other("it is not an ordinary file with one name"));
    }
    // Another user's file may be one that this process can write, and not change the mode of.
    let _ = file.set_permissions(PermissionsExt::from_mode(0o644));
    Ok(file)
}

#[cfg(unix)]
fn is_locked_by_another(file: &File) -> bool {
    // Where files cannot be locked, a second process is not noticed.
    matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock))
}

/// Whether the name still leads to this file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |file: std::fs::Metadata| (file.dev(), file.ino());
    let own = file.metadata().map(identity).ok();
    own.is_some() && own == std::fs::symlink_metadata(path).map(identity).ok()
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Locks here keep others from reading.
#[cfg(not(unix))]
fn is_locked_by_another(_file: &File) -> bool {
    false
}

#[cfg(not(unix))]
fn is_at(_file: &File, _path: &Path) -> bool {
    true
}
