//! Bytes from one socket to another without entering user space (Linux, splice(2)): through a pipe,
//! which holds references to the pages that the network put them into.

#[cfg(target_os = "linux")]
pub use linux::{Pipe, Pipes};
#[cfg(not(target_os = "linux"))]
pub use portable::{Pipe, Pipes};

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll};

    use parking_lot::Mutex;
    use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
    use tokio::io::Interest;

    use crate::net::Stream;

    /// What a pipe may hold. Larger ones are not allowed to ordinary users.
    const CAPACITY: usize = 1024 * 1024;
    /// A pipe that the system keeps smaller than this does not pay.
    const WORTH_IT: usize = 64 * 1024;

    /// The pipes of a gateway, which are borrowed like buffers. Clones share them.
    #[derive(Clone, Debug)]
    pub struct Pipes(Arc<Shared>);

    #[derive(Debug)]
    struct Shared {
        /// No more than these are open, so that descriptors are left for connections.
        most: usize,
        open: AtomicUsize,
        /// Nobody waits for it: whoever finds it taken opens a pipe, or closes one.
        free: Mutex<Vec<Ends>>,
    }

    /// Both ends of a pipe.
    #[derive(Debug)]
    struct Ends {
        out: OwnedFd,
        into: OwnedFd,
    }

    impl Pipes {
        /// None is open yet, and never more than `most` are.
        pub fn new(most: usize) -> Self {
            Self(Arc::new(Shared { most, open: AtomicUsize::new(0), free: Mutex::default() }))
        }

        /// Borrows an empty pipe; `None` when there are none left, or the system gives none that is
        /// worth it.
        pub fn take(&self) -> Option<Pipe> {
            let free = self.0.free.try_lock().and_then(|mut free| free.pop());
            let ends = free.or_else(|| self.0.open())?;
            Some(Pipe { ends: Some(ends), holds: 0, pipes: self.clone() })
        }
    }

    impl Shared {
        fn open(&self) -> Option<Ends> {
            if self.open.fetch_add(1, Ordering::Relaxed) >= self.most {
                self.open.fetch_sub(1, Ordering::Relaxed);
                return None;
            }
            let ends = open();
            if ends.is_none() {
                self.open.fetch_sub(1, Ordering::Relaxed);
            }
            ends
        }

        /// Takes an empty pipe back, or closes it.
        fn give_back(&self, ends: Ends, is_empty: bool) {
            match self.free.try_lock().filter(|_| is_empty) {
                Some(mut free) => free.push(ends),
                None => {
                    drop(ends);
                    self.open.fetch_sub(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// A borrowed pipe.
    #[derive(Debug)]
    pub struct Pipe {
        ends: Option<Ends>,
        holds: usize,
        pipes: Pipes,
    }

    impl Pipe {
        /// Bytes in the pipe.
        pub fn holds(&self) -> usize {
            self.holds
        }

        /// Moves what has arrived into the pipe, which is empty: 0 at the end of the stream. It takes
        /// a multiple of `unit` where more has arrived than it can take.
        pub fn poll_fill(
            &mut self,
            cx: &mut Context<'_>,
            from: &mut Stream,
            unit: usize,
        ) -> Poll<io::Result<usize>> {
            let most = if unit < CAPACITY { CAPACITY - CAPACITY % unit } else { CAPACITY };
            let Some(ends) = &self.ends else { return Poll::Ready(Ok(0)) };
            let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
            let Some(from) = from.plain() else { return unsupported() };
            let moved = from.poll_call(cx, Interest::READABLE, |socket| {
                Ok(splice(socket, None, &ends.into, None, most, flags)?)
            });
            if let Poll::Ready(Ok(length)) = moved {
                self.holds += length;
            }
            moved
        }

        /// Moves at most `most` bytes out of the pipe, which is not empty: how many. What it holds
        /// behind them is about to follow, and the system may wait for it.
        pub fn poll_drain(
            &mut self,
            cx: &mut Context<'_>,
            to: &mut Stream,
            most: usize,
        ) -> Poll<io::Result<usize>> {
            let Some(ends) = &self.ends else { return Poll::Ready(Ok(0)) };
            let mut flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
            flags.set(SpliceFlags::MORE, most < self.holds);
            let Some(to) = to.plain() else { return unsupported() };
            let moved = to.poll_call(cx, Interest::WRITABLE, |socket| {
                match splice(&ends.out, None, socket, None, most, flags)? {
                    0 => Err(io::ErrorKind::WriteZero.into()),
                    length => Ok(length),
                }
            });
            if let Poll::Ready(Ok(length)) = moved {
                self.holds -= length;
            }
            moved
        }

        /// Copies bytes out of the pipe, which holds as many.
        pub fn read(&mut self, room: &mut [u8]) -> io::Result<()> {
            let Some(ends) = &self.ends else { return Err(io::ErrorKind::UnexpectedEof.into()) };
            let mut at = 0;
            while at < room.len() {
                match rustix::io::retry_on_intr(|| rustix::io::read(&ends.out, &mut room[at..]))? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    length => at += length,
                }
            }
            self.holds -= at;
            Ok(())
        }
    }

    impl Drop for Pipe {
        fn drop(&mut self) {
            if let Some(ends) = self.ends.take() {
                self.pipes.0.give_back(ends, self.holds == 0);
            }
        }
    }

    /// What TLS has to look at cannot be moved unseen.
    fn unsupported() -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    fn open() -> Option<Ends> {
        let (out, into) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
        // Refused when this user's pipes have many pages already: the size is what it was then.
        let size = fcntl_setpipe_size(&into, CAPACITY)
            .or_else(|_| rustix::pipe::fcntl_getpipe_size(&into));
        size.is_ok_and(|size| size >= WORTH_IT).then_some(Ends { out, into })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn no_more_pipes_are_open_than_may_be_and_those_given_back_are_used_again() {
            let pipes = Pipes::new(2);
            let (one, two) = (pipes.take().unwrap(), pipes.take().unwrap());
            assert!(pipes.take().is_none());
            drop(one);
            assert!(pipes.take().is_some());
            drop(two);
            assert_eq!(pipes.0.open.load(Ordering::Relaxed), 2);
            assert_eq!(pipes.0.free.lock().len(), 2);
        }

        #[test]
        fn a_pipe_that_still_holds_bytes_is_not_used_again() {
            let pipes = Pipes::new(1);
            let mut pipe = pipes.take().unwrap();
            pipe.holds = 1;
            drop(pipe);
            assert_eq!((pipes.0.open.load(Ordering::Relaxed), pipes.0.free.lock().len()), (0, 0));
        }

        #[test]
        fn two_gateways_have_pipes_of_their_own() {
            let (one, other) = (Pipes::new(1), Pipes::new(1));
            let taken = one.take();
            assert!(taken.is_some() && one.take().is_none() && other.take().is_some());
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod portable {
    use std::convert::Infallible;
    use std::io;
    use std::task::{Context, Poll};

    use crate::net::Stream;

    /// There are none here: bytes are copied.
    #[derive(Clone, Debug)]
    pub struct Pipes;

    impl Pipes {
        /// None.
        pub const fn new(_: usize) -> Self {
            Self
        }

        /// None.
        pub const fn take(&self) -> Option<Pipe> {
            None
        }
    }

    /// Never made.
    #[derive(Debug)]
    pub struct Pipe(Infallible);

    impl Pipe {
        /// Bytes in the pipe.
        pub fn holds(&self) -> usize {
            match self.0 {}
        }

        /// Moves what has arrived into the pipe.
        pub fn poll_fill(
            &mut self,
            _cx: &mut Context<'_>,
            _from: &mut Stream,
            _unit: usize,
        ) -> Poll<io::Result<usize>> {
            match self.0 {}
        }

        /// Moves bytes out of the pipe.
        pub fn poll_drain(
            &mut self,
            _cx: &mut Context<'_>,
            _to: &mut Stream,
            _most: usize,
        ) -> Poll<io::Result<usize>> {
            match self.0 {}
        }

        /// Copies bytes out of the pipe.
        pub fn read(&mut self, _room: &mut [u8]) -> io::Result<()> {
            match self.0 {}
        }
    }
}
