//! Incremental UTF-8 (RFC 3629; RFC 6455 §8.1): a text message is checked slice by slice, and a bad
//! byte is noticed at once, not at the end of the message.

/// The state between two slices: the bytes of a character whose end has not come yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Utf8 {
    partial: [u8; 4],
    have: u8,
}

impl Utf8 {
    /// The state at the start of a message.
    pub(crate) const EMPTY: Self = Self { partial: [0; 4], have: 0 };

    /// Checks the next slice.
    ///
    /// # Errors
    /// The index of the byte with which the text becomes invalid, whatever follows it.
    pub fn check(&mut self, bytes: &[u8]) -> Result<(), usize> {
        let before = *self;
        if self.check_whole(bytes) {
            return Ok(());
        }
        // Which byte it was does not depend on the slices if each byte is a slice.
        let mut state = before;
        Err(bytes.iter().position(|&byte| !state.check_whole(&[byte])).unwrap_or(bytes.len()))
    }

    fn check_whole(&mut self, mut bytes: &[u8]) -> bool {
        while self.have > 0 {
            let Some((&next, rest)) = bytes.split_first() else { return true };
            let have = usize::from(self.have);
            self.partial[have] = next;
            match std::str::from_utf8(&self.partial[..=have]) {
                Ok(_) => self.have = 0,
                Err(error) if error.error_len().is_none() => self.have += 1,
                Err(_) => return false,
            }
            bytes = rest;
        }
        // Most text is ASCII, most often all of it: blocks of it are known faster by themselves.
        let (blocks, _) = bytes.as_chunks::<64>();
        let ascii = 64 * blocks.iter().take_while(|block| block.is_ascii()).count();
        let bytes = &bytes[ascii..];
        match std::str::from_utf8(bytes) {
            Ok(_) => true,
            Err(error) if error.error_len().is_some() => false,
            Err(error) => {
                let rest = &bytes[error.valid_up_to()..];
                self.partial[..rest.len()].copy_from_slice(rest);
                self.have = rest.len() as u8;
                true
            }
        }
    }

    /// Whether what came so far ends with a whole character.
    pub const fn is_complete(&self) -> bool {
        self.have == 0
    }
}

/// How many bytes of `bytes`, which begin at a character boundary, are whole characters, so that a
/// stream can be cut into text frames at character boundaries only. At most three bytes are left.
///
/// # Errors
/// How many bytes are valid before one that is not UTF-8.
pub fn whole_characters(bytes: &[u8]) -> Result<usize, usize> {
    match std::str::from_utf8(bytes) {
        Ok(_) => Ok(bytes.len()),
        Err(error) if error.error_len().is_none() => Ok(error.valid_up_to()),
        Err(error) => Err(error.valid_up_to()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(bytes: &[u8], cut: usize) -> Result<bool, ()> {
        let mut state = Utf8::default();
        state.check(&bytes[..cut]).map_err(drop)?;
        state.check(&bytes[cut..]).map_err(drop)?;
        Ok(state.is_complete())
    }

    #[test]
    fn agrees_with_the_standard_library_wherever_the_text_is_cut() {
        let samples: [&[u8]; 8] = [
            "κόσμε – 𝄞 – ascii".as_bytes(),
            b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
            b"\xf4\x90\x80\x80",
            b"\xc0\xaf",
            b"abc\xe2\x82",
            b"\xf0\x9f\x98",
            b"\x80",
            b"",
        ];
        for sample in samples {
            let expected = match std::str::from_utf8(sample) {
                Ok(_) => Ok(true),
                Err(error) if error.error_len().is_none() => Ok(false),
                Err(_) => Err(()),
            };
            for cut in 0..=sample.len() {
                assert_eq!(verdict(sample, cut), expected, "{sample:x?} cut at {cut}");
            }
        }
    }

    #[test]
    fn what_stands_among_much_ascii_is_checked_as_well() {
        for before in 0..200 {
            let ascii = vec![b'a'; before];
            assert_eq!(verdict(&[&ascii, "é".as_bytes(), &[b'a'; 99]].concat(), before), Ok(true));
            assert_eq!(verdict(&[&ascii[..], b"\xc3"].concat(), before / 2), Ok(false));
            for bad in [&b"\xff"[..], b"\x80", b"\xc0"] {
                let text = [&ascii, bad, &[b'a'; 99]].concat();
                assert_eq!(Utf8::default().check(&text), Err(before));
                assert_eq!(verdict(&text, before / 2), Err(()));
            }
        }
    }

    #[test]
    fn a_bad_byte_is_noticed_before_the_character_could_end() {
        // F4 90 can never become a character: the second byte is enough to know.
        let mut state = Utf8::default();
        assert_eq!(state.check(b"ok\xf4"), Ok(()));
        assert_eq!(state.check(b"\x90"), Err(0));
        assert_eq!(Utf8::default().check(b"ok\xf4\x90"), Err(3));
        assert_eq!(Utf8::default().check(b"\x80"), Err(0));
    }

    #[test]
    fn a_stream_is_cut_before_a_character_that_is_not_whole() {
        assert_eq!(whole_characters("aé".as_bytes()), Ok(3));
        assert_eq!(whole_characters(b"a\xc3"), Ok(1));
        assert_eq!(whole_characters(b"\xf0\x9f\x98"), Ok(0));
        assert_eq!(whole_characters(b"a\xff"), Err(1));
    }
}
