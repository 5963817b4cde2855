//! Groups of processes: what a program starts is in its group, and can be ended with it.

use tokio::process::{Child, Command};

/// The group of a program that was started for it.
#[derive(Debug)]
pub struct Group {
    #[cfg(unix)]
    leader: rustix::process::Pid,
}

#[cfg(unix)]
impl Group {
    /// The program will be the first of a group of its own.
    pub fn begin(command: &mut Command) {
        command.process_group(0);
    }

    /// The group of a program that was started by a command made ready with [`Group::begin`]; `None`
    /// when it was waited for already.
    pub fn of(leader: &Child) -> Option<Self> {
        let id = i32::try_from(leader.id()?).ok()?;
        Some(Self { leader: rustix::process::Pid::from_raw(id)? })
    }

    /// Asks all of it to end (SIGTERM).
    pub fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// Ends all of it (SIGKILL).
    pub fn kill(&self) {
        self.signal(rustix::process::Signal::KILL);
    }

    /// Whether nobody is left. Ask only when the first of it was waited for: where this process is
    /// the one that orphans are given to (process 1 of a container), they are waited for here.
    pub fn is_empty(&self) -> bool {
        use rustix::process::{WaitOptions, test_kill_process_group, waitpgid};
        while let Ok(Some(_)) = waitpgid(self.leader, WaitOptions::NOHANG) {}
        test_kill_process_group(self.leader) == Err(rustix::io::Errno::SRCH)
    }

    fn signal(&self, signal: rustix::process::Signal) {
        // It fails for a group that is gone, and for one that became another user's.
        let _ = rustix::process::kill_process_group(self.leader, signal);
    }
}

/// There are no groups here.
#[cfg(not(unix))]
impl Group {
    /// Nothing.
    pub fn begin(_command: &mut Command) {}

    /// Nothing.
    pub fn of(_leader: &Child) -> Option<Self> {
        None
    }

    /// Nothing.
    pub fn terminate(&self) {}

    /// Nothing.
    pub fn kill(&self) {}

    /// Always.
    pub fn is_empty(&self) -> bool {
        true
    }
}
