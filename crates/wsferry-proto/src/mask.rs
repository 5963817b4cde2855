//! Masking (RFC 6455 §5.3): XOR with a four-byte key that goes round and round.

use std::ops::Range;

/// A masking key together with how far into the frame it has come, so that a payload can be
/// unmasked slice by slice. Masking and unmasking are the same operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    /// The key, rotated so that its first byte is for the next byte of payload.
    key: [u8; 4],
}

impl Mask {
    /// A mask at the start of a frame's payload.
    pub const fn new(key: [u8; 4]) -> Self {
        Self { key }
    }

    /// XORs the next `bytes` of the payload in place.
    pub fn apply(&mut self, bytes: &mut [u8]) {
        if self.key == [0; 4] {
            return; // a client that masks with zeros has nothing to be undone
        }
        // Sixteen bytes at a time: the compiler makes vector instructions of it.
        let wide = widened(self.key);
        let (blocks, rest) = bytes.as_chunks_mut::<16>();
        for block in blocks {
            *block = (u128::from_ne_bytes(*block) ^ wide).to_ne_bytes();
        }
        let (words, rest) = rest.as_chunks_mut::<4>();
        for word in words {
            *word = (u32::from_ne_bytes(*word) ^ wide as u32).to_ne_bytes();
        }
        for (byte, key) in rest.iter_mut().zip(self.key) {
            *byte ^= key;
        }
        self.key.rotate_left(bytes.len() % 4);
    }
}

/// Unmasks a whole payload and moves it towards the start of its buffer in one pass: `from` → `to`.
///
/// # Panics
/// When `to` is behind the start of `from`, or `from` is not inside of `buffer`.
pub(crate) fn unmask_to_front(key: [u8; 4], buffer: &mut [u8], from: Range<usize>, to: usize) {
    assert!(to <= from.start);
    let (length, gap) = (from.len(), from.start - to);
    let buffer = &mut buffer[to..from.end];
    let wide = widened(key) as u64;
    let mut at = 0;
    while length - at >= 64 {
        at = move_words::<8>(wide, buffer, at, gap);
    }
    while length - at >= 16 {
        at = move_words::<2>(wide, buffer, at, gap);
    }
    while length - at >= 4 {
        let mut word = [0; 4];
        word.copy_from_slice(&buffer[at + gap..at + gap + 4]);
        let word = u32::from_ne_bytes(word) ^ wide as u32;
        buffer[at..at + 4].copy_from_slice(&word.to_ne_bytes());
        at += 4;
    }
    for (index, key) in (at..length).zip(key) {
        buffer[index] = buffer[index + gap] ^ key;
    }
}

/// Moves `N` times eight bytes by `gap` to `at`, and says where the next ones go. All of them are
/// read before one is written, so that `gap` may be less than they are. Words of 64 bits become
/// vector instructions here, those of 128 do not.
#[inline(always)]
fn move_words<const N: usize>(wide: u64, buffer: &mut [u8], at: usize, gap: usize) -> usize {
    let end = at + 8 * N;
    let (from, _) = buffer[at + gap..end + gap].as_chunks::<8>();
    let mut words = [0; N];
    for (word, from) in words.iter_mut().zip(from) {
        *word = u64::from_ne_bytes(*from) ^ wide;
    }
    let (to, _) = buffer[at..end].as_chunks_mut::<8>();
    for (to, word) in to.iter_mut().zip(words) {
        *to = word.to_ne_bytes();
    }
    end
}

/// The key four times. It is the same from whichever end it is cut.
const fn widened(key: [u8; 4]) -> u128 {
    let key = u32::from_ne_bytes(key) as u128;
    let twice = key | key << 32;
    twice | twice << 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unmasks_the_example_of_rfc_6455_section_5_7() {
        let mut bytes = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        Mask::new([0x37, 0xfa, 0x21, 0x3d]).apply(&mut bytes);
        assert_eq!(&bytes, b"Hello");
    }

    #[test]
    fn moving_and_unmasking_at_once_is_the_same_as_one_after_the_other() {
        for length in 0..150 {
            for gap in 0..20 {
                let mut buffer: Vec<u8> = (0..(5 + gap + length + 3) as u8).collect();
                let mut expected = buffer.clone();
                let from = 5 + gap..5 + gap + length;
                Mask::new([9, 8, 7, 6]).apply(&mut expected[from.clone()]);
                expected.copy_within(from.clone(), 5);
                unmask_to_front([9, 8, 7, 6], &mut buffer, from.clone(), 5);
                assert_eq!(buffer[..5 + length], expected[..5 + length], "{length} {gap}");
                assert_eq!(buffer[from.end..], expected[from.end..], "{length} {gap}");
            }
        }
    }

    #[test]
    fn any_cut_of_the_payload_gives_the_same_bytes() {
        let plain: Vec<u8> = (0..131u8).collect();
        let mut whole = plain.clone();
        Mask::new([1, 2, 3, 4]).apply(&mut whole);
        for cut in 0..plain.len() {
            let mut parts = plain.clone();
            let mut mask = Mask::new([1, 2, 3, 4]);
            mask.apply(&mut parts[..cut]);
            mask.apply(&mut parts[cut..]);
            assert_eq!(parts, whole, "cut at {cut}");
        }
    }
}
