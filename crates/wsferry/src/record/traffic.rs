//! The marks of `--traffic`: one character for each piece of payload, as websockify prints them.
//!
//! `}` was received from a client and `>` is sent to its target, `{` was received from a target and
//! `<` is sent to its client. A tap sees payload when it is relayed, so both marks of a piece come
//! together, and there are no marks for pieces that were sent in part.

use std::fmt;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::outcome::Direction;
use crate::tap::Tap;

/// What comes before all marks.
const LEGEND: &str = "client receive }  target send >  target receive {  client send <\n";

/// As many marks may wait; when the reader is slower, the next ones are not printed.
const MAX_WAITING: usize = 4096;

/// Where the marks go. Clones write to the same place.
#[derive(Clone)]
pub struct Traffic(SyncSender<Mark>);

enum Mark {
    Piece(Direction),
    /// A session has ended, and what it has marked is to be printed.
    End(TaskTrackerToken),
}

impl Traffic {
    /// Prints to `out`, from a thread of its own.
    ///
    /// # Errors
    /// There can be no thread for it.
    pub fn new(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (marks, waiting) = sync_channel(MAX_WAITING);
        let thread = std::thread::Builder::new().name("traffic".to_owned());
        thread.spawn(move || print(&waiting, out))?;
        Ok(Self(marks))
    }

    /// The tap of a session. `kept` is dropped when its last mark is printed.
    pub fn tap(&self, kept: TaskTrackerToken) -> Box<dyn Tap> {
        Box::new(Marked { marks: self.0.clone(), kept: Some(kept) })
    }
}

impl fmt::Debug for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traffic")
    }
}

fn print(waiting: &Receiver<Mark>, mut out: impl Write) {
    let _ = out.write_all(LEGEND.as_bytes()).and_then(|()| out.flush());
    let mut kept = Vec::new();
    while let Ok(first) = waiting.recv() {
        let mut text = String::new();
        for mark in std::iter::once(first).chain(waiting.try_iter().take(MAX_WAITING)) {
            match mark {
                Mark::Piece(Direction::ToTarget) => text.push_str("}>"),
                Mark::Piece(Direction::ToClient) => text.push_str("{<"),
                Mark::End(token) => kept.push(token),
            }
        }
        // Nobody who is gone wants to see them.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        kept.clear();
    }
}

struct Marked {
    marks: SyncSender<Mark>,
    kept: Option<TaskTrackerToken>,
}

impl fmt::Debug for Marked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Marked")
    }
}

impl Tap for Marked {
    fn payload(&mut self, direction: Direction, _: &[u8]) {
        let _ = self.marks.try_send(Mark::Piece(direction));
    }
}

impl Drop for Marked {
    fn drop(&mut self) {
        if let Some(kept) = self.kept.take() {
            let _ = self.marks.try_send(Mark::End(kept));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use tokio_util::task::TaskTracker;

    use super::*;

    struct Out(Sender<Vec<u8>>);

    impl Write for Out {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn each_piece_has_its_marks_and_all_are_printed_before_the_end() {
        let (printed, seen) = channel();
        let traffic = Traffic::new(Out(printed)).unwrap();
        let tasks = TaskTracker::new();
        let mut tap = traffic.tap(tasks.token());
        tap.payload(Direction::ToTarget, b"hello");
        tap.payload(Direction::ToClient, b"x");
        drop(tap);
        tasks.close();
        tokio::time::timeout(std::time::Duration::from_secs(10), tasks.wait()).await.unwrap();
        let printed = seen.try_iter().collect::<Vec<_>>().concat();
        assert_eq!(printed.strip_prefix(LEGEND.as_bytes()), Some(&b"}>{<"[..]));
    }

    #[test]
    fn a_reader_that_does_not_read_keeps_nobody_waiting() {
        let (hold, held) = channel::<()>();
        struct Stuck(std::sync::mpsc::Receiver<()>);
        impl Write for Stuck {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let _ = self.0.recv();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let traffic = Traffic::new(Stuck(held)).unwrap();
        let mut tap = traffic.tap(TaskTracker::new().token());
        for _ in 0..10 * MAX_WAITING {
            tap.payload(Direction::ToTarget, b"hello");
        }
        drop(hold);
    }
}
