//! Masking (RFC 6455 §5.3): XOR with a four-byte key that goes round and round.

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
        let mut wide = [0; 16];
        for (index, byte) in wide.iter_mut().enumerate() {
            *byte = self.key[index % 4];
        }
        let wide = u128::from_ne_bytes(wide);
        let (blocks, rest) = bytes.as_chunks_mut::<16>();
        for block in blocks {
            *block = (u128::from_ne_bytes(*block) ^ wide).to_ne_bytes();
        }
        for (index, byte) in rest.iter_mut().enumerate() {
            *byte ^= self.key[index % 4];
        }
        self.key.rotate_left(bytes.len() % 4);
    }
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
