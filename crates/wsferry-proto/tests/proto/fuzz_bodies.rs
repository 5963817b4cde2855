//! The fuzz targets over inputs that are the same each time: pseudo-random bytes, and bytes of one
//! value that drive a generator into its corners.

use crate::fuzz;

/// Splitmix64: well spread whatever the seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let words = (0..length.div_ceil(8)).flat_map(|_| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ word >> 31).to_le_bytes()
    });
    words.take(length).collect()
}

fn run(body: fn(&[u8]), inputs: u64, longest: u64) {
    body(&[]);
    for value in 0..=u8::MAX {
        body(&vec![value; longest as usize]);
    }
    for seed in 0..inputs {
        body(&noise(seed, (seed * 31 % longest) as usize));
    }
}

#[test]
fn decoder_split() {
    run(fuzz::decoder_split, 2000, 300);
}

#[test]
fn connection() {
    run(fuzz::connection, 1000, 600);
}

#[test]
fn head() {
    run(fuzz::head, 4000, 160);
}

#[test]
fn roundtrip() {
    run(fuzz::roundtrip, 1000, 24);
}
