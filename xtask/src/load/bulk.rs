//! Streams as fast as they go: blocking reads and writes of 256 KiB, a thread for each session.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::link::{Link, encode};
use super::{Sample, WARM_UP, Work};
use crate::pattern::{CHECKED, Pattern};
use crate::peers::Kind;
use crate::running::Running;
use crate::target::Targets;
use crate::wire::Wire;

/// What a client writes or reads at once, unless its frames are larger.
const CHUNK: usize = 256 * 1024;

/// target → client; `Work::done` is bytes of payload that clients received.
pub(crate) fn to_client(
    running: &Running,
    kind: Kind,
    sessions: usize,
    window: Duration,
) -> Result<Work> {
    let links = open(running, kind, sessions)?;
    let handles = handles(&links)?;
    let received = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            links.into_iter().map(|link| scope.spawn(|| read(link, &received))).collect();
        std::thread::sleep(WARM_UP);
        let before = Sample::take(running, received.load(Ordering::Relaxed));
        std::thread::sleep(window);
        let after = Sample::take(running, received.load(Ordering::Relaxed));
        let early = threads.iter().filter(|thread| thread.is_finished()).count();
        shut(&handles);
        for thread in threads {
            thread.join().ok().context("a client panicked")??;
        }
        if early > 0 {
            bail!("{early} sessions ended early");
        }
        Ok(after.since(&before))
    })
}

fn read(mut link: Link, received: &AtomicU64) -> Result<()> {
    let mut room = vec![0; CHUNK];
    let mut pattern = Pattern::default();
    let mut length = link.early.len();
    room[..length].copy_from_slice(&link.early);
    loop {
        let (mut count, mut wrong) = (0, 0);
        link.decode.read(&room[..length], |payload| {
            count += payload.len() as u64;
            if pattern.offset() < CHECKED {
                wrong += pattern.wrong(payload);
            }
        })?;
        if wrong > 0 {
            bail!("{wrong} wrong bytes of payload");
        }
        received.fetch_add(count, Ordering::Relaxed);
        match link.stream.read(&mut room) {
            Ok(0) | Err(_) => return Ok(()),
            Ok(arrived) => length = arrived,
        }
    }
}

/// client → target in frames of `frame` bytes; `Work::done` is bytes that arrived at the target.
pub(crate) fn to_target(
    running: &Running,
    kind: Kind,
    targets: &Targets,
    (sessions, frame): (usize, usize),
    window: Duration,
) -> Result<Work> {
    let wrong_before = targets.sunk()?.1;
    let links = open(running, kind, sessions)?;
    let handles = handles(&links)?;
    // The first piece is what the target checks, the second is sent again and again.
    let mut payload = vec![0; (CHECKED as usize).max(frame)];
    Pattern::fill(&mut payload);
    let first = encode(kind, payload.chunks(frame));
    let again = encode(kind, payload[..CHUNK.max(frame)].chunks(frame));
    std::thread::scope(|scope| {
        let threads: Vec<_> = links
            .into_iter()
            .map(|link| {
                let (first, again) = (&first, &again);
                scope.spawn(move || write(link.stream, first, again))
            })
            .collect();
        std::thread::sleep(WARM_UP);
        let before = Sample::take(running, targets.sunk()?.0);
        std::thread::sleep(window);
        let (bytes, wrong) = targets.sunk()?;
        let after = Sample::take(running, bytes);
        let early = threads.iter().filter(|thread| thread.is_finished()).count();
        shut(&handles);
        drop(threads);
        if early > 0 || wrong > wrong_before {
            bail!("{early} sessions ended early, {} wrong bytes", wrong - wrong_before);
        }
        Ok(after.since(&before))
    })
}

fn write(mut stream: Wire, first: &[u8], again: &[u8]) {
    let mut result = stream.write_all(first);
    while result.is_ok() {
        result = stream.write_all(again);
    }
}

fn open(running: &Running, kind: Kind, sessions: usize) -> Result<Vec<Link>> {
    (0..sessions).map(|_| Link::open(running, kind, None)).collect()
}

/// A second handle of each connection, to end it from here.
fn handles(links: &[Link]) -> Result<Vec<TcpStream>> {
    links.iter().map(|link| Ok(link.stream.socket().try_clone()?)).collect()
}

fn shut(handles: &[TcpStream]) {
    for handle in handles {
        let _ = handle.shutdown(Shutdown::Both);
    }
}
