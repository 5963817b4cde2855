//! Runs what the command line asked for: a runtime, signals, the gateway.

use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use wsferry_gateway::gateway::{Gateway, Given, Handle};
use wsferry_gateway::{DestinationSettings, Settings};

use crate::args::{Command, Options};
use crate::pid_file::PidFile;
use crate::process::Process;
use crate::signals::Signals;
use crate::{banner, daemon, demo, given, log, notify, output};

/// Does what was asked for: what the process exits with. An error is a failed start.
pub(crate) fn run(command: Command) -> Result<ExitCode> {
    wsferry_gateway::sys::raise_descriptor_limit();
    match command {
        Command::Run(options) if options.process.daemon => match daemon::begin()? {
            #[cfg(unix)]
            daemon::Role::Starter => Ok(ExitCode::SUCCESS),
            #[cfg(unix)]
            daemon::Role::Daemon => on_runtime(true, |signals| run_gateway(*options, signals)),
        },
        Command::Run(options) => on_runtime(false, |signals| run_gateway(*options, signals)),
        Command::Demo(demo) => on_runtime(false, |signals| demo::run(demo, signals)),
        Command::Replay(replay) if replay.dump => replay.show(),
        Command::Replay(replay) => on_runtime(false, |signals| replay.run(signals)),
    }
}

/// Signals are heard before anything is done.
fn on_runtime<F>(is_daemon: bool, work: impl FnOnce(Signals) -> F) -> Result<ExitCode>
where
    F: Future<Output = Result<ExitCode>>,
{
    let runtime: Runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start: the system gives no threads or no event queue")?;
    let result = runtime.block_on(async {
        let signals = Signals::listen(is_daemon)?;
        let cut = signals.cut.clone();
        let mut work = pin!(work(signals));
        tokio::select! {
            biased;
            result = &mut work => result,
            () = cut.cancelled() => Ok(ExitCode::FAILURE),
        }
    });
    // Whatever the drain left is cut off now; a name that is still being looked up is not waited for.
    runtime.shutdown_background();
    result
}

/// Does what may wait for a disk or a resolver. `None`: the program was told to stop meanwhile.
pub(crate) async fn aside<T: Send + 'static>(
    stop: &CancellationToken,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<Option<T>> {
    match stop.run_until_cancelled(tokio::task::spawn_blocking(work)).await {
        Some(done) => done.context("the start failed")?.map(Some),
        None => Ok(None),
    }
}

/// `wsferry LISTEN TARGET`.
async fn run_gateway(options: Options, signals: Signals) -> Result<ExitCode> {
    let Options { settings, log, process } = options;
    let log = Arc::new(log);
    let begun = aside(&signals.stop, {
        let log = Arc::clone(&log);
        move || log::init(&log)
    });
    if begun.await?.is_none() {
        return Ok(ExitCode::SUCCESS);
    }
    let say = |settings: &Settings, gateway: &Gateway| {
        // Standard error gets the banner, whoever reads a log that is elsewhere has this line.
        if log.file.is_some() || log.syslog.is_some() {
            banner::log(settings, gateway);
        }
        for note in &log.notes {
            tracing::warn!("{note}");
        }
        banner::for_gateway(settings, gateway)
    };
    serve(settings, process, signals, say).await
}

/// Binds, says so, and runs until a signal comes.
pub(crate) async fn serve(
    settings: Settings,
    process: Process,
    signals: Signals,
    say: impl FnOnce(&Settings, &Gateway) -> String,
) -> Result<ExitCode> {
    let Signals { stop, reload, .. } = signals;
    let claim = move || process.pid_file.map(PidFile::claim).transpose();
    let Some(mut pid_file) = aside(&stop, claim).await? else { return Ok(ExitCode::SUCCESS) };
    let given = Given {
        stop: stop.clone(),
        events: log::to_log(),
        #[cfg(unix)]
        sockets: given::sockets(&settings)?,
    };
    let binding = Gateway::bind_with(settings.clone(), given);
    let Some(bound) = stop.run_until_cancelled(binding).await else {
        return Ok(ExitCode::SUCCESS);
    };
    let mut gateway = bound?;
    if let Some(file) = &mut pid_file {
        file.write()?;
    }
    output::stderr().say(&say(&settings, &gateway));
    if process.daemon {
        output::flush(); // the terminal is let go
        // The words that start a program were typed in this directory.
        let mut routes = settings.routes.iter();
        let stays = routes.any(|it| matches!(it.destination, DestinationSettings::Wrapped { .. }));
        let detached = daemon::Detached::new(stays)?;
        gateway.start_program().await?;
        detached.announce()?;
    }
    notify::ready(gateway.stop_token());
    tokio::spawn(look_when_told(reload, gateway.handle(), stop));
    let ended = gateway.run().await?;
    drop(pid_file);
    Ok(ExitCode::from(ended.exit_code()))
}

/// Looks at certificates, tokens and keys when SIGHUP came.
async fn look_when_told(told: Arc<Notify>, handle: Handle, stop: CancellationToken) {
    while stop.run_until_cancelled(told.notified()).await.is_some() {
        handle.look_at_files();
    }
}
