//! `--log-file`: a file that is appended to, and opened again under its name when logs are rotated.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::output::{Lines, Sink, write_lines};

/// The file of the log.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    /// `None`: it is a pipe that nobody reads yet.
    file: Option<File>,
    is_torn: bool,
}

impl LogFile {
    /// Opens it. A new one is for its owner and group (0640), whatever the umask.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: open(path)?, is_torn: false })
    }
}

impl Sink for LogFile {
    fn write(&mut self, lines: &Lines) -> usize {
        if self.file.is_none() {
            self.file = open(&self.path).unwrap_or_default();
        }
        match &mut self.file {
            Some(file) => write_lines(file, lines, &mut self.is_torn),
            None => lines.len(),
        }
    }

    fn reopen(&mut self) {
        match open(&self.path) {
            Ok(file) => (self.file, self.is_torn) = (file, false),
            Err(error) => {
                let file = self.path.display().to_string().escape_debug().to_string();
                tracing::warn!(%file, %error, "the log file cannot be reopened; the old one stays in use");
            }
        }
    }

    fn tell_lost(&mut self, lost: usize) {
        tracing::warn!(lost, "log lines were lost: they could not be written in time");
    }
}

/// Opens a file to append to it, or makes a new one. Opening a pipe does not wait for its reader.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<Option<File>> {
    use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};

    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

    let mut options = OpenOptions::new();
    options.append(true).custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
    let file = match options.clone().create_new(true).mode(0o640).open(path) {
        Ok(new) => {
            new.set_permissions(PermissionsExt::from_mode(0o640))?;
            new
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match options.open(path) {
            Ok(file) => file,
            Err(error) => {
                let is_pipe = std::fs::metadata(path).is_ok_and(|file| file.file_type().is_fifo());
                return if is_pipe { Ok(None) } else { Err(error) };
            }
        },
        Err(error) => return Err(error),
    };
    // From here on waiting is right: it is this thread's work.
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(Some(file))
}

/// Opens a file to append to it, or makes a new one.
#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<Option<File>> {
    OpenOptions::new().create(true).append(true).open(path).map(Some)
}
