//! How the process runs.

use std::path::PathBuf;

/// How the process runs.
#[derive(Debug, Default)]
pub(crate) struct Process {
    /// In the background.
    pub(crate) daemon: bool,
    /// Where its number is written.
    pub(crate) pid_file: Option<PathBuf>,
}
