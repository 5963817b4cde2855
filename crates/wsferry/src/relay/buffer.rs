//! Buffers that exist only while data moves: borrowed from a pool of the thread, given back as soon
//! as they are empty, so that an idle session holds none.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut, Range};

use wsferry_proto::MAX_HEADER;

/// Room in front of what is read from a target, for the header of its frame.
pub const HEAD_ROOM: usize = 16;
const _: () = assert!(HEAD_ROOM >= MAX_HEADER);

/// The most bytes read at once.
pub const CHUNK: usize = 16 * 1024;

/// More than this many free buffers of a thread go back to the allocator.
const POOLED: usize = 64;

type Bytes = [u8; HEAD_ROOM + CHUNK];

thread_local! {
    static POOL: RefCell<Vec<Box<Bytes>>> = const { RefCell::new(Vec::new()) };
}

/// A borrowed buffer of [`HEAD_ROOM`] + [`CHUNK`] bytes. What is in it is what its last borrower
/// left there.
#[derive(Debug)]
pub struct Buffer(Option<Box<Bytes>>);

impl Buffer {
    /// Borrows one.
    pub fn take() -> Self {
        let pooled = POOL.with_borrow_mut(Vec::pop);
        Self(Some(pooled.unwrap_or_else(|| Box::new([0; HEAD_ROOM + CHUNK]))))
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let Some(bytes) = self.0.take() else { return };
        // The pool of a thread that ends is gone already: then the allocator takes it back.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < POOLED {
                pool.push(bytes);
            }
        });
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().map_or(&[], |bytes| &bytes[..])
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.0.as_deref_mut().map_or(&mut [], |bytes| &mut bytes[..])
    }
}

/// A buffer with the part of it that is still to be written.
#[derive(Debug)]
pub struct Pending {
    /// The buffer.
    pub buffer: Buffer,
    /// The bytes to be written.
    pub range: Range<usize>,
}

impl Pending {
    /// What is to be written next.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.range.clone()]
    }
}
