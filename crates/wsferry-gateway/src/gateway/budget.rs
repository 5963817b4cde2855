//! What the limit of open files is spent on, so that it is never reached: every kind of holder has
//! its part, and connections get the rest.

use crate::error::StartError;
use crate::events::{Events, GatewayEvent};
use crate::net;
use crate::sys;

/// The fewest descriptors with which a gateway works.
const FEWEST: u64 = 64;
/// The fewest connections that it works with.
const FEWEST_CONNECTIONS: u64 = 4;
/// Where there is no limit, or a very high one.
const MOST: u64 = 1 << 24;
/// For what is opened for a moment or later: files that are read again, names, log files, a
/// connection that was accepted and is not counted yet.
const SPARE: u64 = 20;

/// What a gateway holds beside its connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holders {
    /// Whether each session is recorded: a file of its own.
    pub(super) record: bool,
    /// Whether files are served: beside the file itself one to find it.
    pub(super) web: bool,
    /// Whether web services or Redis are asked: connections that wait for the next question.
    pub(super) call_outs: bool,
}

/// How many of each there may be at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    /// Connections: each with its other side, or with the file that is sent, or with who is asked
    /// about it.
    pub(super) connections: usize,
    /// Of these, the ones that are sent a file or wait for the next request.
    pub(super) files: usize,
    /// Connections that are told 503; beyond them they are closed without a word.
    pub(super) turned_away: usize,
    /// Connection attempts beside the first of each dial.
    pub(super) attempts: usize,
    /// Pipes for moving bytes between sockets; each has two descriptors.
    pub(super) pipes: usize,
}

impl Budget {
    /// Spends what this process may have. A larger wish for connections is cut to what there is.
    ///
    /// # Errors
    /// It is too little.
    pub(super) fn new(
        holders: Holders,
        wish: Option<usize>,
        events: &Events,
    ) -> Result<Self, StartError> {
        let limit = sys::descriptor_limit().unwrap_or(MOST).min(MOST);
        let mut budget = Self::of(limit, sys::open_descriptors(), holders)
            .ok_or(StartError::FewDescriptors { limit, fewest: FEWEST })?;
        if let Some(wish) = wish {
            if wish > budget.connections {
                let connections = budget.connections;
                events.tell(GatewayEvent::ConnectionsClamped { wish, connections, limit });
            }
            budget.connections = wish.min(budget.connections);
            budget.files = files(budget.connections as u64) as usize;
        }
        Ok(budget)
    }

    fn of(limit: u64, open: u64, holders: Holders) -> Option<Self> {
        let attempts = (limit / 16).min(256);
        let turned_away = (limit / 16).min(64);
        let pipes = (limit / 16).min(net::PIPES as u64);
        let call_outs = if holders.call_outs { (limit / 16).min(64) } else { 0 };
        let taken = open + SPARE + attempts + turned_away + 2 * pipes + call_outs;
        let rest = limit.checked_sub(taken).filter(|_| limit >= FEWEST)?;
        let each = 2 + u64::from(holders.record);
        // One file of four connections costs a fifth, ninth, … of what they have.
        let connections =
            if holders.web { (rest * 4).saturating_sub(4) / (4 * each + 1) } else { rest / each };
        (connections >= FEWEST_CONNECTIONS).then_some(Self {
            connections: usize::try_from(connections).ok()?,
            files: usize::try_from(files(connections)).ok()?,
            turned_away: usize::try_from(turned_away).ok()?,
            attempts: usize::try_from(attempts).ok()?,
            pipes: usize::try_from(pipes).ok()?,
        })
    }
}

/// A quarter of the connections.
fn files(connections: u64) -> u64 {
    connections.div_ceil(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Holders = Holders { record: true, web: true, call_outs: true };
    const NONE: Holders = Holders { record: false, web: false, call_outs: false };

    #[test]
    fn whatever_the_limit_is_all_holders_together_stay_below_it() {
        for limit in (64..2000).chain([4096, 20_000, 65_536, 1 << 20, MOST]) {
            for holders in [ALL, NONE, Holders { record: true, ..NONE }] {
                let Some(budget) = Budget::of(limit, 12, holders) else {
                    assert!(limit < 128, "{limit}");
                    continue;
                };
                let each = 2 + u64::from(holders.record);
                let mut all = 12 + SPARE + each * budget.connections as u64;
                all += if holders.web { budget.files as u64 } else { 0 };
                all += (budget.turned_away + budget.attempts + 2 * budget.pipes) as u64;
                assert!(all <= limit, "{all} of {limit}: {budget:?}");
                assert_eq!(budget.files, budget.connections.div_ceil(4));
            }
        }
    }

    #[test]
    fn too_small_a_limit_is_none() {
        assert_eq!(Budget::of(63, 8, NONE), None);
        assert!(Budget::of(64, 8, NONE).is_some());
        assert_eq!(Budget::of(1000, 990, NONE), None);
    }

    #[test]
    fn the_usual_limit_allows_for_more_sessions_than_before_and_a_high_one_for_most_of_it() {
        assert!(Budget::of(1024, 12, NONE).unwrap().connections > 350);
        assert!(Budget::of(20_000, 12, NONE).unwrap().connections > 9500);
        assert!(Budget::of(1 << 30, 12, NONE).is_some());
    }
}
