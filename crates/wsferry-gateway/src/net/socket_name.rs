//! The name of a Unix socket in the file system, which is removed with its listener.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The name of a Unix socket. Dropping it removes the file, unless another socket got the name.
#[derive(Debug)]
pub struct SocketName {
    path: PathBuf,
    /// Device and number of the file.
    file: (u64, u64),
}

impl SocketName {
    /// `file` is the socket that `path` leads to.
    pub(super) fn new(path: &Path, file: &Metadata) -> Self {
        Self { path: path.to_owned(), file: number(file) }
    }
}

impl Drop for SocketName {
    fn drop(&mut self) {
        if std::fs::symlink_metadata(&self.path).is_ok_and(|there| number(&there) == self.file) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn number(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}
