//! A long stream of bytes of which every piece can be checked by its place alone, and dice that
//! fall the same way in every run.

/// An endless stream of bytes: what stands at a place depends on the seed and the place only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern(u64);

impl Pattern {
    /// The stream of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Writes the bytes from `offset` on into `room`.
    pub fn fill(self, offset: u64, room: &mut [u8]) {
        let skip = (offset % 8) as usize;
        let mut index = offset / 8;
        let head = room.len().min((8 - skip) % 8);
        let (head, rest) = room.split_at_mut(head);
        if skip > 0 {
            head.copy_from_slice(&self.word(index)[skip..skip + head.len()]);
            index += 1;
        }
        for piece in rest.chunks_mut(8) {
            piece.copy_from_slice(&self.word(index)[..piece.len()]);
            index += 1;
        }
    }

    /// `length` bytes from `offset` on.
    pub fn bytes(self, offset: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.fill(offset, &mut bytes);
        bytes
    }

    /// `SplitMix64` of the place.
    const fn word(self, index: u64) -> [u8; 8] {
        mix(self.0.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
            .to_le_bytes()
    }
}

/// Checks a stream as it comes in.
#[derive(Clone, Debug)]
pub struct Checker {
    pattern: Pattern,
    at: u64,
    room: Vec<u8>,
}

impl Checker {
    /// A checker at the start of a stream.
    pub const fn new(pattern: Pattern) -> Self {
        Self { pattern, at: 0, room: Vec::new() }
    }

    /// Takes the next bytes.
    ///
    /// # Panics
    /// At the first byte that does not belong where it stands.
    pub fn take(&mut self, bytes: &[u8]) {
        self.room.resize(bytes.len(), 0);
        self.pattern.fill(self.at, &mut self.room);
        if self.room != bytes {
            let good = self.room.iter().zip(bytes).take_while(|(one, other)| one == other).count();
            panic!("byte {} of the stream is not the one that was sent", self.at + good as u64);
        }
        self.at += bytes.len() as u64;
    }

    /// How many bytes came.
    pub const fn at(&self) -> u64 {
        self.at
    }
}

/// Numbers that look like chance and are the same in every run.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The dice of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `sides`, which is not 0.
    pub const fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0) % sides
    }

    /// A size up to `most`, small ones as often as large ones, 0 among them.
    pub const fn size(&mut self, most: usize) -> usize {
        let bits = self.roll(u64::BITS as u64 - (most as u64).leading_zeros() as u64 + 1);
        let size = self.roll(1 << bits) as usize;
        if size > most { most } else { size }
    }
}

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_piece_of_a_stream_is_the_same_as_in_the_whole() {
        let whole = Pattern::new(7).bytes(0, 100);
        for from in 0..40 {
            for length in 0..40 {
                let piece = Pattern::new(7).bytes(from as u64, length);
                assert_eq!(piece, whole[from..from + length]);
            }
        }
    }

    #[test]
    #[should_panic(expected = "byte 5 of the stream")]
    fn a_byte_that_is_wrong_is_named_by_its_place() {
        let mut bytes = Pattern::new(7).bytes(0, 10);
        bytes[5] ^= 1;
        Checker::new(Pattern::new(7)).take(&bytes);
    }
}
