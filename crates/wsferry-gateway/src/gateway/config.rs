//! The settings of a gateway with one listener and one route, as a command line has them.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderMap;
use wsferry_proto::handshake::Subprotocol;

use super::{Limits, Listen, ListenerSettings, Settings};
use crate::auth::AllowHost;
use crate::door::HeadRules;
use crate::net::Resolver;
use crate::record::Traffic;
use crate::route::{DestinationSettings, Dial, Matches, RouteSettings};
use crate::tls::{ConnectorSettings, ServerSettings};
use crate::web::Files;
use crate::{auth, session};

/// One listener and one route. Each field says what [`Settings`] say of it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// TLS on the same port.
    pub tls: Option<ServerSettings>,
    /// Whether plain connections are refused.
    pub tls_only: bool,
    /// Where sessions lead.
    pub route: DestinationSettings,
    /// TLS towards targets.
    pub target_tls: Option<ConnectorSettings>,
    /// Whether it is a failed start when the name of the target cannot be looked up.
    pub target_must_resolve: bool,
    /// Who knows the addresses of names.
    pub resolver: Resolver,
    /// What is served beside WebSocket.
    pub web: Option<Files>,
    /// Names under which the listener may be reached.
    pub allow_host: Vec<AllowHost>,
    /// Who may connect.
    pub auth: auth::Settings,
    /// Who else decides about that.
    pub auth_plugin: Option<auth::PluginSettings>,
    /// Wrong credentials and unknown tokens in a minute after which a source is blocked.
    pub failures_per_source: u16,
    /// Whether files are only for those whom the plug-in lets in.
    pub web_auth: bool,
    /// Header fields that files are sent with.
    pub headers: HeaderMap,
    /// Where sessions are recorded.
    pub record: Option<PathBuf>,
    /// Where the payload of sessions leaves its marks.
    pub traffic: Option<Traffic>,
    /// How sessions run.
    pub session: session::Settings,
    /// When the target is dialled.
    pub dial: Dial,
    /// Which request heads pass.
    pub heads: HeadRules,
    /// Subprotocols that targets speak.
    pub subprotocols: Vec<Subprotocol>,
    /// How long a request head may take in total.
    pub header_timeout: Duration,
    /// How many bytes of an answer a client must take in a second.
    pub file_min_rate: u64,
    /// How long a drain may take.
    pub drain_timeout: Duration,
    /// The maximum number of connections.
    pub max_connections: Option<usize>,
    /// The maximum number of connections that are not sessions yet.
    pub max_handshakes: usize,
    /// Stop after one session.
    pub run_once: bool,
    /// Accept nobody after this time.
    pub timeout: Option<Duration>,
    /// Stop when there has been no session for this time.
    pub idle_timeout: Option<Duration>,
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
            file_min_rate: config.file_min_rate,
            failures_per_source: config.failures_per_source,
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
