//! Standard output and standard error.

use std::io::Write;

use super::{Lines, Sink, write_lines};

/// A stream that the program was started with.
#[derive(Debug)]
pub(super) struct Stream<W> {
    out: W,
    /// What is written there.
    what: &'static str,
    is_torn: bool,
}

impl<W> Stream<W> {
    pub(super) const fn new(out: W, what: &'static str) -> Self {
        Self { out, what, is_torn: false }
    }
}

impl<W: Write + Send + 'static> Sink for Stream<W> {
    fn write(&mut self, lines: &Lines) -> usize {
        let lost = write_lines(&mut self.out, lines, &mut self.is_torn);
        let _ = self.out.flush(); // whoever is gone wants nothing more
        lost
    }

    fn tell_lost(&mut self, lost: usize) {
        let what = self.what;
        tracing::warn!(lost, "{what} were lost: they could not be written in time");
    }
}
