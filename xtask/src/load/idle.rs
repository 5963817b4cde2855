//! Sessions that have moved data and then say nothing, but answer Pings as a browser does.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use mio::{Events, Interest, Poll, Token};

use super::frames;
use super::link::{Decode, Link, encode};
use super::{Sample, Work};
use crate::pattern::Pattern;
use crate::peers::Kind;
use crate::running::Running;
use crate::usage::Memory;

/// What each session has sent and received before it is idle.
const MOVED: usize = 4096;

/// After the last session was opened: what is freed late is freed.
const SETTLE: Duration = Duration::from_secs(1);

/// What came of it.
pub(crate) struct Idle {
    /// Of the program before the first session.
    pub(crate) before: Memory,
    /// With all of them.
    pub(crate) after: Memory,
    pub(crate) work: Work,
}

/// Holds `sessions` idle sessions for the length of `window`.
pub(crate) fn run(
    running: &Running,
    kind: Kind,
    sessions: usize,
    window: Duration,
) -> Result<Idle> {
    let before = running.memory();
    let mut held = open(running, kind, sessions, true)?;
    answer_pings(&mut held, SETTLE)?;
    let after = running.memory();
    let start = Sample::take(running, 0);
    answer_pings(&mut held, window)?;
    let work = Sample::take(running, 0).since(&start);
    Ok(Idle { before, after, work })
}

/// Sessions that have sent some bytes, and got them back from a target that `echoes`.
pub(super) fn open(
    running: &Running,
    kind: Kind,
    sessions: usize,
    echoes: bool,
) -> Result<Vec<Link>> {
    let mut payload = [0; MOVED];
    Pattern::fill(&mut payload); // a sink checks it
    let message = encode(kind, [&payload[..]]);
    let mut room = vec![0; 64 * 1024];
    let mut held = Vec::new();
    for index in 0..sessions {
        let mut link = Link::open(running, kind, Some(index))?;
        link.stream.write_all(&message)?;
        if echoes {
            link.receive(MOVED, &mut room)?;
        }
        held.push(link);
    }
    Ok(held)
}

fn answer_pings(held: &mut [Link], during: Duration) -> Result<()> {
    use std::os::fd::AsRawFd;
    let mut poll = Poll::new()?;
    for (index, link) in held.iter().enumerate() {
        link.stream.socket().set_nonblocking(true)?;
        let fd = link.stream.as_raw_fd();
        let mut source = mio::unix::SourceFd(&fd);
        poll.registry().register(&mut source, Token(index), Interest::READABLE)?;
    }
    let mut events = Events::with_capacity(1024);
    let mut room = [0; 1024];
    let end = Instant::now() + during;
    while let left = end.saturating_duration_since(Instant::now())
        && !left.is_zero()
    {
        poll.poll(&mut events, Some(left))?;
        for event in &events {
            let link = &mut held[event.token().0];
            loop {
                match link.stream.read(&mut room) {
                    Ok(0) => bail!("an idle session was closed"),
                    Ok(length) => link.decode.read(&room[..length], |_| {})?,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                }
            }
            if let Decode::Frames(frames) = &mut link.decode {
                for _ in 0..std::mem::take(&mut frames.pings) {
                    link.stream.write_all(&frames::pong())?;
                }
            }
        }
    }
    Ok(())
}
