//! Where log lines go.

use std::fs::OpenOptions;
use std::io::IsTerminal;
use std::sync::Mutex;

use anyhow::{Context, Result};
use tracing::Level;
use tracing_subscriber::fmt;

use super::args::Log;

/// Begins logging: to a file, or to standard error.
pub(super) fn init(log: &Log) -> Result<()> {
    let level = if log.verbose { Level::DEBUG } else { Level::INFO };
    let lines = fmt().with_max_level(level).with_target(false);
    match &log.file {
        None => {
            let colours = std::io::stderr().is_terminal();
            lines.with_writer(std::io::stderr).with_ansi(colours).init();
        }
        Some(path) => {
            let file =
                OpenOptions::new().create(true).append(true).open(path).with_context(|| {
                    format!(
                        "cannot write the log file {path:?}; choose one in a directory that exists"
                    )
                })?;
            lines.with_writer(Mutex::new(file)).with_ansi(false).init();
        }
    }
    // A panic ends its own session only, and is a line like every other.
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "a task failed")));
    Ok(())
}
