//! Many sessions are open and few of them work: what does the work cost then? A cost that grows with
//! the number of sessions shows when the same is done in a small and in a large crowd.

use std::time::Duration;

use anyhow::Result;

use super::{Work, bulk, idle, roundtrip, sessions};
use crate::peers::Kind;
use crate::running::Running;
use crate::target::Targets;

/// Sessions that work; all others are idle.
pub(crate) const WORKING: usize = 50;

/// Bytes of a frame of those who stream.
const FRAME: usize = 16 << 10;

/// Clients that open and close sessions at once.
const CLIENTS: usize = 8;

/// 50 of `sessions` stream to the target, which must be the sink.
pub(crate) fn stream(
    running: &Running,
    kind: Kind,
    targets: &Targets,
    sessions: usize,
    window: Duration,
) -> Result<Work> {
    let _idle = idle::open(running, kind, sessions.saturating_sub(WORKING), false)?;
    bulk::to_target(running, kind, targets, (WORKING, FRAME), window)
}

/// 50 of `sessions` do round trips, then others come and go; the target must be the echo.
pub(crate) fn trips_and_sessions(
    running: &Running,
    kind: Kind,
    sessions: usize,
    window: Duration,
) -> Result<(Work, Work)> {
    let _idle = idle::open(running, kind, sessions.saturating_sub(WORKING), true)?;
    let trips = roundtrip::run(running, kind, WORKING, window)?.work;
    Ok((trips, sessions::run(running, kind, CLIENTS, window)?))
}
