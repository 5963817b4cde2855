//! Every order in which a session can end, tried one after the other against the rules of what may
//! not be lost. Nothing is drawn by lot: from each state each event that can happen there does.

use std::time::{Duration, Instant};

use wsferry_proto::Violation;
use wsferry_proto::ending::{Cause, Close, Direction, Ending, Event, Progress, Settings, Shutdown};

const LINGER: Duration = Duration::from_secs(1);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// So many events behind one another, whatever they are.
const LONGEST: usize = 12;

/// A step of the world around the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    Happens(Event),
    /// The deadline comes, and the client has taken so much since.
    Deadline(Progress),
}

/// A session as those see it who do not know the machine: what has happened, and what was ordered.
#[derive(Clone)]
struct World {
    ending: Ending,
    now: Instant,
    /// What has happened, and when.
    moves: Vec<(Instant, Move)>,
    /// The Closes that were ordered, and when.
    closes: Vec<(Instant, Close)>,
}

impl World {
    fn new(start: Instant) -> Self {
        let settings = Settings { linger: LINGER, close_timeout: CLOSE_TIMEOUT };
        Self { ending: Ending::new(settings), now: start, moves: Vec::new(), closes: Vec::new() }
    }

    fn after(&self, next: Move) -> Self {
        let mut world = self.clone();
        match next {
            Move::Happens(event) => world.ending.handle_event(world.now, event),
            Move::Deadline(progress) => {
                world.now = world.ending.poll_timeout().expect("a deadline");
                world.ending.handle_timeout(world.now, progress);
            }
        }
        world.moves.push((world.now, next));
        let ordered = world.ending.poll_close();
        // The decoder queues the Close that tells a broken rule by itself.
        let queued = match next {
            Move::Happens(Event::ClientFailed(violation)) if world.closes.is_empty() => {
                Some(Close::Tell(Cause::ProtocolError(violation)))
            }
            _ => None,
        };
        let now = world.now;
        world.closes.extend(ordered.into_iter().chain(queued).map(|close| (now, close)));
        world
    }

    fn has(&self, event: Event) -> bool {
        self.when(event).is_some()
    }

    fn when(&self, event: Event) -> Option<Instant> {
        let found = self.moves.iter().find(|&&(_, next)| next == Move::Happens(event));
        found.map(|&(at, _)| at)
    }

    fn has_any(&self, events: &[Event]) -> bool {
        events.iter().any(|&event| self.has(event))
    }

    fn last(&self) -> Move {
        self.moves.last().expect("a move").1
    }

    /// Whether the last move was one of these.
    fn just(&self, events: &[Event]) -> bool {
        events.iter().any(|&event| self.last() == Move::Happens(event))
    }

    /// Whether the last move was a deadline that came so long after `since`.
    fn waited(&self, since: Option<Instant>, patience: Duration) -> bool {
        matches!(self.last(), Move::Deadline(_))
            && since.is_some_and(|since| self.now >= since + patience)
    }

    fn close(&self) -> Option<Close> {
        self.closes.first().map(|&(_, close)| close)
    }

    /// What can happen next.
    fn possible(&self) -> Vec<Move> {
        let ending = &self.ending;
        let mut next = Vec::new();
        let mut may = |event, can: bool| {
            if can && !self.has(event) {
                next.push(Move::Happens(event));
            }
        };
        for end in CLIENT_ENDS {
            may(end, ending.reads_client());
        }
        for end in TARGET_ENDS {
            may(end, ending.reads_target() && !self.has_any(&TARGET_ENDS));
        }
        let was_given_up = !ending.reads_client() && !self.has_any(&CLIENT_ENDS);
        may(Event::ClientBytesLost, was_given_up && !self.has(Event::TargetHasEverything));
        may(Event::TargetUnwritable { was_reset: true }, ending.writes_target());
        may(Event::TargetUnwritable { was_reset: false }, ending.writes_target());
        may(Event::TargetHasEverything, !ending.reads_client());
        may(Event::ClientUnwritable, ending.writes_client());
        may(Event::CloseWritten, ending.writes_client() && !self.closes.is_empty());
        may(Event::Stalled(Direction::ToTarget), ending.writes_target());
        may(Event::Stalled(Direction::ToClient), ending.writes_client());
        may(Event::NoPong, ending.reads_client() && self.closes.is_empty());
        may(Event::Drained, true);
        if ending.poll_timeout().is_some() {
            let all = [Progress::None, Progress::Some, Progress::Everything];
            next.extend(all.map(Move::Deadline));
        }
        next
    }
}

const CLIENT_ENDS: [Event; 3] =
    [Event::ClientClosed, Event::ClientLost, Event::ClientFailed(Violation::Unmasked)];
const TARGET_ENDS: [Event; 4] =
    [Event::TargetClosed, Event::TargetTruncated, Event::TargetFailed, Event::TargetNotText];

