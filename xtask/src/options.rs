//! What a person types.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::point::Measure;
use crate::point::Transport;

/// Tasks of the wsferry repository
#[derive(Parser)]
#[command(name = "cargo xtask")]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Measure wsferry and every other relay that is installed, interleaved, on this machine
    #[command(after_help = EXAMPLES, max_term_width = 100)]
    Bench(Bench),
    /// The servers behind the relays; `bench` starts it
    #[command(hide = true)]
    Target {
        /// For TLS.
        certificate: Option<PathBuf>,
        /// Of the certificate.
        key: Option<PathBuf>,
    },
    /// Ends what a `bench` that was interrupted has left; `bench` starts it
    #[command(hide = true)]
    Keep {
        /// Removed in the end.
        directory: PathBuf,
    },
}

const EXAMPLES: &str = "Examples:
  cargo xtask bench                       everything, about half an hour
  cargo xtask bench --quick               a subset, about four minutes
  cargo xtask bench round-trip session    only these measures
  cargo xtask bench to-client --sessions 1 --programs wsferry,haproxy --rounds 7
  cargo xtask bench --transport wss to-client to-target --programs direct,wsferry,haproxy,nginx
  cargo xtask bench to-client --variant 'wsferry-4k=WSFERRY_CHUNK=4096'
  cargo xtask bench --wsferry /tmp/old/wsferry --variant 'new=/tmp/new/wsferry --heartbeat 0'

The table goes to standard output, raw rows to bench/runs/DATE.csv, plots to bench/plots/.
bench/README.md tells how to read them.";

/// `cargo xtask bench`.
#[derive(Args)]
pub(crate) struct Bench {
    /// What to measure [default: all]
    #[arg(value_enum)]
    pub(crate) measures: Vec<Measure>,
    /// Only this transport [default: both]
    #[arg(long, value_enum)]
    pub(crate) transport: Option<Transport>,
    /// Few sizes, short windows, one round
    #[arg(long)]
    pub(crate) quick: bool,
    /// How often each point is measured [default: 3; with --quick 1]
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Length of a measured window [default: 1.2; with --quick 1]
    #[arg(long, value_name = "S")]
    seconds: Option<f64>,
    /// Only these programs (names as in the table, by commas)
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) programs: Vec<String>,
    /// Only these numbers of sessions
    #[arg(long, value_name = "N", value_delimiter = ',')]
    pub(crate) sessions: Vec<usize>,
    /// Only these sizes of frames, in bytes
    #[arg(long, value_name = "BYTES", value_delimiter = ',')]
    pub(crate) frames: Vec<usize>,
    /// Measure this wsferry instead of building one
    #[arg(long, value_name = "PATH")]
    pub(crate) wsferry: Option<PathBuf>,
    /// A further wsferry: `NAME=[KEY=VALUE …] [PATH] [--option …]`. Repeatable
    #[arg(long, value_name = "VARIANT")]
    pub(crate) variant: Vec<String>,
    /// Leave out peers that would have to be installed first
    #[arg(long)]
    pub(crate) no_install: bool,
    /// Where rows and plots go [default: bench/ of the repository]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

impl Bench {
    pub(crate) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 1 } else { 3 }).max(1)
    }

    pub(crate) fn window(&self) -> std::time::Duration {
        let seconds = self.seconds.unwrap_or(if self.quick { 1.0 } else { 1.2 });
        std::time::Duration::from_secs_f64(seconds.clamp(0.1, 600.0))
    }
}
