//! Names → addresses, by the system's resolver (`getaddrinfo`, so that /etc/hosts, nsswitch and
//! multicast DNS count) on a few threads of its own.
//!
//! A resolver that does not answer holds its caller for half a minute. Here it holds at most
//! [`MAX_THREADS`] threads that do nothing else. One look-up per name is under way at a time, and
//! everybody who wants that name waits for it, for as long as they like.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use thiserror::Error;
use tokio::sync::watch;

/// The maximum number of threads. They are started when there is work, and end when there is none.
const MAX_THREADS: usize = 16;
/// How long a thread waits for work.
const IDLE: Duration = Duration::from_secs(10);
/// The maximum number of names that wait for a thread.
const MAX_WAITING: usize = 1024;
/// How long an answer is used again. A look-up costs more than the rest of a session's start; a name
/// that moves is noticed after this time, or as soon as nothing answers any more.
const FOUND_FOR: Duration = Duration::from_secs(5);
/// How long a failure is used again.
const FAILED_FOR: Duration = Duration::from_secs(1);
/// The maximum number of answers that are remembered.
const MAX_KNOWN: usize = 1024;

/// The addresses of a name, with port 0.
type Addresses = Arc<[SocketAddr]>;
/// The outcome of a look-up.
type Answer = Result<Addresses, ResolveError>;
/// Asks the system, or what a test has in its place.
type LookUp = dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// Why a name has no address.
#[derive(Clone, Debug, Error)]
pub enum ResolveError {
    /// What the resolver says.
    #[error("{0}")]
    Failed(Arc<str>),
    /// The resolver leads nowhere.
    #[error("it has no address")]
    NoAddress,
    /// The resolver does not keep up.
    #[error("too many names are being looked up")]
    Busy,
}

/// Looks names up. Clones share their threads and their answers.
#[derive(Clone)]
pub struct Resolver(Arc<Shared>);

struct Shared {
    look_up: Box<LookUp>,
    state: Mutex<State>,
    /// A name waits for a thread.
    work: Condvar,
}

#[derive(Default)]
struct State {
    known: HashMap<Box<str>, Known>,
    /// Names that are being looked up or wait for it: who is told the answer.
    pending: HashMap<Box<str>, watch::Sender<Option<Answer>>>,
    waiting: VecDeque<Box<str>>,
    threads: usize,
    idle: usize,
}

struct Known {
    answer: Answer,
    until: Instant,
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

impl Default for Resolver {
    /// The system's.
    fn default() -> Self {
        Self::new(|name| Ok((name, 0).to_socket_addrs()?.collect()))
    }
}

impl Resolver {
    /// One that asks `look_up`, which may take its time.
    pub fn new(
        look_up: impl Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Shared {
            look_up: Box::new(look_up),
            state: Mutex::default(),
            work: Condvar::new(),
        }))
    }

    /// The addresses of a name. It may take long: the caller has the deadline.
    ///
    /// # Errors
    /// The name has no address, or the resolver does not keep up.
    pub async fn addresses(&self, name: &str, port: u16) -> Result<Vec<SocketAddr>, ResolveError> {
        let answer = match self.begin(name) {
            Begun::Known(answer) => answer,
            Begun::Pending(mut told) => match told.wait_for(Option::is_some).await {
                Ok(answer) => answer.clone().unwrap_or(Err(ResolveError::Busy)),
                Err(_) => Err(ResolveError::Busy),
            },
        };
        let with_port = |&(mut address): &SocketAddr| {
            address.set_port(port);
            address
        };
        Ok(answer?.iter().map(with_port).collect())
    }

    /// The next look-up asks anew: nothing answered at these addresses.
    pub fn forget(&self, name: &str) {
        self.0.state().known.remove(name);
    }

    fn begin(&self, name: &str) -> Begun {
        let mut state = self.0.state();
        if let Some(known) = state.known.get(name)
            && Instant::now() < known.until
        {
            return Begun::Known(known.answer.clone());
        }
        if let Some(pending) = state.pending.get(name) {
            return Begun::Pending(pending.subscribe());
        }
        if state.waiting.len() >= MAX_WAITING {
            state.drop_abandoned();
        }
        if state.waiting.len() >= MAX_WAITING || !self.has_thread(&mut state) {
            return Begun::Known(Err(ResolveError::Busy));
        }
        let (tell, told) = watch::channel(None);
        state.pending.insert(name.into(), tell);
        state.waiting.push_back(name.into());
        self.0.work.notify_one();
        Begun::Pending(told)
    }

    /// Whether some thread will look at what waits; starts one where all are busy.
    fn has_thread(&self, state: &mut State) -> bool {
        if state.idle <= state.waiting.len() && state.threads < MAX_THREADS {
            let shared = Arc::clone(&self.0);
            let thread = std::thread::Builder::new().name("resolver".to_owned());
            if thread.spawn(move || shared.work()).is_ok() {
                state.threads += 1;
            }
        }
        state.threads > 0
    }
}

