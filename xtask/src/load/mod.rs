//! The clients. They speak WebSocket to WebSocket relays and plain TCP to the others, and send and
//! expect the same payload on both. Their own cost is kept small (frames are made beforehand, one
//! system call moves many), because they share the machine's cores with what is measured; the direct
//! row shows how much they can do. For wss the same goes through TLS: what rustls costs the clients is
//! more than what they cost otherwise.

pub(crate) mod bulk;
pub(crate) mod crowd;
pub(crate) mod frames;
pub(crate) mod idle;
pub(crate) mod link;
pub(crate) mod roundtrip;
pub(crate) mod sessions;

use std::time::{Duration, Instant};

use crate::running::Running;

/// Before the window: connections, buffers and caches are as they will be.
const WARM_UP: Duration = Duration::from_millis(400);

/// What was done, and what it cost the program, between two moments.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    at: Instant,
    cpu: Duration,
    done: u64,
}

impl Sample {
    fn take(running: &Running, done: u64) -> Self {
        Self { cpu: running.cpu(), at: Instant::now(), done }
    }

    fn since(&self, earlier: &Self) -> Work {
        Work {
            time: (self.at - earlier.at).as_secs_f64(),
            cpu: self.cpu.saturating_sub(earlier.cpu).as_secs_f64(),
            done: self.done.saturating_sub(earlier.done) as f64,
        }
    }
}

/// The difference of two samples.
#[derive(Clone, Copy)]
pub(crate) struct Work {
    /// Seconds.
    pub(crate) time: f64,
    /// CPU seconds of the program's processes.
    pub(crate) cpu: f64,
    /// Bytes, round trips or sessions.
    pub(crate) done: f64,
}
