//! What a thread of [`super::Output`] writes, and where to.

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, SystemTime};

use tracing::Level;

/// How long to wait for a descriptor that somebody else has made non-blocking.
const RETRY: Duration = Duration::from_millis(10);
/// Not torn apart by what others write to the same pipe (`PIPE_BUF`, pipe(7)).
const WHOLE: usize = 4096;
/// A queue that was longer is given back to the system.
const KEPT_BYTES: usize = 64 * 1024;
const KEPT_LINES: usize = 1024;

/// A destination. All of this is called by its own thread and may wait.
pub(crate) trait Sink: Send + 'static {
    /// Writes lines: how many were lost.
    fn write(&mut self, lines: &Lines) -> usize;

    /// Opens again what has a name.
    fn reopen(&mut self) {}

    /// Tells that lines were lost, now that there is room again.
    fn tell_lost(&mut self, lost: usize);
}

/// Lines in a row.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    text: Vec<u8>,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    level: Level,
    written: SystemTime,
    end: usize,
}

impl Lines {
    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.lines.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Adds a line, cut to `longest` bytes.
    pub(super) fn push(&mut self, level: Level, written: SystemTime, line: &[u8], longest: usize) {
        const CUT: &[u8] = "…\n".as_bytes();
        if line.len() <= longest {
            self.text.extend_from_slice(line);
        } else {
            let end = (0..=longest - CUT.len()).rev().find(|&end| line[end] & 0xC0 != 0x80);
            self.text.extend_from_slice(&line[..end.unwrap_or(0)]);
            self.text.extend_from_slice(CUT);
        }
        self.lines.push(Line { level, written, end: self.text.len() });
    }

    /// Takes all of them out.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.lines.clear();
        self.text.shrink_to(KEPT_BYTES);
        self.lines.shrink_to(KEPT_LINES);
    }

    /// Each with its level and its time.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Level, SystemTime, &[u8])> {
        let begins = std::iter::once(0).chain(self.lines.iter().map(|line| line.end));
        let lines = self.lines.iter().zip(begins);
        lines.map(|(line, begin)| (line.level, line.written, &self.text[begin..line.end]))
    }
}

/// Writes what can be written: how many lines were lost. `is_torn` says that the last of them was
/// written in part, and what comes next needs a line of its own.
pub(crate) fn write_lines(out: &mut impl Write, lines: &Lines, is_torn: &mut bool) -> usize {
    if *is_torn && write_some(out, b"\n") == 0 {
        return lines.len();
    }
    let (mut written, mut end) = (0, 0);
    let ends = lines.lines.iter().map(|line| line.end);
    for next in ends.chain(std::iter::once(usize::MAX)) {
        if next - written > WHOLE && end > written {
            let part = write_some(out, &lines.text[written..end]);
            written += part;
            if written < end {
                break;
            }
        }
        end = next;
    }
    *is_torn = written > 0 && lines.lines.iter().all(|line| line.end != written);
    lines.lines.iter().filter(|line| line.end > written).count()
}

/// How much was written before an error.
fn write_some(out: &mut impl Write, text: &[u8]) -> usize {
    let mut written = 0;
    while written < text.len() {
        match out.write(&text[written..]) {
            Ok(0) => break,
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(RETRY),
            Err(_) => break,
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Room for so many bytes, a few at a time.
    struct Disk(Vec<u8>, usize);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let more = bytes.len().min(self.1).min(3);
            if more == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.extend_from_slice(&bytes[..more]);
            self.1 -= more;
            Ok(more)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(lines: &[&str]) -> Lines {
        let mut all = Lines::default();
        for line in lines {
            all.push(Level::INFO, SystemTime::now(), line.as_bytes(), 20);
        }
        all
    }

    #[test]
    fn after_a_line_that_was_written_in_part_the_next_one_begins_a_line_of_its_own() {
        let (mut disk, mut is_torn) = (Disk(Vec::new(), 8), false);
        assert_eq!(write_lines(&mut disk, &lines(&["first\n", "second\n"]), &mut is_torn), 1);
        assert_eq!(write_lines(&mut disk, &lines(&["third\n"]), &mut is_torn), 1);
        disk.1 = 100;
        assert_eq!(write_lines(&mut disk, &lines(&["fourth\n"]), &mut is_torn), 0);
        assert_eq!(write_lines(&mut disk, &lines(&["fifth\n"]), &mut is_torn), 0);
        assert_eq!(disk.0, b"first\nse\nfourth\nfifth\n");
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_at_a_character_and_keeps_its_end() {
        for (line, cut) in [
            ("12345678901234567890", "12345678901234567890"),
            ("123456789012345678901", "1234567890123456…\n"),
            ("123456789012345ä8901234", "123456789012345…\n"),
        ] {
            let lines = lines(&[line]);
            assert_eq!(str::from_utf8(lines.iter().next().unwrap().2), Ok(cut));
        }
    }
}
