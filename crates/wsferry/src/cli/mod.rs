//! The command line: what a person types, and what the program says.

mod args;
mod banner;
mod daemon;
mod demo;
mod failure;
mod log;
mod notify;
mod pid_file;
mod replay;
mod signals;
mod streams;
mod syslog;

use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use wsferry::config::{Config, RouteSettings};
use wsferry::server::Gateway;

pub(crate) use args::parse;
use args::{Command, Gate, Process};
pub(crate) use failure::sentence;
use pid_file::PidFile;
pub(crate) use streams::spare_the_connection;

/// Does what was asked for: what the process exits with. An error is a failed start.
pub(crate) fn run(command: Command) -> Result<ExitCode> {
    wsferry::net::raise_descriptor_limit();
    match command {
        Command::Gate(gate) if gate.process.daemon => match daemon::begin()? {
            #[cfg(unix)]
            daemon::Role::Starter => Ok(ExitCode::SUCCESS),
            #[cfg(unix)]
            daemon::Role::Daemon => on_runtime(gate_way(*gate)),
        },
        Command::Gate(gate) => on_runtime(gate_way(*gate)),
        Command::Demo(demo) => on_runtime(async move {
            demo::run(&demo).await?;
            Ok(ExitCode::SUCCESS)
        }),
        Command::Replay(replay) => on_runtime(replay::run(replay)),
    }
}

fn on_runtime(work: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    let runtime: Runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start: the system gives no threads or no event queue")?;
    let result = runtime.block_on(work);
    // Whatever the drain left is cut off now; a name that is still being looked up is not waited for.
    runtime.shutdown_background();
    result
}

/// `wsferry LISTEN TARGET`.
async fn gate_way(gate: Gate) -> Result<ExitCode> {
    let Gate { config, log, process } = gate;
    log::init(&log)?;
    let say = |config: &Config, gateway: &Gateway| {
        // Standard error gets the banner, whoever reads a log that is elsewhere has this line.
        if log.file.is_some() || log.syslog.is_some() {
            banner::log(config, gateway);
        }
        for note in &log.notes {
            tracing::warn!("{note}");
        }
        banner::for_gateway(config, gateway)
    };
    serve(config, process, say).await
}

/// Binds, says so, and runs until a signal comes.
async fn serve(
    config: Config,
    process: Process,
    say: impl FnOnce(&Config, &Gateway) -> String,
) -> Result<ExitCode> {
    // Before it listens: who can connect can tell it to stop, too.
    let stop = CancellationToken::new();
    signals::stop_on_signal(stop.clone())?;
    let binding = Gateway::bind_with(config.clone(), stop.clone());
    let Some(bound) = stop.run_until_cancelled(binding).await else {
        return Ok(ExitCode::SUCCESS);
    };
    let mut gateway = bound?;
    let pid_file = process.pid_file.map(PidFile::write).transpose()?;
    eprint!("{}", say(&config, &gateway));
    if process.daemon {
        // The words that start a program were typed in this directory.
        let stays = matches!(config.route, RouteSettings::Wrapped(_));
        let detached = daemon::Detached::new(stays)?;
        gateway.start_program().await?;
        detached.announce()?;
    }
    notify::ready(gateway.stop_token());
    let ended = gateway.run().await?;
    drop(pid_file);
    Ok(ExitCode::from(ended.exit_code()))
}
