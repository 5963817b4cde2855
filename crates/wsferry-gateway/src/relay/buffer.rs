//! Buffers that exist only while data moves: borrowed from a pool of the thread, given back as soon
//! as they are empty, so that an idle session holds none.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut, Range};

use wsferry_proto::MAX_HEADER;

/// Room in front of what is read from a target, for the header of its frame.
pub(crate) const HEAD_ROOM: usize = 16;
const _: () = assert!(HEAD_ROOM >= MAX_HEADER);

/// The most bytes read at once from a stream that has not filled a chunk lately.
pub const CHUNK: usize = 16 * 1024;

/// The most bytes read at once from a stream that has.
pub(crate) const LARGE_CHUNK: usize = 64 * 1024;

/// More than this many free buffers of a thread, of each size, go back to the allocator.
const POOLED: usize = 32;

/// How much is read at once. It follows what came at the last read, so that a stream that moves
/// much pays for fewer system calls, and one that does not holds little when it is blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// [`CHUNK`] bytes.
    Small,
    /// Four times as many.
    Large,
}

impl Size {
    /// Bytes that are read at once.
    pub(crate) const fn chunk(self) -> usize {
        match self {
            Self::Small => CHUNK,
            Self::Large => LARGE_CHUNK,
        }
    }

    /// The size for the next read after one of `length` bytes.
    pub(crate) const fn after(length: usize) -> Self {
        if length >= CHUNK { Self::Large } else { Self::Small }
    }
}

#[derive(Default)]
struct Pool {
    small: Vec<Box<[u8]>>,
    large: Vec<Box<[u8]>>,
}

impl Pool {
    const fn of(&mut self, size: Size) -> &mut Vec<Box<[u8]>> {
        match size {
            Size::Small => &mut self.small,
            Size::Large => &mut self.large,
        }
    }
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { small: Vec::new(), large: Vec::new() }) };
}

/// A borrowed buffer of [`HEAD_ROOM`] bytes and a chunk. What is in it is what its last borrower
/// left there.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Box<[u8]>,
}

impl Buffer {
    /// Borrows one.
    pub(crate) fn take(size: Size) -> Self {
        let pooled = POOL.with_borrow_mut(|pool| pool.of(size).pop());
        let length = HEAD_ROOM + size.chunk();
        Self { bytes: pooled.unwrap_or_else(|| vec![0; length].into_boxed_slice()) }
    }

    /// One for what is in `bytes`, of any length; it comes from no pool and goes into none.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        Self { bytes: bytes.into_boxed_slice() }
    }

    /// Exchanges it for a large one, with the first `length` bytes in it.
    pub(crate) fn grow(&mut self, length: usize) {
        let mut large = Self::take(Size::Large);
        large[..length].copy_from_slice(&self[..length]);
        *self = large;
    }

    const fn size(&self) -> Option<Size> {
        match self.bytes.len() {
            SMALL => Some(Size::Small),
            LARGE => Some(Size::Large),
            _ => None,
        }
    }
}

const SMALL: usize = HEAD_ROOM + CHUNK;
const LARGE: usize = HEAD_ROOM + LARGE_CHUNK;

impl Drop for Buffer {
    fn drop(&mut self) {
        let Some(size) = self.size() else { return };
        let bytes = std::mem::take(&mut self.bytes);
        // The pool of a thread that ends is gone already: then the allocator takes it back.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            let free = pool.of(size);
            if free.len() < POOLED {
                free.push(bytes);
            }
        });
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

/// A buffer with the part of it that is still to be written.
#[derive(Debug)]
pub(crate) struct Pending {
    /// The buffer.
    pub buffer: Buffer,
    /// The bytes to be written.
    pub range: Range<usize>,
}

impl Pending {
    /// What is to be written next.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.range.clone()]
    }
}
