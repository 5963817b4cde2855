//! What happens to the gateway as a whole.

use super::Shown;

/// Something that happened to the gateway.
#[derive(Debug)]
pub enum GatewayEvent<'a> {
    /// Accepting failed for a moment.
    AcceptFailed {
        /// What the system says.
        error: Shown<'a>,
    },
    /// A time is over, and the gateway stops: the name of its limit.
    TimedOut {
        /// `timeout` or `idle_timeout`.
        limit: &'static str,
    },
    /// The gateway stops.
    Draining {
        /// How many sessions there are.
        sessions: usize,
    },
    /// The drain took too long: what is left is cut off.
    DrainTimedOut {
        /// How many sessions are left.
        left: usize,
    },
    /// More connections were asked for than descriptors allow.
    ConnectionsClamped {
        /// How many were asked for.
        wish: usize,
        /// How many there may be.
        connections: usize,
        /// The limit of open files.
        limit: u64,
    },
    /// The name of a target leads nowhere yet: sessions are told so until it does.
    TargetUnresolved {
        /// The name.
        host: &'a str,
        /// What the resolver says.
        reason: &'a str,
    },
}
