//! What is kept of sessions: recordings in websockify's format, and the marks of `--traffic`.
//!
//! Both are taps. A tap only puts what it saw into a bounded queue; a thread takes it out and writes
//! it. A disk that is slow or full ends a recording, never a session.

mod dump;
mod file;
mod format;
mod queue;
mod read;
mod recorder;
mod taps;
mod traffic;
mod writer;

pub use dump::dump;
pub use format::encode;
pub use read::{Frame, ReadError, Reader, Summary, summary};
pub use recorder::Recorder;
pub use taps::Taps;
pub use traffic::Traffic;
