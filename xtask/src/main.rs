//! What is run by hand on this repository: `cargo xtask bench`.
//!
//! It measures wsferry and every relay that is installed, in turn, on this machine. The order of
//! reading: [`options`] (what was asked for), [`mod@bench`] (the rounds), [`measure`] (what is measured),
//! `load/` (the clients), [`target`] (the servers), [`tls`] (both for wss), `peers/` (how each program is started),
//! [`report`] and [`plot`] (what is said in the end).

mod bench;
mod group;
mod keeper;
mod load;
mod machine;
mod measure;
mod options;
mod pattern;
mod peers;
mod plot;
mod point;
mod report;
mod rows;
mod running;
mod svg;
mod target;
mod tls;
mod usage;
mod wire;

use clap::Parser;
use options::{Command, Options};

fn main() -> anyhow::Result<()> {
    match Options::parse().command {
        Command::Bench(asked) => bench::run(&asked),
        Command::Target { certificate, key } => target::run(certificate.zip(key)),
        Command::Keep { directory } => keeper::run(&directory),
    }
}
