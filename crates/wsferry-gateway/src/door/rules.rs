//! What a connection goes by: rules, which a reload swaps whole, and what outlives them.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::sync::{CancellationToken, DropGuard};

use super::{FilePermits, HeadRules};
use crate::auth::{Failures, HostRules};
use crate::events::Events;
use crate::route::Routes;
use crate::tls::Acceptor;

/// The rules of one listener. A connection keeps those that it came under.
#[derive(Debug)]
pub struct Rules {
    /// TLS on the same port as plain connections.
    pub tls: Option<Acceptor>,
    /// Whether plain connections are refused.
    pub tls_only: bool,
    /// Which request heads pass.
    pub heads: HeadRules,
    /// How long a request head may take in total.
    pub header_timeout: Duration,
    /// How long a client may take no byte of an answer; `None`: forever.
    pub write_timeout: Option<Duration>,
    /// How many bytes of an answer a client must take in a second; `None`: any pace will do.
    pub file_min_rate: Option<NonZeroU64>,
    /// The names under which the listener may be reached.
    pub hosts: HostRules,
    /// Where requests lead.
    pub routes: Arc<Routes>,
}

/// What all connections of a gateway share, whatever the rules are.
#[derive(Debug)]
pub struct State {
    /// Who is told what happens.
    pub events: Events,
    /// Which sources failed lately.
    pub failures: Failures,
    /// For connections that are sent files or wait for their next request.
    pub files: Arc<FilePermits>,
    /// Cancelled when the gateway stops.
    pub drain: CancellationToken,
    /// Stops the gateway; when it is cancelled no new session is begun.
    pub stop: CancellationToken,
    /// Where one session is all that there may be: whether it has begun.
    pub only_session: Option<AtomicBool>,
}

impl State {
    /// Of the clients that come at once only one gets the session of `--run-once`. What it gets stops
    /// the gateway when the session has ended.
    ///
    /// # Errors
    /// It has begun.
    pub(super) fn claim_only_session(&self) -> Result<Option<DropGuard>, OnlySessionBegun> {
        let Some(begun) = &self.only_session else { return Ok(None) };
        if begun.swap(true, Ordering::Relaxed) {
            return Err(OnlySessionBegun);
        }
        Ok(Some(self.stop.clone().drop_guard()))
    }
}

/// The only session that there may be has begun.
#[derive(Debug)]
pub(super) struct OnlySessionBegun;

/// The rules of a connection with the state of its gateway.
#[derive(Clone, Debug)]
pub struct Door {
    /// The rules.
    pub rules: Arc<Rules>,
    /// The state.
    pub state: Arc<State>,
}
