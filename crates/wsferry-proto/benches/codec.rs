//! The codec by the clock, beside a plain copy and tungstenite: `cargo bench -p wsferry-proto`.
//!
//! Only relations within one run mean something. What must not regress is counted in instructions
//! (`instructions.rs`), which do not depend on what else the machine does.
#![allow(missing_docs)] // of what the attributes generate

mod cases;

use std::io::{Cursor, Read, Result, Write};

use cases::{Case, Input};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use tungstenite::protocol::{Role, WebSocket};

fn main() {
    divan::main();
}

/// wsferry's.
#[divan::bench(args = cases::all())]
fn codec(bencher: Bencher<'_, '_>, case: &Case) {
    bencher
        .counter(BytesCount::new(case.payload))
        .with_inputs(|| Input::new(&case.bytes))
        .bench_local_refs(|input| (case.run)(black_box(input.bytes())));
}

/// The yardstick for unmasking and gathering: bytes that are only copied.
#[divan::bench(args = [64, 1024, 16 * 1024, 64 * 1024])]
fn copy(bencher: Bencher<'_, '_>, length: usize) {
    bencher
        .counter(BytesCount::new(length))
        .with_inputs(|| (Input::new(&vec![1; length]), Input::new(&vec![0; length])))
        .bench_local_refs(|(from, to)| black_box(to.bytes()).copy_from_slice(from.bytes()));
}

/// The same frames read by tungstenite, which gives whole messages.
#[divan::bench(args = decoded())]
fn tungstenite(bencher: Bencher<'_, '_>, case: &Case) {
    bencher
        .counter(BytesCount::new(case.payload))
        .with_inputs(|| {
            let wire = Wire(Cursor::new(case.bytes.clone()));
            WebSocket::from_raw_socket(wire, Role::Server, None)
        })
        .bench_local_refs(|socket| {
            while let Ok(message) = socket.read() {
                black_box(message);
            }
        });
}

fn decoded() -> Vec<Case> {
    cases::all().into_iter().filter(|case| case.group.starts_with("decode ")).collect()
}

/// A transport that only has something to be read.
struct Wire(Cursor<Vec<u8>>);

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Wire {
    fn write(&mut self, buffer: &[u8]) -> Result<usize> {
        Ok(buffer.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
