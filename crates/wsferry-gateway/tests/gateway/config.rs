//! What a test may change of a gateway with one listener and one route.

use std::num::{NonZeroU16, NonZeroU64};
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderMap;
use wsferry_gateway::auth::AllowHost;
use wsferry_gateway::config::{ListenAddress, plain};
use wsferry_gateway::door::HeadRules;
use wsferry_gateway::net::Resolver;
use wsferry_gateway::record::Traffic;
use wsferry_gateway::route::Dial;
use wsferry_gateway::route::Matches;
use wsferry_gateway::tls::{ConnectorSettings, ServerSettings};
use wsferry_gateway::web::Files;
use wsferry_gateway::{
    Address, DestinationSettings, Limits, Listen, ListenerSettings, RouteSettings, Settings, auth,
    session,
};
use wsferry_proto::handshake::Subprotocol;

/// One listener and one route. Each field says what [`Settings`] say of it.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Where to listen.
    pub(crate) listen: Listen,
    /// TLS on the same port.
    pub(crate) tls: Option<ServerSettings>,
    /// Whether plain connections are refused.
    pub(crate) tls_only: bool,
    /// Where sessions lead.
    pub(crate) route: DestinationSettings,
    /// TLS towards targets.
    pub(crate) target_tls: Option<ConnectorSettings>,
    /// Whether it is a failed start when the name of the target cannot be looked up.
    pub(crate) target_must_resolve: bool,
    /// Who knows the addresses of names.
    pub(crate) resolver: Resolver,
    /// What is served beside WebSocket.
    pub(crate) web: Option<Files>,
    /// Names under which the listener may be reached.
    pub(crate) allow_host: Vec<AllowHost>,
    /// Who may connect.
    pub(crate) auth: auth::Settings,
    /// Who else decides about that.
    pub(crate) auth_plugin: Option<auth::PluginSettings>,
    /// Wrong credentials and unknown tokens in a minute after which a source is blocked.
    pub(crate) failures_per_source: u16,
    /// Whether files are only for those whom the plug-in lets in.
    pub(crate) web_auth: bool,
    /// Header fields that files are sent with.
    pub(crate) headers: HeaderMap,
    /// Where sessions are recorded.
    pub(crate) record: Option<PathBuf>,
    /// Where the payload of sessions leaves its marks.
    pub(crate) traffic: Option<Traffic>,
    /// How sessions run.
    pub(crate) session: session::Settings,
    /// When the target is dialled.
    pub(crate) dial: Dial,
    /// Which request heads pass.
    pub(crate) heads: HeadRules,
    /// Subprotocols that targets speak.
    pub(crate) subprotocols: Vec<Subprotocol>,
    /// How long a request head may take in total.
    pub(crate) header_timeout: Duration,
    /// How many bytes of an answer a client must take in a second.
    pub(crate) file_min_rate: u64,
    /// How long a drain may take.
    pub(crate) drain_timeout: Duration,
    /// The maximum number of connections.
    pub(crate) max_connections: Option<usize>,
    /// The maximum number of connections that are not sessions yet.
    pub(crate) max_handshakes: usize,
    /// Stop after one session.
    pub(crate) run_once: bool,
    /// Accept nobody after this time.
    pub(crate) timeout: Option<Duration>,
    /// Stop when there has been no session for this time.
    pub(crate) idle_timeout: Option<Duration>,
}

impl Config {
    /// What `wsferry LISTEN TARGET` runs with.
    pub(crate) fn plain(listen: ListenAddress, target: Address) -> Self {
        let Settings { mut listeners, mut routes, limits, resolver } = plain(listen, target);
        let (listener, route) = (listeners.remove(0), routes.remove(0));
        Self {
            listen: listener.listen,
            tls: listener.tls,
            tls_only: listener.tls_only,
            route: route.destination,
            target_tls: route.target_tls,
            target_must_resolve: route.target_must_resolve,
            resolver,
            web: route.web,
            allow_host: listener.allow_host,
            auth: route.auth,
            auth_plugin: route.auth_plugin,
            failures_per_source: limits.failures_per_source.map_or(0, NonZeroU16::get),
            web_auth: route.web_auth,
            headers: route.headers,
            record: route.record,
            traffic: route.traffic,
            session: route.session,
            dial: route.dial,
            heads: listener.heads,
            subprotocols: route.subprotocols,
            header_timeout: limits.header_timeout,
            file_min_rate: limits.file_min_rate.map_or(0, NonZeroU64::get),
            drain_timeout: limits.drain_timeout,
            max_connections: limits.max_connections,
            max_handshakes: limits.max_handshakes,
            run_once: limits.run_once,
            timeout: limits.timeout,
            idle_timeout: limits.idle_timeout,
        }
    }
}

impl From<Config> for Settings {
    fn from(config: Config) -> Self {
        let listener = ListenerSettings {
            listen: config.listen,
            tls: config.tls,
            tls_only: config.tls_only,
            allow_host: config.allow_host,
            heads: config.heads,
            routes: None,
        };
        let limits = Limits {
            header_timeout: config.header_timeout,
            write_timeout: config.session.relay.write_timeout,
            file_min_rate: NonZeroU64::new(config.file_min_rate),
            failures_per_source: NonZeroU16::new(config.failures_per_source),
            drain_timeout: config.drain_timeout,
            max_connections: config.max_connections,
            max_handshakes: config.max_handshakes,
            run_once: config.run_once,
            timeout: config.timeout,
            idle_timeout: config.idle_timeout,
        };
        let route = RouteSettings {
            name: "default".to_owned(),
            matches: Matches::default(),
            destination: config.route,
            target_tls: config.target_tls,
            target_must_resolve: config.target_must_resolve,
            auth: config.auth,
            auth_plugin: config.auth_plugin,
            web: config.web,
            web_auth: config.web_auth,
            headers: config.headers,
            subprotocols: config.subprotocols,
            dial: config.dial,
            session: config.session,
            record: config.record,
            traffic: config.traffic,
        };
        let resolver = config.resolver;
        Self { listeners: vec![listener], routes: vec![route], limits, resolver }
    }
}
