//! The bytes that are moved, so that lost or changed ones are noticed.

/// So many bytes of each stream are compared; the rest is counted.
pub(crate) const CHECKED: u64 = 1 << 20;

/// The stream that every sender sends: bytes that repeat after a prime number of them, so that a
/// lost or doubled block of any even size shows.
#[derive(Default)]
pub(crate) struct Pattern {
    offset: u64,
}

impl Pattern {
    pub(crate) const PERIOD: usize = 251;

    /// The bytes from the start of the stream.
    pub(crate) fn fill(bytes: &mut [u8]) {
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = (index % Self::PERIOD) as u8;
        }
    }

    /// How far the stream was read.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next bytes of the stream: how many of them are wrong, among the checked ones.
    pub(crate) fn wrong(&mut self, bytes: &[u8]) -> u64 {
        let start = self.offset;
        self.offset += bytes.len() as u64;
        let checked = CHECKED.saturating_sub(start).min(bytes.len() as u64) as usize;
        let expected = (start..).map(|at| (at % Self::PERIOD as u64) as u8);
        bytes[..checked].iter().zip(expected).filter(|(byte, wanted)| **byte != *wanted).count()
            as u64
    }
}
