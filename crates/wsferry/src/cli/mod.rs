//! The command line: what a person types, and what the program says.

mod args;
mod banner;
mod demo;
mod log;
mod replay;
mod signals;

use anyhow::{Context, Result};
use wsferry::config::Config;
use wsferry::server::Gateway;

pub(crate) use args::parse;
use args::{Command, Gate};

/// Does what was asked for. An error is a failed start.
pub(crate) fn run(command: Command) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start: the system gives no threads or no event queue")?;
    let result = match command {
        Command::Gate(gate) => runtime.block_on(gate_way(*gate)),
        Command::Demo(demo) => runtime.block_on(demo::run(&demo)),
        Command::Replay(replay) => runtime.block_on(replay::run(replay)),
    };
    // Whatever the drain left is cut off now; a name that is still being looked up is not waited for.
    runtime.shutdown_background();
    result
}

/// `wsferry LISTEN TARGET`.
async fn gate_way(gate: Gate) -> Result<()> {
    log::init(&gate.log)?;
    serve(gate.config, banner::for_gateway).await
}

/// Binds, says so, and runs until a signal comes.
async fn serve(config: Config, say: impl FnOnce(&Config, &Gateway) -> String) -> Result<()> {
    let gateway = Gateway::bind(config.clone()).await?;
    signals::stop_on_signal(gateway.stop_token())?;
    eprint!("{}", say(&config, &gateway));
    gateway.run().await;
    Ok(())
}
