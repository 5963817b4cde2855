//! A wrapped program: started with the gateway, watched, and ended with it.
//!
//! The program binds the port that the gateway listens on; the shim `wsferry-rebind`, preloaded into
//! it, moves that to a free port of the loopback, where the sessions lead. A program that listens
//! where the gateway does not (on a Unix socket, on another port) is started without it. It runs in a
//! process group of its own, so that all that it starts and leaves in the group ends with it.
//!
//! In the order of calls: [`Prepared::moved`] or [`Prepared::unmoved`] before the gateway is bound, [`Prepared::start`] after
//! it, [`Wrapped::supervise`] beside it, [`Wrapped::end`] when it has drained.

mod ends;
mod environment;
mod settings;
mod shim;
mod spawner;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::dial::Startup;
use crate::error::StartError;
use crate::events::{Events, ProgramEvent, Shown};
use crate::sys::{self, Group, ReservedPort};
use crate::timeouts;
use ends::Ends;
pub use settings::{Ended, Settings, SourcePort, WrapMode};
use spawner::Spawner;

/// How often a group is looked at while it is waited for: nothing tells when it has ended.
const LOOK: Duration = Duration::from_millis(20);
/// The same while nobody waits. Its number may be given to others once it is empty, so it is not
/// kept for long.
const LOOK_AT_EASE: Duration = Duration::from_secs(1);

/// A program that can be started.
#[derive(Debug)]
pub struct Prepared {
    settings: Settings,
    moved: Option<Moved>,
    startup: Arc<Startup>,
}

/// The port that the program is moved to: the shim is found and a port is chosen.
#[derive(Debug)]
struct Moved {
    from: SourcePort,
    to: ReservedPort,
    shim: PathBuf,
}

impl Prepared {
    /// A program that listens where it was told to, and is not moved.
    ///
    /// # Errors
    /// None; without the feature `wrap` always.
    pub fn unmoved(settings: Settings) -> Result<Self, StartError> {
        Ok(Self { settings, moved: None, startup: Arc::default() })
    }

    /// A program that is moved away from a port, and where it will be reached. Finds the shim, and
    /// chooses a free port of the loopback.
    ///
    /// # Errors
    /// One sentence that says what is wrong and what to do.
    pub fn moved(settings: Settings, from: SourcePort) -> Result<(Self, SocketAddr), StartError> {
        if !cfg!(target_os = "linux") {
            return Err(StartError::WrapUnsupported);
        }
        let shim = shim::find(&settings.shims)?;
        let to = ReservedPort::new().map_err(|source| StartError::WrapPort { source })?;
        let target = to.address();
        let moved = Some(Moved { from, to, shim });
        Ok((Self { settings, moved, startup: Arc::default() }, target))
    }

    /// Tells those who dial the program that it starts.
    pub fn startup(&self) -> Arc<Startup> {
        Arc::clone(&self.startup)
    }

    /// Starts the program, its standard output and error being those of the gateway. Start it when
    /// the gateway is bound: a program that does not load the shim then finds the port in use.
    ///
    /// # Errors
    /// The program cannot be executed.
    pub async fn start(self, events: Events) -> Result<Wrapped, StartError> {
        let program = self.settings.program.clone();
        let spawner = Spawner::new();
        let spawner = spawner.map_err(|source| StartError::Program { program, source })?;
        let mut wrapped = Wrapped {
            plan: self,
            spawner,
            child: None,
            group: None,
            ends: Ends::default(),
            events,
        };
        wrapped.spawn().await?;
        Ok(wrapped)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.settings.program);
        let environment = &self.settings.environment;
        command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
        if let Some(moved) = &self.moved {
            let others = environment.iter().find(|(name, _)| name == "LD_PRELOAD");
            environment::preload(&mut command, moved, others.map(|(_, value)| value));
        }
        command.args(&self.settings.arguments).stdin(Stdio::null()); // a group in the background is stopped when it reads the terminal
        Group::begin(&mut command);
        sys::restore_descriptor_limit(&mut command);
        command
    }
}

/// A program that was started. When this is dropped, it is killed with all of its group.
#[derive(Debug)]
pub struct Wrapped {
    plan: Prepared,
    spawner: Spawner,
    /// Until it was waited for.
    child: Option<Child>,
    /// Until it is empty; it may live longer than the program.
    group: Option<Group>,
    ends: Ends,
    events: Events,
}

impl Wrapped {
    /// Watches the program until `stop` is cancelled, or cancels it when the program has ended for
    /// good. Then [`Wrapped::end`] is to be called.
    pub async fn supervise(&mut self, stop: &CancellationToken) -> Ended {
        let ended = self.watch(stop).await;
        self.plan.startup.finish(); // those who wait for it wait in vain
        ended
    }

