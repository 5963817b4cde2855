//! A Unix socket that was opened as a file: what was found is what is connected to, whatever stands
//! under its name by then.

use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::sys::Beneath;
use parking_lot::Mutex;

/// A socket in the file system. Two are equal when their paths are.
#[derive(Clone, Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Open until it is connected to. Elsewhere than on Linux it is not kept.
    opened: Arc<Mutex<Option<File>>>,
}

impl SocketFile {
    /// What was found beneath `root`, if it is a socket.
    pub fn new(root: &Path, found: Beneath) -> Option<Self> {
        let path = root.join(&found.place);
        let opened = cfg!(target_os = "linux").then_some(found.file);
        is_socket(&found.metadata).then(|| Self { path, opened: Arc::new(Mutex::new(opened)) })
    }

    /// Where it was found.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Connects to it. It is let go of then: a second attempt goes by its path.
    ///
    /// # Errors
    /// What the system says.
    #[cfg(unix)]
    pub async fn connect(&self) -> io::Result<super::Stream> {
        use std::os::fd::AsRawFd;
        let opened = self.opened.lock().take();
        let path = match &opened {
            Some(file) => format!("/proc/self/fd/{}", file.as_raw_fd()).into(),
            None => self.path.clone(),
        };
        let stream = tokio::net::UnixStream::connect(path).await?;
        Ok(super::Stream::Plain(super::Socket::Unix(stream)))
    }

    /// There are no such sockets here.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(unix))]
    pub async fn connect(&self) -> io::Result<super::Stream> {
        drop(self.opened.lock().take());
        std::future::ready(Err(io::ErrorKind::Unsupported.into())).await
    }
}

impl From<PathBuf> for SocketFile {
    fn from(path: PathBuf) -> Self {
        Self { path, opened: Arc::default() }
    }
}

impl PartialEq for SocketFile {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for SocketFile {}

impl Hash for SocketFile {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.path.hash(state);
    }
}

#[cfg(unix)]
fn is_socket(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    metadata.file_type().is_socket()
}

/// Here sockets cannot be told from other files.
#[cfg(not(unix))]
fn is_socket(_metadata: &std::fs::Metadata) -> bool {
    false
}
