//! In the place of `record/` in a build without the feature `record`: nothing is recorded or played
//! back. The marks of `--traffic` are there.

#[path = "record_off/recorder.rs"]
mod recorder;
#[path = "record/taps.rs"]
mod taps;
#[path = "record/traffic.rs"]
mod traffic;

use std::io::{self, BufRead, Write};
use std::time::Duration;

use thiserror::Error;

use crate::outcome::Direction;
pub use recorder::Recorder;
pub use taps::Taps;
pub use traffic::Traffic;

/// Why nothing is recorded or played back.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The build cannot.
    #[error("this build has no recordings. Leave them out, or use a build with the feature record")]
    Absent,
    /// The file cannot be read either.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl ReadError {
    /// Never.
    pub const fn is_cut(&self) -> bool {
        false
    }
}

/// A piece of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// When it was relayed, since the start of the session.
    pub at: Duration,
    /// Where it went.
    pub direction: Direction,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// Reads nothing.
#[derive(Debug)]
pub struct Reader<R>(R);

impl<R: BufRead> Reader<R> {
    /// One that fails.
    pub const fn new(input: R) -> Self {
        Self(input)
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Frame, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(Err(ReadError::Absent))
    }
}

/// What is in a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Frames to the client.
    pub to_client: u64,
    /// Frames to the target.
    pub to_target: u64,
    /// When the last one was relayed.
    pub duration: Duration,
    /// The end is missing.
    pub was_cut: bool,
}

/// Refuses.
///
/// # Errors
/// Always.
pub fn summary(_: impl BufRead) -> Result<Summary, ReadError> {
    Err(ReadError::Absent)
}

/// Refuses.
///
/// # Errors
/// None of the output; always of the recording.
pub fn dump(_: impl BufRead, _: &mut impl Write) -> io::Result<Result<(), ReadError>> {
    Ok(Err(ReadError::Absent))
}
