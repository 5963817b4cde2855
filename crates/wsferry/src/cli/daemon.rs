//! `--daemon`: the program starts itself again in the background, waits until that one listens, and
//! leaves. So whoever started it learns by the exit status whether it runs, and nothing is forked
//! while there are threads.

use anyhow::Result;

/// Tells the second process that it is the one in the background.
#[cfg(unix)]
const MARK: &str = "WSFERRY_IN_BACKGROUND";
/// What the second process says when it listens.
#[cfg(unix)]
const READY: &str = "ready";

/// Which of the two this process is.
#[derive(Debug)]
pub(super) enum Role {
    /// The first one: its work is done.
    #[cfg(unix)]
    Starter,
    /// The one that serves, in the background.
    #[cfg(unix)]
    Daemon,
}

/// Begins the process in the background, or is it.
#[cfg(unix)]
pub(super) fn begin() -> Result<Role> {
    use std::io::Read;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    use anyhow::Context;

    if std::env::var_os(MARK).is_some() {
        return Ok(Role::Daemon);
    }
    let mut words = std::env::args_os();
    let program = std::env::current_exe().context("cannot find the program to start again")?;
    let mut command = Command::new(program);
    if let Some(name) = words.next() {
        command.arg0(name); // by which it may be websockify
    }
    let mut child = command
        .args(words)
        .env(MARK, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start a process in the background")?;
    let mut said = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut said).context("cannot hear the process in the background")?;
    }
    if said.contains(READY) {
        return Ok(Role::Starter);
    }
    let status = child.wait().context("cannot wait for the process in the background")?;
    std::process::exit(status.code().unwrap_or(1)) // it has said why
}

/// Lets the terminal go, and tells the starter that all is well.
#[cfg(unix)]
pub(super) fn detach() -> Result<()> {
    use std::fs::OpenOptions;
    use std::io::Write;

    use anyhow::Context;

    let nothing =
        OpenOptions::new().write(true).open("/dev/null").context("there is no /dev/null")?;
    std::env::set_current_dir("/").context("cannot go to the root directory")?;
    let _ = rustix::process::setsid(); // an error: it leads a session already
    println!("{READY}");
    std::io::stdout().flush().context("the starter is gone")?;
    rustix::stdio::dup2_stdout(&nothing).context("cannot let standard output go")?;
    rustix::stdio::dup2_stderr(&nothing).context("cannot let standard error go")?;
    Ok(())
}

/// There is no such thing here.
#[cfg(not(unix))]
pub(super) fn begin() -> Result<Role> {
    anyhow::bail!("--daemon is for Unix systems: run the program as a service instead")
}

/// There is no such thing here.
#[cfg(not(unix))]
pub(super) fn detach() -> Result<()> {
    Ok(())
}
