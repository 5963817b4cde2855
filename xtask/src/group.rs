//! A process and all that it starts.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::keeper;

/// A process group that dies with this value.
pub(crate) struct Group {
    child: Child,
    pub(crate) id: Pid,
}

impl Group {
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        let child = command.process_group(0).spawn().with_context(|| format!("{command:?}"))?;
        let id = Pid::from_child(&child);
        keeper::watch(id);
        Ok(Self { child, id })
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = kill_process_group(self.id, Signal::KILL);
        let _ = self.child.wait();
        keeper::forget(self.id);
    }
}
