//! Work that may block (the file system may hang), away from the runtime's threads: with a deadline,
//! and with a bound on the threads that can be stuck in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// The maximum number of threads that work for one owner at a time.
const THREADS: usize = 8;

/// Runs work that may block, for one owner: a token source, the static files.
#[derive(Clone, Debug)]
pub struct OffWorker {
    threads: Arc<Semaphore>,
    /// Somebody waited for a thread in vain, and none has become free since.
    is_hung: Arc<AtomicBool>,
    deadline: Duration,
}

/// Why work gave no result.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Stuck {
    /// It took too long.
    #[error("the file system did not answer within {} s", .0.as_secs_f32())]
    Slow(Duration),
    /// All earlier work takes too long: no more is begun.
    #[error("the file system does not answer")]
    Hung,
    /// It panicked, or the runtime has ended.
    #[error("the file system cannot be asked now")]
    Lost,
}

impl OffWorker {
    /// Work may take as long as `deadline`, the wait for a thread included.
    pub fn new(deadline: Duration) -> Self {
        let threads = Arc::new(Semaphore::new(THREADS));
        Self { threads, is_hung: Arc::default(), deadline }
    }

    /// The result of `work`. What is not waited for any longer goes on, and keeps its thread.
    ///
    /// # Errors
    /// There is none within the deadline.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Stuck> {
        if self.is_hung.load(Ordering::Relaxed) && self.threads.available_permits() == 0 {
            return Err(Stuck::Hung);
        }
        let mut has_thread = false;
        let working = async {
            let permit =
                Arc::clone(&self.threads).acquire_owned().await.map_err(|_| Stuck::Lost)?;
            has_thread = true;
            let is_hung = Arc::clone(&self.is_hung);
            let working = spawn_blocking(move || {
                let result = work();
                is_hung.store(false, Ordering::Relaxed);
                drop(permit);
                result
            });
            working.await.map_err(|_| Stuck::Lost)
        };
        timeout(self.deadline, working).await.unwrap_or_else(|_| {
            if !has_thread {
                self.is_hung.store(true, Ordering::Relaxed);
            }
            Err(Stuck::Slow(self.deadline))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Instant;

    #[tokio::test]
    async fn stuck_work_has_eight_threads_and_whoever_comes_later_is_told_at_once() {
        let files = OffWorker::new(Duration::from_millis(50));
        let mut gates = Vec::new();
        for _ in 0..THREADS {
            let (open, gate): (_, Receiver<()>) = channel();
            gates.push(open);
            let stuck = files.run(move || gate.recv().is_ok()).await;
            assert!(matches!(stuck, Err(Stuck::Slow(_))), "{stuck:?}");
        }
        assert!(matches!(files.run(|| ()).await, Err(Stuck::Slow(_))));
        let asked = Instant::now();
        assert_eq!(files.run(|| ()).await, Err(Stuck::Hung));
        assert!(asked.elapsed() < Duration::from_millis(50));
        drop(gates);
        while files.run(|| ()).await.is_err() {
            tokio::task::yield_now().await;
        }
    }
}
