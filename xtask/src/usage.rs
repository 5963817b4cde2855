//! What the processes of a program cost, from /proc. They are found by their process group, so that
//! forked children count even when their parent has gone.

use std::fs;
use std::time::Duration;

use rustix::process::Pid;

/// A tick of `/proc/PID/stat`: Linux says 100 a second to every program.
const TICK: Duration = Duration::from_millis(10);

/// Resident memory in KiB.
#[derive(Clone, Copy, Default)]
pub(crate) struct Memory {
    /// With shared pages counted in each process.
    pub(crate) rss: u64,
    /// With shared pages divided among those who share them.
    pub(crate) pss: u64,
}

/// CPU time so far of a process group, children that have ended included.
pub(crate) fn cpu(group: Pid) -> Duration {
    processes(group).iter().map(|process| process.own_cpu() + process.reaped).sum()
}

/// Memory of a process group now.
pub(crate) fn memory(group: Pid) -> Memory {
    let mut sum = Memory::default();
    for process in processes(group) {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", process.id));
        for line in rollup.unwrap_or_default().lines() {
            let mut words = line.split_whitespace();
            let (name, value) = (words.next(), words.next());
            let value = value.and_then(|text| text.parse().ok()).unwrap_or(0);
            match name {
                Some("Rss:") => sum.rss += value,
                Some("Pss:") => sum.pss += value,
                _ => {}
            }
        }
    }
    sum
}

struct Process {
    id: u32,
    /// User and system time of the process, threads that have ended included, in whole ticks.
    ticks: Duration,
    /// The same of children that have ended.
    reaped: Duration,
}

impl Process {
    /// schedstat is exact, but without threads that have ended; ticks are coarse, but with them.
    fn own_cpu(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.id));
        let exact = tasks.into_iter().flatten().flatten().filter_map(|task| {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(exact.sum::<u64>()).max(self.ticks)
    }
}

fn processes(group: Pid) -> Vec<Process> {
    let group = group.as_raw_nonzero().to_string();
    let ids = fs::read_dir("/proc").into_iter().flatten().flatten();
    ids.filter_map(|entry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name is in parentheses and may have any characters; fields are counted behind it.
        let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
        let ticks =
            |index: usize| fields.get(index).and_then(|text| text.parse().ok()).unwrap_or(0);
        (*fields.get(2)? == group).then(|| Process {
            id,
            ticks: TICK * (ticks(11) + ticks(12)),
            reaped: TICK * (ticks(13) + ticks(14)),
        })
    })
    .collect()
}
