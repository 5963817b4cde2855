//! The gateway: bind, accept, drain; and new rules while it runs.
//!
//! A gateway is listeners, `Rules` and `State`. Rules are all that new settings may change; they are
//! built whole and swapped once. State outlives them.

mod accept;
mod activity;
mod budget;
mod handle;
mod listening;
mod rules;
mod serve;
mod settings;
mod sockets;
mod state;
mod watch;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::StartError;
use crate::events::Events;
use crate::route::{self, Route};
use crate::wrap::{Ended, Prepared, Wrapped};
use budget::{Budget, Holders};
pub use handle::Handle;
use listening::{ListenerId, Listening};
use rules::Rules;
pub use settings::{Limits, ListenerSettings, Settings};
pub use sockets::Listen;
use sockets::Sockets;
use state::State;

/// A gateway that is bound, and accepts when it runs.
#[derive(Debug)]
pub struct Gateway {
    state: Arc<State>,
    program: Program,
    /// The only connection that there will be, where inetd has accepted it.
    connection: Option<(ListenerId, Sockets)>,
}

/// What a process has before its gateway.
#[derive(Debug, Default)]
pub struct Given {
    /// Stops the gateway when it is cancelled.
    pub stop: CancellationToken,
    /// Who is told what happens.
    pub events: Events,
    /// Sockets that are used in the place of those of the first listener: whoever started the process
    /// opened them.
    #[cfg(unix)]
    pub sockets: Vec<crate::net::Inherited>,
}

/// The wrapped program, if there is one.
#[derive(Debug)]
enum Program {
    None,
    Prepared(Prepared),
    Running(Box<Wrapped>),
}

impl Gateway {
    /// Binds the listeners and checks what can be checked before the first connection.
    ///
    /// # Errors
    /// One sentence that says what is wrong and what to do.
    pub async fn bind(settings: impl Into<Settings>) -> Result<Self, StartError> {
        Self::bind_with(settings, Given::default()).await
    }

    /// The same with what the process has already.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub async fn bind_with(
        settings: impl Into<Settings>,
        given: Given,
    ) -> Result<Self, StartError> {
        let Settings { listeners, routes, limits, resolver } = settings.into();
        let attempts = Arc::new(Semaphore::new(0)); // filled when the budget is known
        let events = given.events;
        let tasks = TaskTracker::new();
        let shared = route::Shared { resolver, attempts, events: events.clone(), tasks };
        let (routes, program) = rules::open_routes(routes, &shared).await?;
        let opened = rules::open_listeners(&listeners, &routes, &events)?;
        let mut sockets = Vec::with_capacity(listeners.len());
        #[cfg(unix)]
        if !given.sockets.is_empty() {
            sockets.push(given.sockets.into_iter().collect());
        }
        for listener in listeners.iter().skip(sockets.len()) {
            sockets.push(Sockets::open(&listener.listen, &shared.resolver).await?);
        }
        let budget = Budget::new(holders(&routes), limits.max_connections, &events)?;
        shared.attempts.add_permits(budget.attempts);
        let (mut listening, mut connection) = (Listening::default(), None);
        let mut by_id = std::collections::HashMap::new();
        for ((settings, opened), mut sockets) in listeners.into_iter().zip(opened).zip(sockets) {
            let id = listening.reserve();
            by_id.insert(id, opened.rules(sockets.reach(), &limits));
            listening.insert(id, settings.listen, std::mem::take(&mut sockets.listeners));
            if sockets.connection.is_some() {
                connection = Some((id, sockets));
            }
        }
        let rules = Rules { listeners: by_id, routes, limits };
        let state = Arc::new(State::new(rules, shared, listening, &budget, given.stop));
        let program = program.map_or(Program::None, Program::Prepared);
        Ok(Self { state, program, connection })
    }

    /// Where it listens for TCP.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.state.listeners().addresses()
    }

    /// The directory whose files the first route serves, without its links.
    pub fn web_root(&self) -> Option<PathBuf> {
        let rules = self.state.rules.load();
        Some(rules.routes.first()?.web.as_ref()?.root()?.to_owned())
    }

    /// Cancel it to stop the gateway.
    pub fn stop_token(&self) -> CancellationToken {
        self.state.door.stop.clone()
    }

    /// What acts on the gateway while it runs.
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.state))
    }

    /// Starts the wrapped program, if there is one that does not run yet.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn start_program(&mut self) -> Result<(), StartError> {
        let events = self.state.door.events.clone();
        self.program = match std::mem::replace(&mut self.program, Program::None) {
            Program::Prepared(program) => Program::Running(Box::new(program.start(events).await?)),
            other => other,
        };
        Ok(())
    }

    /// Accepts until it is stopped, then drains: clients get Close 1001, targets FIN. Returns at the
    /// latest after `drain_timeout`; the sessions that are left then end with the runtime. A wrapped
    /// program runs meanwhile.
    ///
    /// # Errors
    /// The wrapped program cannot be started.
    pub async fn run(mut self) -> Result<Ended, StartError> {
        self.start_program().await?;
        let Self { state, program, connection } = self;
        let stop = state.door.stop.clone();
        let Program::Running(mut program) = program else {
            state.serve(connection).await;
            return Ok(Ended::Stopped);
        };
        let (ended, ()) = tokio::join!(program.supervise(&stop), state.serve(connection));
        program.end().await;
        Ok(ended)
    }
}

/// What the routes hold beside their connections.
fn holders(routes: &[Arc<Route>]) -> Holders {
    Holders {
        record: routes.iter().any(|route| route.taps.records()),
        web: routes.iter().any(|route| route.web.is_some()),
        call_outs: routes
            .iter()
            .any(|route| route.policy.has_plugin() || route.destination.source().is_some()),
    }
}