enum Begun {
    Known(Answer),
    Pending(watch::Receiver<Option<Answer>>),
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// What a thread does until there has been nothing to do for a while.
    fn work(&self) {
        let mut state = self.state();
        loop {
            let Some(name) = state.next() else {
                state.idle += 1;
                let timed_out = self.work.wait_for(&mut state, IDLE);
                state.idle -= 1;
                if timed_out.timed_out() && state.waiting.is_empty() {
                    state.threads -= 1;
                    return;
                }
                continue;
            };
            drop(state);
            let answer = match (self.look_up)(&name) {
                Ok(found) if found.is_empty() => Err(ResolveError::NoAddress),
                Ok(found) => Ok(found.into()),
                Err(error) => Err(ResolveError::Failed(error.to_string().into())),
            };
            state = self.state();
            state.finish(name, answer);
        }
    }
}

impl State {
    /// The next name that somebody still waits for.
    fn next(&mut self) -> Option<Box<str>> {
        while let Some(name) = self.waiting.pop_front() {
            if self.pending.get(&name).is_some_and(|tell| tell.receiver_count() > 0) {
                return Some(name);
            }
            self.pending.remove(&name);
        }
        None
    }

    fn finish(&mut self, name: Box<str>, answer: Answer) {
        if let Some(tell) = self.pending.remove(&name) {
            tell.send_replace(Some(answer.clone()));
        }
        let now = Instant::now();
        if self.known.len() >= MAX_KNOWN {
            self.known.retain(|_, known| now < known.until);
        }
        if self.known.len() < MAX_KNOWN {
            let remembered = if answer.is_ok() { FOUND_FOR } else { FAILED_FOR };
            self.known.insert(name, Known { answer, until: now + remembered });
        }
    }

    /// Makes room: names that nobody waits for any more need no look-up.
    fn drop_abandoned(&mut self) {
        let pending = &mut self.pending;
        self.waiting.retain(|name| {
            let is_wanted = pending.get(name).is_some_and(|tell| tell.receiver_count() > 0);
            if !is_wanted {
                pending.remove(name);
            }
            is_wanted
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use tokio::time::timeout;

    use super::*;

    /// A resolver that answers when it is told to, and counts its look-ups.
    fn held() -> (Resolver, mpsc::Sender<()>, Arc<AtomicUsize>) {
        let (release, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let resolver = Resolver::new(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = held.lock().recv(); // an error: the test is over
            Ok(vec![([127, 0, 0, 1], 0).into()])
        });
        (resolver, release, count)
    }

    #[tokio::test]
    async fn a_thousand_who_want_one_name_share_one_look_up() {
        let (resolver, release, count) = held();
        let wanted: Vec<_> = (0..1000)
            .map(|port| {
                let resolver = resolver.clone();
                tokio::spawn(async move { resolver.addresses("one", port).await })
            })
            .collect();
        while resolver.0.state().pending.get("one").is_none_or(|tell| tell.receiver_count() < 1000)
        {
            tokio::task::yield_now().await;
        }
        release.send(()).unwrap();
        for (port, found) in wanted.into_iter().enumerate() {
            let found = found.await.unwrap().unwrap();
            assert_eq!(found, [([127, 0, 0, 1], port as u16).into()]);
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn names_that_hang_hold_a_bounded_number_of_threads_and_of_places_to_wait() {
        let (resolver, _release, _) = held();
        let mut held = Vec::new();
        for number in 0..MAX_THREADS + MAX_WAITING {
            let Begun::Pending(told) = resolver.begin(&number.to_string()) else { panic!() };
            held.push(told);
            // The threads take theirs before the queue is filled.
            let is_taken = |state: &State| number >= MAX_THREADS || state.waiting.is_empty();
            while !is_taken(&resolver.0.state()) {
                tokio::task::yield_now().await;
            }
        }
        let busy = resolver.addresses("one more", 1).await;
        assert!(matches!(busy, Err(ResolveError::Busy)), "{busy:?}");
        assert_eq!(resolver.0.state().threads, MAX_THREADS);
        // Those who gave up make room.
        held.truncate(MAX_THREADS);
        let waits = timeout(Duration::from_millis(1), resolver.addresses("one more", 1)).await;
        assert!(waits.is_err(), "{waits:?}");
    }

    #[tokio::test]
    async fn an_answer_is_remembered_until_it_is_forgotten_and_a_failure_for_a_second() {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let resolver = Resolver::new(move |name| {
            counted.fetch_add(1, Ordering::SeqCst);
            match name {
                "good" => Ok(vec![([127, 0, 0, 1], 0).into()]),
                _ => Err(io::Error::other("no such name")),
            }
        });
        for _ in 0..3 {
            resolver.addresses("good", 1).await.unwrap();
            resolver.addresses("bad", 1).await.unwrap_err();
        }
        assert_eq!(count.load(Ordering::SeqCst), 2);
        let until = resolver.0.state().known["bad"].until;
        assert!(until <= Instant::now() + FAILED_FOR, "a failure is remembered for longer");
        resolver.forget("good");
        resolver.addresses("good", 1).await.unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 3);
    }
}