    async fn watch(&mut self, stop: &CancellationToken) -> Ended {
        while let Some(child) = &mut self.child {
            let waited = tokio::select! {
                waited = child.wait() => waited,
                () = stop.cancelled() => return Ended::Stopped,
            };
            self.child = None;
            let ended = match waited {
                Ok(status) => self.ended(status, stop).await,
                Err(error) => {
                    self.events.tell(ProgramEvent::Lost { error: Shown(&error) });
                    Some(Ended::GaveUp)
                }
            };
            if let Some(ended) = ended {
                stop.cancel();
                return ended;
            }
        }
        tokio::select! {
            () = self.forget() => stop.cancelled().await,
            () = stop.cancelled() => {}
        }
        Ended::Stopped
    }

    /// Ends the program and all of its group: SIGTERM, and SIGKILL when the grace is over.
    pub async fn end(mut self) {
        self.clear().await;
    }

    /// What follows an end; `None`: the gateway goes on, or is being stopped already.
    async fn ended(&mut self, status: ExitStatus, stop: &CancellationToken) -> Option<Ended> {
        match self.plan.settings.mode {
            WrapMode::Exit => {
                self.tell_ended(status, "stopping");
                Some(Ended::Exited(status))
            }
            WrapMode::Ignore => {
                self.tell_ended(status, "going on without it");
                None
            }
            WrapMode::Respawn if self.ends.are_too_many(Instant::now()) => {
                self.tell_ended(status, "three times within 10 s: giving up, stopping");
                Some(Ended::GaveUp)
            }
            WrapMode::Respawn => {
                self.tell_ended(status, "starting it again");
                self.plan.startup.begin();
                self.clear().await; // what it left behind may hold the port
                if stop.is_cancelled() {
                    return None;
                }
                let Err(error) = self.spawn().await else { return None };
                self.events.tell(ProgramEvent::Lost { error: Shown(&error) });
                Some(Ended::GaveUp)
            }
        }
    }

    fn tell_ended(&self, status: ExitStatus, next: &'static str) {
        self.events.tell(ProgramEvent::Ended { status: Shown(&status), next });
    }

    async fn spawn(&mut self) -> Result<(), StartError> {
        let mut command = self.plan.command();
        // Kept until the program is started.
        let moved = self.plan.moved.as_ref();
        let inherited = moved.map(|moved| moved.to.hand_over(&mut command, "REBIND_SOCKETS"));
        let child = self.spawner.spawn(command).await;
        drop(inherited);
        let child = child.map_err(|source| {
            let program = self.plan.settings.program.clone();
            StartError::Program { program, source }
        })?;
        self.plan.startup.begin();
        self.events.tell(ProgramEvent::Started { process: child.id() });
        self.group = Group::of(&child);
        self.child = Some(child);
        Ok(())
    }

    async fn clear(&mut self) {
        let Some(group) = &self.group else { return };
        group.terminate();
        let grace = self.plan.settings.grace;
        if timeout(grace, self.gone()).await.is_ok() {
            return;
        }
        self.events.tell(ProgramEvent::Killed { grace });
        if let Some(group) = &self.group {
            group.kill();
        }
        let _ = timeout(timeouts::KILLED_PROGRAM, self.gone()).await;
    }

    /// Waits until the program and its group have ended.
    async fn gone(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.wait().await; // an error: it is gone already
            self.child = None;
        }
        while self.group.as_ref().is_some_and(|group| !group.has_ended()) {
            sleep(LOOK).await;
        }
        self.group = None;
    }

    /// Waits until what the program left behind is gone, and its group may be another's.
    async fn forget(&mut self) {
        while self.group.as_ref().is_some_and(|group| !group.is_empty()) {
            sleep(LOOK_AT_EASE).await;
        }
        self.group = None;
    }
}

impl Drop for Wrapped {
    fn drop(&mut self) {
        if let Some(group) = &self.group {
            group.kill();
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_tells_how_it_ended() {
        let status = |raw| std::os::unix::process::ExitStatusExt::from_raw(raw);
        assert_eq!(Ended::Stopped.exit_code(), 0);
        assert_eq!(Ended::Exited(status(0)).exit_code(), 0);
        assert_eq!(Ended::Exited(status(7 << 8)).exit_code(), 7);
        assert_eq!(Ended::Exited(status(9)).exit_code(), 137);
        assert_eq!(Ended::GaveUp.exit_code(), 1);
    }
}
