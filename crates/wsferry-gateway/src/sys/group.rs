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

    /// Whether nobody runs any more. Orphans that have ended do not count: process 1 waits for them,
    /// in its own time, or in many a container never. Ask only when the first of it was waited for.
    pub fn has_ended(&self) -> bool {
        self.is_empty() || self.has_only_ended()
    }

    /// Whether nobody is left, so that others may get its number. Ask only when the first of it was
    /// waited for: where this process is process 1, the orphans are waited for here.
    pub fn is_empty(&self) -> bool {
        use rustix::process::{WaitOptions, test_kill_process_group, waitpgid};
        while let Ok(Some(_)) = waitpgid(self.leader, WaitOptions::NOHANG) {}
        test_kill_process_group(self.leader) == Err(rustix::io::Errno::SRCH)
    }

    /// Whether each of those who are left has ended and only waits to be waited for, by what
    /// `/proc/PID/stat` says (proc(5)); not known without /proc.
    fn has_only_ended(&self) -> bool {
        let Ok(processes) = std::fs::read_dir("/proc") else { return false };
        let group = self.leader.as_raw_nonzero().to_string();
        let mut runs = processes.flatten().filter_map(|process| {
            let stat = std::fs::read_to_string(process.path().join("stat")).ok()?;
            // The name stands in parentheses and may hold any; then: state, parent, group.
            let mut words = stat.rsplit_once(") ")?.1.split(' ');
            let state = words.next()?;
            let is_of_group = words.nth(1)? == group;
            let threads = words.nth(14)?; // a first thread may end before the others
            is_of_group.then_some(!matches!((state, threads), ("Z" | "X", "0" | "1")))
        });
        cfg!(target_os = "linux") && !runs.any(|runs| runs)
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
    pub fn has_ended(&self) -> bool {
        true
    }

    /// Always.
    pub fn is_empty(&self) -> bool {
        true
    }
}
