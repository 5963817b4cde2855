//! `wsferry replay`: a recorded session again, for a browser or as text.

use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use wsferry_gateway::address::{Address, Recording, Speed};
use wsferry_gateway::config::{self, Config, ListenAddress};
use wsferry_gateway::record::{self, Summary};
use wsferry_gateway::web::Files;

use crate::args::{Log, Process};
use crate::serve::{aside, serve};
use crate::signals::Signals;
use crate::{banner, log};

/// What was typed.
#[derive(Args, Debug)]
pub(crate) struct Replay {
    /// The recording, such as session.1
    file: PathBuf,
    /// Where to listen; the default is for this machine only
    #[arg(value_name = "[HOST:]PORT", default_value = "localhost:27016")]
    listen: ListenAddress,
    /// Serve the files of this directory on the same port
    #[arg(long, value_name = "DIR")]
    web: Option<PathBuf>,
    /// Play that many times as fast as it was; 0: as fast as possible
    #[arg(long, value_name = "TIMES", value_parser = speed, default_value = "1")]
    speed: Speed,
    /// Print times, directions, lengths and bytes to standard output instead
    #[arg(long, conflicts_with_all = ["listen", "web", "speed"])]
    pub(crate) dump: bool,
    /// Log requests for files too
    #[arg(short, long)]
    verbose: bool,
}

fn speed(text: &str) -> Result<Speed, String> {
    text.parse().ok().and_then(Speed::new).ok_or_else(|| {
        format!("{text:?} is not a speed: give a number from 0.001 up, such as 2, or 0")
    })
}

impl Replay {
    /// Prints the recording.
    pub(crate) fn show(&self) -> Result<ExitCode> {
        let path = &self.file;
        dump(path).with_context(|| format!("cannot show {path:?}"))?;
        Ok(ExitCode::SUCCESS)
    }

    /// Serves the recording until a signal comes.
    pub(crate) async fn run(self, signals: Signals) -> Result<ExitCode> {
        let path = self.file.clone();
        let summary = aside(&signals.stop, move || {
            summary(&path).with_context(|| format!("cannot play {path:?} back"))
        });
        let Some(summary) = summary.await? else { return Ok(ExitCode::SUCCESS) };
        log::init(&Log { verbose: self.verbose, ..Log::default() })?;
        let target = Address::Recording(Recording { path: self.file, speed: self.speed });
        let mut config = config::plain(self.listen, target);
        config.web = self.web.map(Files::Directory);
        let say = |config: &Config, gateway: &_| {
            let Summary { to_client, duration, was_cut, .. } = summary;
            let seconds = duration.as_secs_f64();
            let note = if was_cut { "; its end is missing" } else { "" };
            let frames = if to_client == 1 { "frame" } else { "frames" };
            let mut text = banner::for_gateway(config, gateway);
            text += &format!("  recording  {to_client} {frames} in {seconds:.3} s{note}\n");
            text
        };
        serve(config, Process::default(), signals, say).await
    }
}

/// Reads all of it, so that what is wrong with it is said before the first client comes.
fn summary(path: &Path) -> Result<Summary> {
    Ok(record::summary(BufReader::new(File::open(path)?))?)
}

fn dump(path: &Path) -> Result<()> {
    let recording = BufReader::new(File::open(path)?);
    let mut out = BufWriter::new(io::stdout().lock());
    match record::dump(recording, &mut out) {
        Ok(shown) => Ok(shown?),
        // Whoever reads has seen enough, as `head` has.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(error).context("standard output"),
    }
}
