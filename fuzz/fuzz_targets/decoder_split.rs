#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wsferry_fuzz::decoder_split(data));
