//! What is typed for `wsferry replay`.

use std::path::PathBuf;

use clap::Args;
use wsferry_gateway::address::Speed;
use wsferry_gateway::config::ListenAddress;

/// `wsferry replay`.
#[derive(Args, Debug)]
pub(crate) struct Replay {
    /// The recording, such as session.1
    pub(crate) file: PathBuf,
    /// Where to listen; the default is for this machine only
    #[arg(value_name = "[HOST:]PORT", default_value = "localhost:27016")]
    pub(crate) listen: ListenAddress,
    /// Serve the files of this directory on the same port
    #[arg(long, value_name = "DIR")]
    pub(crate) web: Option<PathBuf>,
    /// Play that many times as fast as it was; 0: as fast as possible
    #[arg(long, value_name = "TIMES", value_parser = speed, default_value = "1")]
    pub(crate) speed: Speed,
    /// Print times, directions, lengths and bytes to standard output instead
    #[arg(long, conflicts_with_all = ["listen", "web", "speed"])]
    pub(crate) dump: bool,
    /// Log requests for files too
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

fn speed(text: &str) -> Result<Speed, String> {
    text.parse().ok().and_then(Speed::new).ok_or_else(|| {
        format!("{text:?} is not a speed: give a number from 0.001 up, such as 2, or 0")
    })
}
