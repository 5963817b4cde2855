//! Files that others write while they are read here: how one is opened without hanging, and how a
//! change is noticed.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What tells one state of a file from another without reading it: a file written again in place
/// has another time, one that was replaced has another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    size: u64,
    /// The last write, or the last change of the file's name, owner or mode, whichever is later.
    changed: Option<SystemTime>,
    /// The last write alone: an old one may be given back to a file.
    written: Option<SystemTime>,
    /// Device and number, where files have them.
    identity: (u64, u64),
}

impl Stamp {
    /// The stamp of what a name leads to, links followed.
    ///
    /// # Errors
    /// There is nothing, or it may not be looked at.
    pub fn of(path: &Path) -> io::Result<Self> {
        Ok(Self::new(&std::fs::metadata(path)?))
    }

    /// The stamp in what the system says of a file.
    #[cfg(unix)]
    pub fn new(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        let seconds = u64::try_from(metadata.ctime()).unwrap_or(0);
        let nanoseconds = u32::try_from(metadata.ctime_nsec()).unwrap_or(0);
        let status = SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds));
        let written = metadata.modified().ok();
        let identity = (metadata.dev(), metadata.ino());
        Self { size: metadata.size(), changed: written.max(status), written, identity }
    }

    /// The stamp in what the system says of a file.
    #[cfg(not(unix))]
    pub fn new(metadata: &Metadata) -> Self {
        let (written, created) = (metadata.modified().ok(), metadata.created().ok());
        Self { size: metadata.len(), changed: written.max(created), written, identity: (0, 0) }
    }

    /// The size of the file, in bytes.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// How long ago the file was changed; `None` if its time is unknown or lies ahead, as that of
    /// another machine may.
    pub fn age(&self) -> Option<Duration> {
        SystemTime::now().duration_since(self.changed?).ok()
    }
}

/// Opens an ordinary file to read it. Opening a pipe without a writer does not wait.
///
/// # Errors
/// What the system says; that it is no ordinary file.
pub fn open_file(path: &Path) -> io::Result<(File, Metadata)> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not an ordinary file"));
    }
    Ok((file, metadata))
}
