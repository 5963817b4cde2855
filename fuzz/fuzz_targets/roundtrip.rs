#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wsferry_fuzz::roundtrip(data));
