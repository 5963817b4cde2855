//! Bytes from one socket to another without entering user space (Linux, splice(2)): through a pipe,
//! which holds references to the pages that the network put them into.

#[cfg(target_os = "linux")]
pub use linux::Pipe;
#[cfg(not(target_os = "linux"))]
pub use portable::Pipe;

#[cfg(target_os = "linux")]
mod linux {
    use std::cell::RefCell;
    use std::io;
    use std::os::fd::OwnedFd;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll};

    use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

    use tokio::io::Interest;

    use crate::net::Stream;

    /// What a pipe may hold. Larger ones are not allowed to ordinary users.
    const CAPACITY: usize = 1024 * 1024;
    /// A pipe that the system keeps smaller than this does not pay.
    const WORTH_IT: usize = 64 * 1024;
    /// The maximum number of pipes of all threads, so that descriptors are left for connections.
    static MOST: LazyLock<usize> =
        LazyLock::new(|| crate::net::pipes(crate::sys::descriptor_limit().unwrap_or(u64::MAX)));

    static COUNT: AtomicUsize = AtomicUsize::new(0);

    thread_local! {
        static POOL: RefCell<Vec<Ends>> = const { RefCell::new(Vec::new()) };
    }

    /// Both ends of a pipe, counted.
    #[derive(Debug)]
    struct Ends {
        out: OwnedFd,
        into: OwnedFd,
    }

    impl Drop for Ends {
        fn drop(&mut self) {
            COUNT.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A borrowed pipe.
    #[derive(Debug)]
    pub struct Pipe {
        ends: Option<Ends>,
        holds: usize,
    }

    impl Pipe {
        /// Borrows an empty pipe; `None` when there are none left, or the system gives none that is
        /// worth it.
        pub fn take() -> Option<Self> {
            let pooled = POOL.with_borrow_mut(Vec::pop);
            let ends = pooled.or_else(open)?;
            Some(Self { ends: Some(ends), holds: 0 })
        }

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
            let Some(ends) = self.ends.take() else { return };
            if self.holds == 0 {
                // The pool of a thread that ends is gone already.
                let _ = POOL.try_with(|pool| pool.borrow_mut().push(ends));
            }
        }
    }

    /// What TLS has to look at cannot be moved unseen.
    fn unsupported() -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    fn open() -> Option<Ends> {
        if COUNT.fetch_add(1, Ordering::Relaxed) >= *MOST {
            COUNT.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let Ok((out, into)) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK) else {
            COUNT.fetch_sub(1, Ordering::Relaxed);
            return None;
        };
        let ends = Ends { out, into };
        // Refused when this user's pipes have many pages already: the size is what it was then.
        let size = fcntl_setpipe_size(&ends.into, CAPACITY)
            .or_else(|_| rustix::pipe::fcntl_getpipe_size(&ends.into));
        size.is_ok_and(|size| size >= WORTH_IT).then_some(ends)
    }
}

#[cfg(not(target_os = "linux"))]
mod portable {
    use std::convert::Infallible;
    use std::io;
    use std::task::{Context, Poll};

    use crate::net::Stream;

    /// There is none here: bytes are copied.
    #[derive(Debug)]
    pub struct Pipe(Infallible);

    impl Pipe {
        /// None.
        pub fn take() -> Option<Self> {
            None
        }

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
