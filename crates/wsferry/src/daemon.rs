//! `--daemon`: the program starts itself again in the background, waits until that one listens, and
//! leaves. So whoever started it learns by the exit status whether it runs, and nothing is forked
//! while there are threads.

#[cfg(not(unix))]
use anyhow::Result;

#[cfg(unix)]
pub(crate) use unix::{Detached, begin};

/// Which of the two this process is.
#[derive(Debug)]
pub(crate) enum Role {
    /// The first one: its work is done.
    #[cfg(unix)]
    Starter,
    /// The one that serves, in the background.
    #[cfg(unix)]
    Daemon,
}

#[cfg(unix)]
mod unix {
    use std::fs::{File, OpenOptions};
    use std::io::{BufRead, BufReader, Write};
    use std::ops::Range;
    use std::os::fd::{AsFd, OwnedFd, RawFd};
    use std::os::unix::process::{CommandExt, parent_id};
    use std::process::{Command, Stdio};

    use anyhow::{Context, Result};

    use super::Role;
    use crate::args;

    /// Tells the second process that it is the one in the background: the number of the first one.
    /// What it starts itself inherits the variable, and is not meant.
    const MARK: &str = "WSFERRY_STARTER";
    /// What the second process says when it listens.
    const READY: &str = "ready";

    /// Begins the process in the background, or is it.
    pub(crate) fn begin() -> Result<Role> {
        if std::env::var(MARK).is_ok_and(|starter| starter == parent_id().to_string()) {
            return Ok(Role::Daemon);
        }
        let mut words = args::words().into_iter();
        let program = std::env::current_exe().context("cannot find the program to start again")?;
        let mut command = Command::new(program);
        if let Some(name) = words.next() {
            command.arg0(name); // by which it may be websockify
        }
        command
            .args(words)
            .env(MARK, std::process::id().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        // It lives for long: a lock of the shell that started it is not to be held for as long.
        wsferry_gateway::sys::keep_from_children(&given_sockets());
        command.env_remove("LISTEN_PID"); // they are for the process in the background
        let child = command.spawn();
        let mut child = child.context("cannot start a process in the background")?;
        let mut said = child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines);
        if said.any(|line| line.is_ok_and(|line| line == READY)) {
            return Ok(Role::Starter);
        }
        let status = child.wait().context("cannot wait for the process in the background")?;
        std::process::exit(status.code().unwrap_or(1)) // it has said why
    }

    /// The sockets that systemd opened for this process (`sd_listen_fds(3)`).
    fn given_sockets() -> Range<RawFd> {
        let number = |name| std::env::var(name).ok()?.parse::<RawFd>().ok();
        let is_meant = match std::env::var("LISTEN_PID") {
            Ok(process) if !process.is_empty() => process == std::process::id().to_string(),
            _ => true,
        };
        let count = number("LISTEN_FDS").filter(|_| is_meant).unwrap_or(0);
        3..count.saturating_add(3)
    }

    /// The process in the background, before it has said that it listens.
    #[derive(Debug)]
    pub(crate) struct Detached {
        starter: File,
        /// Where an error is still heard.
        stderr: Option<OwnedFd>,
    }

    impl Detached {
        /// Lets the terminal go, and the directory too unless `stays`. What is started from now on
        /// has neither.
        pub(crate) fn new(stays: bool) -> Result<Self> {
            let nothing = OpenOptions::new().write(true).open("/dev/null");
            let nothing = nothing.context("there is no /dev/null")?;
            let keep = |stream: &dyn AsFd| stream.as_fd().try_clone_to_owned();
            let starter = keep(&std::io::stdout()).context("cannot keep standard output")?;
            let stderr = keep(&std::io::stderr()).context("cannot keep standard error")?;
            if !stays {
                std::env::set_current_dir("/").context("cannot go to the root directory")?;
            }
            let _ = rustix::process::setsid(); // an error: it leads a session already
            rustix::stdio::dup2_stdout(&nothing).context("cannot let standard output go")?;
            rustix::stdio::dup2_stderr(&nothing).context("cannot let standard error go")?;
            Ok(Self { starter: starter.into(), stderr: Some(stderr) })
        }

        /// Tells the starter that all is well.
        pub(crate) fn announce(mut self) -> Result<()> {
            self.stderr = None;
            writeln!(self.starter, "{READY}").context("the starter is gone")
        }
    }

    /// A start that failed after all is told where the person is.
    impl Drop for Detached {
        fn drop(&mut self) {
            if let Some(stderr) = &self.stderr {
                let _ = rustix::stdio::dup2_stderr(stderr);
            }
        }
    }
}

/// There is no such thing here.
#[cfg(not(unix))]
pub(crate) fn begin() -> Result<Role> {
    anyhow::bail!("--daemon is for Unix systems: run the program as a service instead")
}

/// There is no such thing here.
#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) struct Detached;

#[cfg(not(unix))]
impl Detached {
    pub(crate) fn new(_stays: bool) -> Result<Self> {
        Ok(Self)
    }

    pub(crate) fn announce(self) -> Result<()> {
        Ok(())
    }
}
