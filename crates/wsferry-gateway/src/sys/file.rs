//! Files that others write while they are read here: how one is opened without hanging, and how a
//! change is noticed.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What tells one state of a file from another without reading it: a file written again in place
/// has another time, one that was replaced has another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    size: u64,
    /// The last write: an old one may be given back to a file.
    written: Option<SystemTime>,
    /// The last change of the file, its name, owner or mode; elsewhere than on Unix its creation.
    status: Option<SystemTime>,
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
        let identity = (metadata.dev(), metadata.ino());
        Self { size: metadata.size(), written: metadata.modified().ok(), status, identity }
    }

    /// The stamp in what the system says of a file.
    #[cfg(not(unix))]
    pub fn new(metadata: &Metadata) -> Self {
        let (written, status) = (metadata.modified().ok(), metadata.created().ok());
        Self { size: metadata.len(), written, status, identity: (0, 0) }
    }

    /// The size of the file, in bytes.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// How long ago the file was changed; `None` if its time is unknown or lies ahead, as that of
    /// another machine may.
    pub fn age(&self) -> Option<Duration> {
        SystemTime::now().duration_since(self.written.max(self.status)?).ok()
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

/// What is in an ordinary file of at most `limit` bytes: certificates, keys, lists of authorities.
///
/// # Errors
/// What the system says; that it is no ordinary file, or longer.
pub fn read_file(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let (file, _) = open_file(path)?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let words = format!("it has more than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_put_in_place_with_the_old_time_and_size_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let [old, new] = ["old", "new"].map(|name| folder.path().join(name));
        fs::write(&old, "one").unwrap();
        fs::write(&new, "two").unwrap();
        let seen = Stamp::of(&old).unwrap();
        assert_eq!(seen, Stamp::of(&old).unwrap());
        let time = fs::metadata(&old).unwrap().modified().unwrap();
        File::options().write(true).open(&new).unwrap().set_modified(time).unwrap();
        fs::rename(&new, &old).unwrap();
        if cfg!(unix) {
            assert_ne!(seen, Stamp::of(&old).unwrap());
        }
    }

    #[test]
    fn a_missing_file_is_the_same_while_it_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let missing = Stamp::of(&path).ok();
        assert_eq!(missing, Stamp::of(&path).ok());
        fs::write(&path, "").unwrap();
        assert_ne!(missing, Stamp::of(&path).ok());
    }
}
