//! Key unwrapping (RFC 3394), for the three sizes of AES.
//!
//! aws-lc-rs has a wrapper of its own, but none for 192 bits; one way for all three is less than two.

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptingKey, DecryptionContext, UnboundCipherKey,
};
use aws_lc_rs::constant_time::verify_slices_are_equal;

/// The cipher that takes keys of this many bytes.
pub(super) const fn aes(key_length: usize) -> Option<&'static Algorithm> {
    match key_length {
        16 => Some(&AES_128),
        24 => Some(&AES_192),
        32 => Some(&AES_256),
        _ => None,
    }
}

/// The key that was wrapped with another; `None` if it was not, or was changed since (§2.2.2).
pub(super) fn unwrap(wrapping_key: &[u8], wrapped: &[u8]) -> Option<Vec<u8>> {
    const BLOCK: usize = 8;
    const INTEGRITY: [u8; BLOCK] = [0xa6; BLOCK]; // §2.2.3.1
    if wrapped.len() < 3 * BLOCK || !wrapped.len().is_multiple_of(BLOCK) {
        return None;
    }
    let key = UnboundCipherKey::new(aes(wrapping_key.len())?, wrapping_key).ok()?;
    let key = DecryptingKey::ecb(key).ok()?;
    let (first, rest) = wrapped.split_at(BLOCK);
    let mut check: [u8; BLOCK] = first.try_into().ok()?;
    let mut blocks = rest.to_vec();
    let count = blocks.len() / BLOCK;
    for step in (1..=6 * count).rev() {
        let place = (step - 1) % count * BLOCK;
        let block = &mut blocks[place..place + BLOCK];
        let mut both = [0; 2 * BLOCK];
        let mixed = u64::from_be_bytes(check) ^ u64::try_from(step).ok()?;
        both[..BLOCK].copy_from_slice(&mixed.to_be_bytes());
        both[BLOCK..].copy_from_slice(block);
        key.decrypt(&mut both, DecryptionContext::None).ok()?;
        check.copy_from_slice(&both[..BLOCK]);
        block.copy_from_slice(&both[BLOCK..]);
    }
    verify_slices_are_equal(&check, &INTEGRITY).ok()?;
    Some(blocks)
}

#[cfg(test)]
mod tests {
    use super::unwrap;

    fn hex(text: &str) -> Vec<u8> {
        text.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn the_vectors_of_rfc_3394_are_unwrapped_and_changed_ones_are_not() {
        let key = hex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");
        let data = hex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F");
        for (key, data, wrapped) in [
            (&key[..16], &data[..16], "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5"),
            (&key[..24], &data[..16], "96778B25AE6CA435F92B5B97C050AED2468AB8A17AD84E5D"),
            (&key[..32], &data[..16], "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7"),
            (
                &key[..32],
                &data[..32],
                "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21",
            ),
        ] {
            let wrapped = hex(wrapped);
            assert_eq!(unwrap(key, &wrapped).as_deref(), Some(data));
            for at in 0..wrapped.len() {
                let mut changed = wrapped.clone();
                changed[at] ^= 1;
                assert_eq!(unwrap(key, &changed), None);
            }
            assert_eq!(unwrap(key, &wrapped[..16]), None);
            assert_eq!(unwrap(key, &wrapped[1..]), None);
            assert_eq!(unwrap(&key[1..], &wrapped), None);
        }
    }
}
