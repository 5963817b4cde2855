//! `wsferry replay`: a recorded session again, for a browser or as text.

use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use wsferry_gateway::address::{Address, Recording};
use wsferry_gateway::record::{self, Summary};
use wsferry_gateway::web::Files;
use wsferry_gateway::{Settings, config};

use crate::args::Replay;
use crate::process::Process;
use crate::serve::{aside, serve};
use crate::signals::Signals;
use crate::{banner, log};

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
        log::init(&log::Settings { verbose: self.verbose, ..log::Settings::default() })?;
        let target = Address::Recording(Recording { path: self.file, speed: self.speed });
        let mut settings = config::plain(self.listen, target);
        for route in &mut settings.routes {
            route.web = self.web.clone().map(Files::Directory);
        }
        let say = |settings: &Settings, gateway: &_| {
            let Summary { to_client, duration, was_cut, .. } = summary;
            let seconds = duration.as_secs_f64();
            let note = if was_cut { "; its end is missing" } else { "" };
            let frames = if to_client == 1 { "frame" } else { "frames" };
            let mut text = banner::for_gateway(settings, gateway);
            text += &format!("  recording  {to_client} {frames} in {seconds:.3} s{note}\n");
            text
        };
        serve(settings, Process::default(), signals, say).await
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
