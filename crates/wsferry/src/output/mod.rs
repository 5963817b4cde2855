//! What the program writes: its log, its banner, the marks of `--traffic`. Each destination has a
//! bounded queue and a thread that writes, so that whoever does not read (a full pipe, a stopped
//! terminal, a hung disk) holds up nobody but that thread. What finds no room is lost and counted.

mod sink;
mod stream;

use std::sync::{Arc, OnceLock};
use std::thread::ThreadId;
use std::time::{Duration, Instant, SystemTime};
use std::{io, mem, thread};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;
use wsferry_gateway::record::Traffic;

pub(super) use sink::{Lines, Sink, write_lines};
use stream::Stream;

/// What may wait in a queue.
const MAX_BYTES: usize = 1 << 20;
const MAX_LINES: usize = 8192;
/// A longer line is cut.
const MAX_LINE: usize = 16 * 1024;
/// How long the thread waits for more after a first line: many sessions then share a write.
const GATHER: Duration = Duration::from_millis(2);
/// How long the end of the program waits for a destination.
const FLUSH: Duration = Duration::from_secs(1);
/// Losses are told no more often.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// All destinations there are, for [`flush`] and [`reopen`].
static ALL: Mutex<Vec<Output>> = Mutex::new(Vec::new());

/// Standard error.
pub(super) fn stderr() -> &'static Output {
    static STDERR: OnceLock<Output> = OnceLock::new();
    STDERR.get_or_init(|| Output::start("stderr", Stream::new(io::stderr(), "log lines")))
}

/// Standard output.
pub(super) fn stdout() -> &'static Output {
    static STDOUT: OnceLock<Output> = OnceLock::new();
    STDOUT.get_or_init(|| Output::start("stdout", Stream::new(io::stdout(), "marks of --traffic")))
}

/// Marks of `--traffic`, on standard output.
pub(super) fn traffic() -> Traffic {
    Traffic::new(|marks| stdout().say(marks))
}

/// Waits until everything is written, for a second at most; not at all for a destination that has
/// taken nothing for that long already.
pub(crate) fn flush() {
    let until = Instant::now() + FLUSH;
    let all = lock(&ALL).clone();
    for output in all {
        output.flush_until(until);
    }
}

/// Opens the log file again, under its name: whoever rotates logs has renamed the old one.
pub(super) fn reopen() {
    for output in lock(&ALL).iter() {
        lock(&output.shared.state).reopen = true;
        output.shared.work.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

/// The queue of one destination. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Output {
    shared: Arc<Shared>,
    /// Whether there is a thread for it.
    is_running: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Tells the thread that there is something to do.
    work: Condvar,
    /// Tells whoever flushes that a write is over.
    written: Condvar,
    writer: OnceLock<ThreadId>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Lines,
    /// Lines that found no room, since this was last told.
    lost: usize,
    reopen: bool,
    /// The thread waits for work, and is to be woken.
    is_idle: bool,
    /// Somebody waits for the end of it.
    is_urgent: bool,
    /// Since when the thread writes.
    writing: Option<Instant>,
}

impl Output {
    /// Begins to write to `sink`.
    pub(super) fn start(name: &str, sink: impl Sink) -> Self {
        let shared = Arc::new(Shared::default());
        let thread = thread::Builder::new().name(name.to_owned());
        let started = thread.spawn({
            let shared = Arc::clone(&shared);
            move || shared.run(sink)
        });
        let output = Self { shared, is_running: started.is_ok() };
        if output.is_running {
            lock(&ALL).push(output.clone());
        }
        output
    }

    /// Has text written, which may be several lines. Never waits.
    pub(super) fn say(&self, text: &str) {
        if self.is_running {
            self.push(Level::INFO, text.as_bytes());
        } else {
            // The system gives no threads: it is likely this that is to be said.
            let _ = io::Write::write_all(&mut io::stderr(), text.as_bytes());
        }
    }

    fn push(&self, level: Level, line: &[u8]) {
        let shared = &*self.shared;
        let mut state = lock(&shared.state);
        let is_full = state.waiting.len() >= MAX_LINES
            || state.waiting.bytes() + line.len().min(MAX_LINE) > MAX_BYTES;
        // The thread itself has a line to spare: how many were lost.
        if is_full && shared.writer.get() != Some(&thread::current().id()) {
            state.lost += 1;
            return;
        }
        state.waiting.push(level, SystemTime::now(), line, MAX_LINE);
        if mem::take(&mut state.is_idle) {
            drop(state);
            shared.work.notify_one();
        }
    }

    fn flush_until(&self, until: Instant) {
        let shared = &*self.shared;
        let mut state = lock(&shared.state);
        state.is_urgent = true;
        shared.work.notify_one();
        while state.writing.is_some() || !state.waiting.is_empty() {
            let stuck = state.writing.map_or(until, |since| since + FLUSH);
            let left = until.min(stuck).saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            shared.written.wait_for(&mut state, left);
        }
        state.is_urgent = false;
    }
}

impl Shared {
    /// The thread: takes what waits, and writes it without the lock.
    fn run(&self, mut sink: impl Sink) {
        let _ = self.writer.set(thread::current().id());
        let mut lines = Lines::default();
        let mut lost = 0;
        let mut told: Option<Instant> = None;
        // Whether the last line was written.
        let mut is_well = true;
        loop {
            let reopen = self.take(&mut lines, &mut lost, is_well);
            if !lines.is_empty() {
                let failed = sink.write(&lines);
                is_well = failed == 0;
                lost += failed;
                lines.clear();
            }
            if reopen {
                sink.reopen();
            }
            let may_tell = is_well && told.is_none_or(|told| told.elapsed() >= TELL_EVERY);
            if lost > 0 && may_tell {
                sink.tell_lost(mem::take(&mut lost));
                told = Some(Instant::now());
            }
        }
    }

    /// Waits for work: whether the sink is to be reopened.
    fn take(&self, lines: &mut Lines, lost: &mut usize, is_well: bool) -> bool {
        let mut state = lock(&self.state);
        state.writing = None;
        self.written.notify_all();
        let is_done = |state: &State| state.waiting.is_empty() && !state.reopen;
        if is_done(&state) {
            while is_done(&state) {
                state.is_idle = true;
                // What is lost and not told yet is told a while later, whether lines come or not.
                if *lost > 0 && is_well {
                    if self.work.wait_for(&mut state, TELL_EVERY).timed_out() {
                        break;
                    }
                } else {
                    self.work.wait(&mut state);
                }
            }
            state.is_idle = false;
            if !state.is_urgent {
                self.work.wait_for(&mut state, GATHER);
            }
        }
        mem::swap(&mut state.waiting, lines);
        *lost += mem::take(&mut state.lost);
        state.writing = (!lines.is_empty()).then(Instant::now);
        mem::take(&mut state.reopen)
    }
}

impl<'a> MakeWriter<'a> for Output {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { output: self, level: Level::INFO }
    }

    fn make_writer_for(&'a self, line: &Metadata<'_>) -> Line<'a> {
        Line { output: self, level: *line.level() }
    }
}

/// Takes one line of the log.
#[derive(Debug)]
pub(super) struct Line<'a> {
    output: &'a Output,
    level: Level,
}

impl io::Write for Line<'_> {
    /// The library writes a line in one piece.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.output.push(self.level, line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
