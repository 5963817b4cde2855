//! Echo round trips: each session has one message of 64 bytes under way, and one thread with epoll
//! serves them all, so that a thousand sessions do not mean a thousand threads.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::link::{Decode, Link, PATIENCE, encode};
use super::{Sample, WARM_UP, Work};
use crate::peers::Kind;
use crate::running::Running;
use crate::wire::Wire;

/// Bytes of a message.
pub(crate) const MESSAGE: usize = 64;

/// What came of it.
pub(crate) struct RoundTrips {
    pub(crate) work: Work,
    /// Of each round trip in the window, ascending.
    pub(crate) times: Vec<Duration>,
}

struct Session {
    stream: Wire,
    decode: Decode,
    sent: Instant,
    missing: usize,
}

/// Round trips on `sessions` sessions for the length of `window`.
pub(crate) fn run(
    running: &Running,
    kind: Kind,
    sessions: usize,
    window: Duration,
) -> Result<RoundTrips> {
    let message = encode(kind, [&[7; MESSAGE][..]]);
    let poll = Poll::new()?;
    let mut open = Vec::new();
    for index in 0..sessions {
        let Link { stream, decode, .. } = Link::open(running, kind, Some(index))?;
        stream.socket().set_nonblocking(true)?;
        let fd = stream.as_raw_fd();
        poll.registry().register(&mut SourceFd(&fd), Token(index), Interest::READABLE)?;
        open.push(Session { stream, decode, sent: Instant::now(), missing: 0 });
    }
    for session in &mut open {
        session.send(&message)?;
    }
    let mut turns = Turns { poll, open, message, done: 0, times: None };
    turns.until(Instant::now() + WARM_UP)?;
    // Room for a million a second: growing it would be seen as latency.
    turns.times = Some(Vec::with_capacity((window.as_secs_f64() * 1e6) as usize));
    let before = Sample::take(running, turns.done);
    turns.until(Instant::now() + window)?;
    let after = Sample::take(running, turns.done);
    let mut times = turns.times.take().unwrap_or_default();
    if times.is_empty() {
        bail!("no round trip within {window:?}");
    }
    times.sort_unstable();
    Ok(RoundTrips { work: after.since(&before), times })
}

struct Turns {
    poll: Poll,
    open: Vec<Session>,
    message: Vec<u8>,
    done: u64,
    times: Option<Vec<Duration>>,
}

impl Turns {
    fn until(&mut self, end: Instant) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut room = vec![0; 64 * 1024];
        let mut heard = Instant::now();
        loop {
            match self.poll.poll(&mut events, Some(Duration::from_millis(20))) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => other?,
            }
            let mut now = Instant::now();
            for event in &events {
                let session = &mut self.open[event.token().0];
                let waited = session.missing > 0;
                session.receive(&mut room)?;
                if waited && session.missing == 0 {
                    now = Instant::now();
                    heard = now;
                    self.done += 1;
                    if let Some(times) = &mut self.times {
                        times.push(now - session.sent);
                    }
                    session.send(&self.message)?;
                }
            }
            if now >= end {
                return Ok(());
            }
            if now - heard > PATIENCE {
                bail!("no session got an answer for {PATIENCE:?}");
            }
        }
    }
}

impl Session {
    fn send(&mut self, message: &[u8]) -> Result<()> {
        self.missing = MESSAGE;
        self.sent = Instant::now();
        let written = self.stream.write(message).context("a session ended")?;
        if written < message.len() {
            bail!("{MESSAGE} bytes did not fit into an empty socket");
        }
        Ok(())
    }

    fn receive(&mut self, room: &mut [u8]) -> Result<()> {
        // With TLS more may be decrypted already, of which epoll knows nothing.
        while self.missing > 0 {
            let length = match self.stream.read(room) {
                Ok(0) => bail!("a session was closed"),
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("a session ended"),
            };
            let mut payload = 0;
            self.decode.read(&room[..length], |bytes| payload += bytes.len())?;
            self.missing = self.missing.checked_sub(payload).context("more came than was sent")?;
        }
        Ok(())
    }
}

/// The value below which `part` of the ascending `times` are, in microseconds.
pub(crate) fn percentile(times: &[Duration], part: f64) -> f64 {
    let index = (times.len() as f64 * part) as usize;
    times.get(index.min(times.len().saturating_sub(1))).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}