/// Tries all that can happen behind `world`: how many orders of events there are.
fn explore(world: &World, depth: usize, check: &mut impl FnMut(&World, &World)) -> u64 {
    let mut orders = 1;
    if depth == 0 || world.ending.is_over() {
        return orders;
    }
    for next in world.possible() {
        let after = world.after(next);
        check(world, &after);
        orders += explore(&after, depth - 1, check);
    }
    orders
}

/// Checks a rule behind each event of every order of them: `check` gets the world before it and the
/// one after it.
fn every_order(mut check: impl FnMut(&World, &World)) {
    let orders = explore(&World::new(Instant::now()), LONGEST, &mut check);
    assert!(orders > 100_000, "only {orders} orders were tried");
}

#[test]
fn a_stream_that_was_cut_never_looks_complete_to_the_target() {
    every_order(|_, world| {
        let ending = &world.ending;
        let was_cut = world.has_any(&[Event::ClientBytesLost, Event::Stalled(Direction::ToTarget)]);
        assert_eq!(ending.target_shutdown() == Shutdown::Reset, was_cut, "{:?}", world.moves);
        if was_cut {
            assert!(!ending.finishes_target(), "{:?}", world.moves);
        }
    });
}

#[test]
fn a_clean_end_is_told_to_the_client_only_where_the_targets_stream_was_complete() {
    every_order(|before, world| {
        if world.close() == Some(Close::Tell(Cause::TargetClosed)) && before.close().is_none() {
            assert!(world.just(&[Event::TargetClosed]), "{:?}", world.moves);
            let was_reset = Event::TargetUnwritable { was_reset: true };
            assert!(!world.has(was_reset), "{:?}", world.moves);
        }
    });
}

#[test]
fn a_target_that_was_cut_is_told_as_such_even_behind_the_clients_close() {
    every_order(|_, world| {
        let was_reset = world.has(Event::TargetUnwritable { was_reset: true });
        let is_cut = world.just(&[Event::TargetFailed])
            || world.just(&[Event::TargetClosed, Event::TargetTruncated]) && was_reset;
        if is_cut {
            assert_eq!(world.close(), Some(Close::Tell(Cause::TargetFailed)), "{:?}", world.moves);
            let cause = world.ending.cause().expect("a cause");
            assert_ne!(cause, Cause::ClientClosed, "{:?}", world.moves);
        }
    });
}

#[test]
fn tls_without_its_own_end_is_a_fault_unless_the_client_had_closed() {
    every_order(|_, world| {
        if !world.just(&[Event::TargetTruncated]) {
            return;
        }
        let unwritable = [true, false].map(|was_reset| Event::TargetUnwritable { was_reset });
        let is_clean = world.has(Event::ClientClosed) && !world.has_any(&unwritable);
        let expected = if is_clean { Close::Reply } else { Close::Tell(Cause::TargetFailed) };
        assert_eq!(world.close(), Some(expected), "{:?}", world.moves);
    });
}

#[test]
fn behind_the_targets_end_the_client_is_read_until_it_ends_or_its_time_is_over() {
    every_order(|before, world| {
        if !before.ending.reads_client() || world.ending.reads_client() {
            return;
        }
        let told = world.closes.first().map(|&(at, _)| at);
        let since = told.or_else(|| world.when(Event::ClientUnwritable));
        let may = world.just(&CLIENT_ENDS)
            || world.just(&[Event::NoPong, Event::Stalled(Direction::ToClient)])
            || world.waited(since, CLOSE_TIMEOUT);
        assert!(may, "{:?}", world.moves);
    });
}

#[test]
fn behind_the_clients_end_the_target_is_read_until_it_ends_or_linger_is_over() {
    every_order(|before, world| {
        if !before.ending.reads_target() || world.ending.reads_target() {
            return;
        }
        let may = world.just(&TARGET_ENDS)
            || world.waited(world.when(Event::TargetHasEverything), LINGER)
            || world.just(&[
                Event::ClientFailed(Violation::Unmasked),
                Event::ClientUnwritable,
                Event::Stalled(Direction::ToTarget),
                Event::Stalled(Direction::ToClient),
                Event::NoPong,
                Event::Drained,
            ]);
        assert!(may, "{:?}", world.moves);
    });
}

#[test]
fn when_linger_is_over_the_target_is_let_go_of_at_once() {
    every_order(|before, world| {
        let lingered = before.ending.reads_target() && matches!(world.last(), Move::Deadline(_));
        if lingered {
            assert!(!world.ending.reads_target(), "{:?}", world.moves);
            assert!(world.ending.may_leave_target(), "{:?}", world.moves);
        }
    });
}

