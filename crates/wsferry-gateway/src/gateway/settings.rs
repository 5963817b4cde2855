//! What a gateway is made from.

use std::num::{NonZeroU16, NonZeroU64};
use std::time::Duration;

use super::Listen;
use crate::auth::AllowHost;
use crate::door::HeadRules;
use crate::net::Resolver;
use crate::route::RouteSettings;
use crate::tls::ServerSettings;

/// All that a gateway needs to know. It is valid: nothing in it is checked again, except that no two
/// routes match the same requests.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens.
    pub listeners: Vec<ListenerSettings>,
    /// Where requests lead.
    pub routes: Vec<RouteSettings>,
    /// What everything has to keep to.
    pub limits: Limits,
    /// Who knows the addresses of names.
    pub resolver: Resolver,
}

/// One listener.
#[derive(Clone, Debug)]
pub struct ListenerSettings {
    /// Where it listens.
    pub listen: Listen,
    /// TLS on the same port; `None`: plain connections only.
    pub tls: Option<ServerSettings>,
    /// Whether plain connections are refused.
    pub tls_only: bool,
    /// Names under which it may be reached beyond those that always are allowed.
    pub allow_host: Vec<AllowHost>,
    /// Which request heads pass.
    pub heads: HeadRules,
    /// The names of the routes that it serves; `None`: all.
    pub routes: Option<Vec<String>>,
}

/// The limits of a gateway.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How long a request head may take in total.
    pub header_timeout: Duration,
    /// How long a client may take no byte of an answer; `None`: forever.
    pub write_timeout: Option<Duration>,
    /// How many bytes of an answer a client must take in a second; `None`: any pace will do.
    pub file_min_rate: Option<NonZeroU64>,
    /// Wrong credentials and unknown tokens in a minute after which a source is blocked; `None`: never.
    pub failures_per_source: Option<NonZeroU16>,
    /// How long a drain may take.
    pub drain_timeout: Duration,
    /// The maximum number of connections; `None`: what the limit of file descriptors allows. It holds
    /// for as long as the gateway runs.
    pub max_connections: Option<usize>,
    /// The maximum number of connections that are not sessions yet. It holds for as long as the gateway
    /// runs.
    pub max_handshakes: usize,
    /// Stop after one session.
    pub run_once: bool,
    /// Accept nobody after this time, and stop when the last session has ended by itself.
    pub timeout: Option<Duration>,
    /// Stop when there has been no session for this time.
    pub idle_timeout: Option<Duration>,
}
