//! `--pid-file`: the number of the process that serves.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// The file; it goes when the process ends by itself.
#[derive(Debug)]
pub(super) struct PidFile(PathBuf);

impl PidFile {
    /// Writes it.
    pub(super) fn write(path: PathBuf) -> Result<Self> {
        std::fs::write(&path, format!("{}\n", std::process::id())).with_context(|| {
            format!("cannot write the pid file {path:?}; choose one in a directory that exists")
        })?;
        Ok(Self(path))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