#[test]
fn bytes_of_the_client_go_to_the_target_whatever_else_ends() {
    every_order(|before, world| {
        let has_everything = world.has(Event::TargetHasEverything);
        assert_eq!(world.ending.target_has_everything(), has_everything, "{:?}", world.moves);
        if before.ending.writes_target() && !world.ending.writes_target() {
            let may = world.just(&[
                Event::TargetHasEverything,
                Event::TargetUnwritable { was_reset: true },
                Event::TargetUnwritable { was_reset: false },
                Event::Stalled(Direction::ToTarget),
            ]);
            assert!(may, "{:?}", world.moves);
        }
    });
}

#[test]
fn the_client_gets_its_own_close_back_where_nothing_of_it_was_lost() {
    every_order(|before, world| {
        if before.close().is_some() || world.close().is_none() {
            return;
        }
        let was_reset = world.has(Event::TargetUnwritable { was_reset: true });
        let is_lost = world.has_any(&[Event::TargetFailed, Event::Stalled(Direction::ToTarget)])
            || was_reset && world.has(Event::TargetClosed)
            || was_reset && matches!(world.last(), Move::Deadline(_))
            || world.has(Event::TargetTruncated)
                && (was_reset || world.has(Event::TargetUnwritable { was_reset: false }));
        let replies = world.has(Event::ClientClosed) && !is_lost;
        assert_eq!(world.close() == Some(Close::Reply), replies, "{:?}", world.moves);
    });
}

#[test]
fn a_client_that_is_lost_without_a_close_gets_none_when_linger_is_over() {
    every_order(|_, world| {
        let lingered = world.waited(world.when(Event::TargetHasEverything), LINGER);
        if lingered && world.has(Event::ClientLost) && !world.has_any(&TARGET_ENDS) {
            assert!(!world.ending.writes_client(), "{:?}", world.moves);
        }
    });
}

#[test]
fn there_is_one_close_at_most() {
    every_order(|_, world| {
        assert!(world.closes.len() <= 1, "{:?}: {:?}", world.moves, world.closes);
        assert_eq!(world.ending.close(), world.close(), "{:?}", world.moves);
    });
}

#[test]
fn the_first_cause_stays_unless_the_target_lost_what_came_before_the_clients_close() {
    every_order(|before, world| match (before.ending.cause(), world.ending.cause()) {
        (None, _) => {}
        (before, after) if before == after => {}
        (
            Some(Cause::ClientClosed),
            Some(Cause::TargetFailed | Cause::WriteTimeout(Direction::ToTarget)),
        ) => {}
        (before, after) => panic!("{before:?} became {after:?}: {:?}", world.moves),
    });
}

#[test]
fn each_end_has_its_cause() {
    let causes = [
        (Event::ClientClosed, Cause::ClientClosed),
        (Event::ClientLost, Cause::ClientLost),
        (Event::ClientFailed(Violation::Unmasked), Cause::ProtocolError(Violation::Unmasked)),
        (Event::ClientUnwritable, Cause::ClientLost),
        (Event::TargetClosed, Cause::TargetClosed),
        (Event::TargetTruncated, Cause::TargetFailed),
        (Event::TargetFailed, Cause::TargetFailed),
        (Event::TargetNotText, Cause::TargetNotText),
        (Event::Stalled(Direction::ToTarget), Cause::WriteTimeout(Direction::ToTarget)),
        (Event::Stalled(Direction::ToClient), Cause::WriteTimeout(Direction::ToClient)),
        (Event::NoPong, Cause::KeepAliveTimeout),
        (Event::Drained, Cause::Drained),
    ];
    for (event, cause) in causes {
        let world = World::new(Instant::now()).after(Move::Happens(event));
        assert_eq!(world.ending.cause(), Some(cause), "{event:?}");
    }
}

/// When both sides had ended or were given up, and only what was left was to be written.
fn only_the_rest_is_left(world: &World) -> bool {
    let ending = &world.ending;
    !ending.reads_target() && !ending.reads_client() && ending.writes_client()
}

#[test]
fn what_is_left_for_the_client_has_one_deadline_whatever_trickles() {
    every_order(|before, world| {
        if !only_the_rest_is_left(world) {
            return;
        }
        let until = world.ending.poll_timeout().expect("a deadline");
        assert!(until <= world.now + CLOSE_TIMEOUT, "{:?}", world.moves);
        if only_the_rest_is_left(before) {
            assert_eq!(Some(until), before.ending.poll_timeout(), "{:?}", world.moves);
        }
    });
}

#[test]
fn a_client_that_still_takes_bytes_has_time_for_the_targets_last_ones() {
    every_order(|before, world| {
        let is_delivering = before.has(Event::TargetClosed)
            && before.has(Event::CloseWritten)
            && before.ending.reads_client();
        if is_delivering && world.last() == Move::Deadline(Progress::Some) {
            assert!(world.ending.reads_client(), "{:?}", world.moves);
            let until = world.ending.poll_timeout().expect("a deadline");
            assert_eq!(until, world.now + CLOSE_TIMEOUT, "{:?}", world.moves);
        }
    });
}

