//! Which content a file has, without reading it: what `stat` says of it.

use std::path::Path;
use std::time::SystemTime;

/// Two looks at a file that are the same have seen the same content, as far as the file system can
/// tell. A file that cannot be looked at is the same as before as long as that lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity(Option<Seen>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    modified: Option<SystemTime>,
    size: u64,
    /// Device, inode, and when the inode changed (seconds, nanoseconds): a file that was put in its
    /// place by a rename with its old time and size is a new one.
    #[cfg(unix)]
    inode: (u64, u64, i64, i64),
}

impl Identity {
    /// Follows links, so that a link that points elsewhere is another file.
    pub(super) fn of(path: &Path) -> Self {
        let Ok(metadata) = std::fs::metadata(path) else { return Self(None) };
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Self(Some(Seen {
            modified: metadata.modified().ok(),
            size: metadata.len(),
            #[cfg(unix)]
            inode: (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};

    #[test]
    fn a_file_put_in_place_with_the_old_time_and_size_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let [old, new] = ["old", "new"].map(|name| folder.path().join(name));
        fs::write(&old, "one").unwrap();
        fs::write(&new, "two").unwrap();
        let seen = Identity::of(&old);
        assert_eq!(seen, Identity::of(&old));
        let time = fs::metadata(&old).unwrap().modified().unwrap();
        File::options().write(true).open(&new).unwrap().set_modified(time).unwrap();
        fs::rename(&new, &old).unwrap();
        if cfg!(unix) {
            assert_ne!(seen, Identity::of(&old));
        }
    }

    #[test]
    fn a_missing_file_is_the_same_while_it_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let missing = Identity::of(&path);
        assert_eq!(missing, Identity::of(&path));
        fs::write(&path, "").unwrap();
        assert_ne!(missing, Identity::of(&path));
    }
}
