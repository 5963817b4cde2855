//! The threads of a gateway: one for each core, each with a runtime of its own. A connection is
//! served by one thread from its first byte to its last, so that no byte of it wakes another core.
//!
//! The first worker is the thread that runs the gateway. It accepts, and keeps what it accepts unless
//! another worker serves fewer connections.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long a thread may take to cut off what the drain left.
const PATIENCE: Duration = Duration::from_secs(1);

/// The threads beside the one that runs the gateway. Dropping it ends them, and cuts off what they
/// still serve.
#[derive(Debug)]
pub(super) struct Workers {
    stop: Option<DropGuard>,
    /// Each is closed when its thread has ended.
    ends: Vec<Receiver<()>>,
}

/// All workers, for whoever has a connection to be served. The first one is the thread that asks.
#[derive(Debug)]
pub(super) struct Roster(Box<[Worker]>);

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    load: Arc<AtomicUsize>,
}

/// A connection's place at a worker; dropping it makes room for another one.
#[derive(Debug)]
pub(super) struct Seat(Arc<AtomicUsize>);

impl Workers {
    /// Starts them: with the calling thread there are `threads`.
    ///
    /// # Errors
    /// The system gives no thread, or no event queue.
    pub(super) fn start(threads: NonZeroUsize) -> io::Result<(Self, Roster)> {
        let stop = CancellationToken::new();
        let mut workers = Self { stop: Some(stop.clone().drop_guard()), ends: Vec::new() };
        let mut roster = vec![Worker::new(Handle::current())];
        for number in 1..threads.get() {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            roster.push(Worker::new(runtime.handle().clone()));
            let (ended, end) = channel();
            let stop = stop.clone();
            std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
                runtime.block_on(stop.cancelled());
                runtime.shutdown_background(); // a name that is being looked up is not waited for
                drop::<std::sync::mpsc::Sender<()>>(ended);
            })?;
            workers.ends.push(end);
        }
        Ok((workers, Roster(roster.into_boxed_slice())))
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop = None;
        for end in &self.ends {
            let _ = end.recv_timeout(PATIENCE); // nobody sends: it is closed, or the time is over
        }
    }
}

impl Roster {
    /// Takes a seat for a connection: at which worker, if it is not the calling one.
    pub(super) fn seat(&self) -> (Seat, Option<&Handle>) {
        let loads = self.0.iter().map(|worker| worker.load.load(Ordering::Relaxed));
        // Of those with the least the first one: who has accepted the connection keeps it.
        let least = loads.enumerate().min_by_key(|&(_, load)| load).map_or(0, |(index, _)| index);
        let worker = &self.0[least];
        worker.load.fetch_add(1, Ordering::Relaxed);
        (Seat(Arc::clone(&worker.load)), (least > 0).then_some(&worker.runtime))
    }
}

impl Worker {
    fn new(runtime: Handle) -> Self {
        Self { runtime, load: Arc::default() }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(threads: usize) -> (Workers, Roster) {
        Workers::start(NonZeroUsize::new(threads).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn connections_are_spread_evenly_and_single_ones_stay_with_the_first_worker() {
        let (_workers, roster) = start(3);
        for _ in 0..3 {
            assert!(roster.seat().1.is_none()); // each has left before the next one came
        }
        let seats: Vec<_> = (0..6).map(|_| roster.seat().0).collect();
        let loads = roster.0.iter().map(|worker| worker.load.load(Ordering::Relaxed));
        assert_eq!(loads.collect::<Vec<_>>(), [2, 2, 2]);
        drop(seats);
        assert!(roster.seat().1.is_none());
    }

    #[tokio::test]
    async fn what_a_worker_still_serves_is_cut_off_with_it() {
        let (workers, roster) = start(2);
        let _first = roster.seat();
        let (_seat, runtime) = roster.seat();
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        runtime.unwrap().spawn(async move {
            std::future::pending::<()>().await;
            drop(sender);
        });
        drop(workers);
        assert!(receiver.await.is_err());
    }
}
