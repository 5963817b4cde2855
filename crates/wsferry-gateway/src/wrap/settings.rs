//! Which program is wrapped, and how its watching ended: the same where none can be.

use std::ffi::OsString;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// Which program, and how it is treated.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The program: a path, or a name to be looked for in `PATH`.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// All that it finds in its environment, apart from what is for the shim.
    pub environment: Vec<(OsString, OsString)>,
    /// Where the shim may be, the best place first. It is looked for where the program is moved.
    pub shims: Vec<PathBuf>,
    /// What follows when it ends.
    pub mode: WrapMode,
    /// How long it may take to end after SIGTERM, before SIGKILL.
    pub grace: Duration,
}

/// What follows when the program ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrapMode {
    /// The gateway stops.
    Exit,
    /// The gateway goes on: for programs that go to the background.
    Ignore,
    /// It is started again; the gateway stops when it ended three times within 10 s.
    Respawn,
}

/// How watching a program came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The gateway was stopped.
    Stopped,
    /// The program ended and took the gateway with it ([`WrapMode::Exit`]).
    Exited(ExitStatus),
    /// It ended too often, or could not be started again ([`WrapMode::Respawn`]).
    GaveUp,
}

impl Ended {
    /// What the gateway exits with: 0 when it was stopped, what the program exited with, 128 and the
    /// number of the signal that ended it (as shells do), 1 when it was given up.
    pub fn exit_code(self) -> u8 {
        let code = match self {
            Self::Stopped => Some(0),
            Self::Exited(status) => status.code().or_else(|| signal(status)),
            Self::GaveUp => None,
        };
        code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
    }
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status).map(|signal| 128 + signal)
}

#[cfg(not(unix))]
fn signal(_status: ExitStatus) -> Option<i32> {
    None
}

/// The port that a program is moved from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourcePort {
    /// This one, where the gateway listens.
    Is(NonZeroU16),
    /// The first one that each process binds.
    First,
}
