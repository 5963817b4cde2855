//! What happens to the recordings of sessions.

use std::path::Path;

use super::Shown;

/// Something that happened to a recording.
#[derive(Debug)]
pub enum RecordingEvent<'a> {
    /// A session is recorded.
    Began {
        /// Where its client comes from.
        client: &'a str,
        /// The file.
        path: &'a Path,
    },
    /// The recording was ended before its session.
    EndedEarly {
        /// Where its client comes from.
        client: &'a str,
        /// The file.
        path: &'a Path,
        /// What was in the way.
        why: Shown<'a>,
    },
    /// A session cannot be recorded; it goes on.
    Failed {
        /// Where its client comes from.
        client: &'a str,
        /// What is in the way.
        why: Shown<'a>,
    },
}
