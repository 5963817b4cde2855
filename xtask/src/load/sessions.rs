//! Whole sessions: open, one round trip of 64 bytes, close; several clients at once.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};

use super::link::{Link, encode};
use super::roundtrip::MESSAGE;
use super::{Sample, WARM_UP, Work};
use crate::peers::Kind;
use crate::running::Running;

/// Opens and closes sessions with `clients` at once; `Work::done` is sessions.
pub(crate) fn run(running: &Running, kind: Kind, clients: usize, window: Duration) -> Result<Work> {
    let message = encode(kind, [&[7; MESSAGE][..]]);
    let (done, over) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    let mut room = vec![0; 4096];
                    while !over.load(Ordering::Relaxed) {
                        let mut link = Link::open(running, kind, None)?;
                        link.stream.write_all(&message)?;
                        link.receive(MESSAGE, &mut room)?;
                        link.close(&mut room)?;
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        std::thread::sleep(WARM_UP);
        let before = Sample::take(running, done.load(Ordering::Relaxed));
        std::thread::sleep(window);
        let after = Sample::take(running, done.load(Ordering::Relaxed));
        over.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().ok().context("a client panicked")??;
        }
        Ok(after.since(&before))
    })
}
