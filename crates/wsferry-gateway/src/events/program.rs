//! What happens to the wrapped program.

use std::time::Duration;

use super::Shown;

/// Something that happened to the wrapped program.
#[derive(Debug)]
pub enum ProgramEvent<'a> {
    /// It runs.
    Started {
        /// The number of its process.
        process: Option<u32>,
    },
    /// It has ended by itself.
    Ended {
        /// How.
        status: Shown<'a>,
        /// What follows.
        next: &'static str,
    },
    /// It cannot be started again, or not be waited for.
    Lost {
        /// What the system says.
        error: Shown<'a>,
    },
    /// It, or what it started, did not end when it was asked to: it is killed.
    Killed {
        /// How long it had.
        grace: Duration,
    },
}
