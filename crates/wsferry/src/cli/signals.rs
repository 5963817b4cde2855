//! SIGINT and SIGTERM: the first one drains, the second one ends at once.

use anyhow::{Context, Result};
use tokio_util::sync::CancellationToken;

/// Cancels `stop` at the first signal.
#[cfg(unix)]
pub(super) fn stop_on_signal(stop: CancellationToken) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            stop_or_exit(&stop);
        }
    });
    Ok(())
}

/// Cancels `stop` at the first Ctrl-C.
#[cfg(not(unix))]
pub(super) fn stop_on_signal(stop: CancellationToken) -> Result<()> {
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            stop_or_exit(&stop);
        }
    });
    Ok::<_, std::convert::Infallible>(()).context("cannot listen for Ctrl-C")
}

fn stop_or_exit(stop: &CancellationToken) {
    if stop.is_cancelled() {
        tracing::warn!("stopped again while stopping: what is left is cut off");
        std::process::exit(1);
    }
    stop.cancel();
}
