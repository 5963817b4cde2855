//! Where log lines go.

use std::path::PathBuf;

use crate::syslog::Syslog;

/// Where log lines go, and how many there are.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) verbose: bool,
    pub(crate) file: Option<PathBuf>,
    pub(crate) syslog: Option<Syslog>,
    /// Whether they are those of a process in the background.
    pub(crate) is_daemon: bool,
    /// What is to be said about the options at the start.
    pub(crate) notes: Vec<String>,
}
