//! Bytes as decisions: a fuzzer's input, or a property test's, steers what a generator does.
//!
//! Where the bytes end every decision is 0, so generators make 0 the plain case.

/// Decisions that are still to be taken.
#[derive(Clone, Debug)]
pub struct Choices<'d> {
    bytes: &'d [u8],
}

impl<'d> Choices<'d> {
    pub fn new(bytes: &'d [u8]) -> Self {
        Self { bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        first
    }

    /// A number below `end`, which is at most 256.
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    /// True once in `n` times, never where the bytes have ended.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    /// All that is left, as it is.
    pub fn rest(&mut self) -> &'d [u8] {
        std::mem::take(&mut self.bytes)
    }

    /// Cuts `bytes` into pieces of 1 to `most` bytes (`most` is at most 256). Where the decisions
    /// have ended, one piece holds all the rest.
    pub fn cut<'b>(&mut self, mut bytes: &'b [u8], most: usize) -> Vec<&'b [u8]> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let length = if self.is_empty() { bytes.len() } else { 1 + self.below(most) };
            let (piece, rest) = bytes.split_at(length.min(bytes.len()));
            pieces.push(piece);
            bytes = rest;
        }
        pieces
    }
}
