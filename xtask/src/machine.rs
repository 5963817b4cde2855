//! Where and when a run took place.

use std::fs;
use std::process::Command;

/// The columns that are the same for each row of a run.
pub(crate) struct Machine {
    /// UTC, such as 2026-02-03T04-05-06: also the name of the run's file.
    pub(crate) date: String,
    pub(crate) kernel: String,
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    /// The commit of the repository, with `+` when there are changes besides.
    pub(crate) commit: String,
}

impl Machine {
    pub(crate) fn this() -> Self {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info.lines().find_map(|line| line.strip_prefix("model name"));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            date: first_line("date", &["-u", "+%Y-%m-%dT%H-%M-%S"]).unwrap_or_default(),
            kernel: kernel.trim().to_owned(),
            cpu: model.unwrap_or("unknown").trim_start_matches(['\t', ' ', ':']).to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            commit: first_line("git", &["describe", "--always", "--dirty=+"]).unwrap_or_default(),
        }
    }
}

/// The first line that a command prints on either stream, if it can be run.
pub(crate) fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    text.lines().find(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned())
}
