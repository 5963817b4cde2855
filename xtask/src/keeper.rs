//! A child process that outlives `bench` by a moment: whatever way `bench` ends (Ctrl-C, a panic,
//! SIGKILL), the pipe to the keeper ends too, and the keeper kills what is left and cleans up.

use std::collections::BTreeSet;
use std::io::{BufRead, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};

/// The pipe to the keeper.
static KEEPER: Mutex<Option<ChildStdin>> = Mutex::new(None);

/// Starts the keeper; `directory` is removed when this process ends.
pub(crate) fn start(directory: &Path) -> Result<()> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("keep")
        .arg(directory)
        .stdin(Stdio::piped())
        .process_group(0) // the terminal's Ctrl-C is not for it
        .spawn()
        .context("the keeper")?;
    if let Ok(mut keeper) = KEEPER.lock() {
        *keeper = child.stdin.take();
    }
    Ok(())
}

/// From now on the keeper kills this process group in the end.
pub(crate) fn watch(group: Pid) {
    tell('+', group);
}

/// The group has ended.
pub(crate) fn forget(group: Pid) {
    tell('-', group);
}

fn tell(sign: char, group: Pid) {
    if let Ok(mut keeper) = KEEPER.lock()
        && let Some(pipe) = keeper.as_mut()
    {
        let _ = writeln!(pipe, "{sign}{}", group.as_raw_nonzero());
    }
}

/// The keeper itself.
pub(crate) fn run(directory: &Path) -> Result<()> {
    let mut groups = BTreeSet::new();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let Some((sign, number)) = line.split_at_checked(1) else { continue };
        let Some(group) = number.parse().ok().and_then(Pid::from_raw) else { continue };
        if sign == "+" {
            groups.insert(group.as_raw_nonzero());
        } else {
            groups.remove(&group.as_raw_nonzero());
        }
    }
    for group in groups {
        if let Some(group) = Pid::from_raw(group.get()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
    let _ = std::fs::remove_dir_all(directory);
    Ok(())
}
