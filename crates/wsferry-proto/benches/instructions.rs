//! What `scripts/instructions` runs under callgrind: each case once, in [`measured`], whose
//! instructions are counted apart from all others. Prints the names of the cases in that order.
#![allow(clippy::print_stdout)]

mod cases;

use std::hint::black_box;

use cases::Input;

fn main() {
    for case in cases::all() {
        let mut input = Input::new(&case.bytes);
        let result = measured(case.run, input.bytes());
        println!("{case}");
        // A case that fails would be counted as a very fast one.
        assert!(result > 0, "{case} did nothing");
    }
}

/// callgrind finds it by its name, so that it has to stay a function of its own.
#[inline(never)]
fn measured(run: fn(&mut [u8]) -> usize, bytes: &mut [u8]) -> usize {
    black_box(run(black_box(bytes)))
}
