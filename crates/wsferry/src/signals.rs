//! What signals ask for.
//!
//! | signal | |
//! |---|---|
//! | INT, TERM, QUIT | the first one drains, the second one ends at once |
//! | XCPU | drains: the time on the processor is nearly over |
//! | HUP | files are read again, the log file is opened again; drains where the terminal that the program was started from has closed |
//! | USR1 | the log file is opened again |
//! | the others that would end the program | nothing |
//!
//! None of them is left to its default or ignored: what is ignored would be ignored by a wrapped
//! program too.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// A terminal that closes may send HUP before it is gone, and a shell in it certainly does: so it is
/// looked at for a while.
#[cfg(unix)]
const LOOK: Duration = Duration::from_millis(100);
#[cfg(unix)]
const LOOKS: u8 = 20;
/// What ends at once has ended by then.
const STUCK: Duration = Duration::from_secs(3);

/// What they have asked for so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    /// The program is to drain and end.
    pub(crate) stop: CancellationToken,
    /// It is to end at once.
    pub(crate) cut: CancellationToken,
    /// Files are to be read again.
    pub(crate) reload: Arc<Notify>,
}

impl Signals {
    /// Begins to listen for them. `is_daemon`: the terminal is left on purpose.
    pub(crate) fn listen(is_daemon: bool) -> Result<Self> {
        let signals = Self::default();
        listen(signals.clone(), is_daemon)?;
        Ok(signals)
    }

    fn stop_or_cut(&self) {
        if self.stop.is_cancelled() {
            tracing::warn!("stopped again while stopping: what is left is cut off");
            self.cut.cancel();
            // Should whoever is to hear it be stuck, against all rules.
            std::thread::spawn(|| {
                std::thread::sleep(STUCK);
                std::process::exit(1);
            });
        }
        self.stop.cancel();
    }
}

#[cfg(unix)]
fn listen(signals: Signals, is_daemon: bool) -> Result<()> {
    use anyhow::Context;
    use rustix::process::Signal;
    use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

    let listen = |number: Signal| -> Result<Stream> {
        let stream = signal(SignalKind::from_raw(number.as_raw()));
        stream.with_context(|| format!("cannot listen for the signal {}", number.as_raw()))
    };
    // Asked before there is a handler: nohup(1) means that HUP ends nothing.
    let ends_with_terminal =
        !is_daemon && has_terminal() && !wsferry_gateway::sys::is_ignored(Signal::HUP);
    let mut hang_up = listen(Signal::HUP)?;
    let mut interrupt = listen(Signal::INT)?;
    let mut terminate = listen(Signal::TERM)?;
    let mut quit = listen(Signal::QUIT)?;
    let mut cpu_time = listen(Signal::XCPU)?;
    let mut reopen = listen(Signal::USR1)?;
    #[cfg(target_os = "linux")]
    for nothing in [Signal::IO, Signal::POWER, Signal::STKFLT] {
        drop(listen(nothing)?);
    }
    for nothing in [Signal::USR2, Signal::ALARM, Signal::XFSZ, Signal::VTALARM, Signal::PROF] {
        drop(listen(nothing)?); // the handler stays
    }
    tokio::spawn(async move {
        let mut looks = 0;
        loop {
            tokio::select! {
                _ = interrupt.recv() => signals.stop_or_cut(),
                _ = terminate.recv() => signals.stop_or_cut(),
                _ = quit.recv() => signals.stop_or_cut(),
                _ = cpu_time.recv() => signals.stop.cancel(),
                _ = reopen.recv() => crate::output::reopen(),
                _ = hang_up.recv() => {
                    if ends_with_terminal && !has_terminal() {
                        signals.stop.cancel(); // it may come twice, from the shell and the system
                    } else {
                        tracing::info!("SIGHUP: reading files again");
                        crate::output::reopen();
                        signals.reload.notify_one();
                        looks = if ends_with_terminal { LOOKS } else { 0 };
                    }
                }
                () = tokio::time::sleep(LOOK), if looks > 0 => {
                    looks -= 1;
                    if !has_terminal() {
                        signals.stop.cancel();
                    }
                }
            }
        }
    });
    Ok(())
}

/// Whether there is a terminal that controls this process; one that has closed does no longer.
#[cfg(unix)]
fn has_terminal() -> bool {
    use std::os::unix::fs::OpenOptionsExt;

    use rustix::fs::OFlags;
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut options = std::fs::OpenOptions::new();
    options.read(true).custom_flags(flags.bits().cast_signed()).open("/dev/tty").is_ok()
}

/// Ctrl-C is all there is.
#[cfg(not(unix))]
fn listen(signals: Signals, _is_daemon: bool) -> Result<()> {
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            signals.stop_or_cut();
        }
    });
    Ok(())
}