#[test]
fn a_client_is_cut_when_it_did_not_take_everything_in_its_time_and_only_then() {
    every_order(|before, world| {
        let is_waiting = !before.ending.reads_target();
        if is_waiting && world.last() == Move::Deadline(Progress::None) {
            assert!(world.ending.is_cut(), "{:?}", world.moves);
        }
        if before.ending.is_cut() || !world.ending.is_cut() {
            return;
        }
        let is_late = match world.last() {
            Move::Deadline(Progress::Everything) => before.ending.writes_client(),
            Move::Deadline(_) => true,
            Move::Happens(event) => event == Event::Stalled(Direction::ToClient),
        };
        assert!(is_late, "{:?}", world.moves);
        assert!(!world.ending.writes_client(), "{:?}", world.moves);
        assert!(!world.ending.reads_client(), "{:?}", world.moves);
    });
}

#[test]
fn a_client_that_closed_or_may_still_answer_is_left_in_order() {
    every_order(|_, world| {
        let is_gone = world.has_any(&[Event::ClientLost, Event::ClientUnwritable])
            || !world.ending.reads_client() && !world.has_any(&CLIENT_ENDS);
        let expected = if is_gone { Shutdown::Immediate } else { Shutdown::Graceful };
        assert_eq!(world.ending.client_shutdown(), expected, "{:?}", world.moves);
    });
}

#[test]
fn a_target_that_takes_everything_is_left_when_it_has_acknowledged_it() {
    every_order(|_, world| {
        let has_ended = [Cause::TargetClosed, Cause::TargetFailed].map(Some);
        if world.ending.target_shutdown() == Shutdown::Acknowledged {
            assert!(world.ending.finishes_target(), "{:?}", world.moves);
            assert!(!has_ended.contains(&world.ending.cause()), "{:?}", world.moves);
        }
        if world.ending.may_leave_target() {
            assert!(!world.ending.writes_target(), "{:?}", world.moves);
            assert!(!world.ending.reads_target(), "{:?}", world.moves);
        }
    });
}

#[test]
fn no_deadline_lies_in_the_past() {
    every_order(|_, world| {
        let late = world.ending.poll_timeout().is_some_and(|at| at <= world.now);
        assert!(!late, "{:?}", world.moves);
        let leave_by = world.ending.leave_by(world.now);
        assert!(leave_by > world.now && leave_by <= world.now + CLOSE_TIMEOUT);
    });
}

/// Lets nothing happen any more but what must, and ends what is stuck: how long that takes.
fn patience(world: &World) -> Duration {
    let mut next = world.clone();
    for _ in 0..6 {
        let ending = &next.ending;
        if ending.is_over() {
            return next.now - world.now;
        }
        next = if ending.poll_timeout().is_some() {
            next.after(Move::Deadline(Progress::None))
        } else if ending.writes_client() {
            next.after(Move::Happens(Event::Stalled(Direction::ToClient)))
        } else {
            next.after(Move::Happens(Event::TargetHasEverything))
        };
    }
    panic!("it waits for ever: {:?}", world.moves);
}

#[test]
fn a_session_that_has_a_cause_is_over_in_a_bounded_time() {
    every_order(|_, world| {
        if world.ending.cause().is_some() {
            assert!(patience(world) <= LINGER + CLOSE_TIMEOUT, "{:?}", world.moves);
        }
    });
}

#[test]
fn what_a_side_says_behind_its_end_changes_nothing() {
    every_order(|_, world| {
        let mut ending = world.ending.clone();
        if !ending.reads_client() {
            CLIENT_ENDS.iter().for_each(|&end| ending.handle_event(world.now, end));
        }
        if !ending.reads_target() {
            TARGET_ENDS.iter().for_each(|&end| ending.handle_event(world.now, end));
        }
        assert_eq!(ending, world.ending, "{:?}", world.moves);
    });
}

#[test]
fn a_deadline_that_has_not_come_changes_nothing() {
    every_order(|_, world| {
        let mut ending = world.ending.clone();
        ending.handle_timeout(world.now, Progress::None);
        assert_eq!(ending, world.ending, "{:?}", world.moves);
    });
}

#[test]
fn time_outs_that_reach_beyond_the_clock_are_none() {
    let settings = Settings { linger: Duration::MAX, close_timeout: CLOSE_TIMEOUT };
    let mut ending = Ending::new(settings);
    ending.handle_event(Instant::now(), Event::ClientClosed);
    ending.handle_event(Instant::now(), Event::TargetHasEverything);
    assert_eq!(ending.poll_timeout(), None);
    assert!(ending.reads_target());
}
