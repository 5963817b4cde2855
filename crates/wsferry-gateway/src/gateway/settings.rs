//! What a gateway is made from.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderMap;
use wsferry_proto::handshake::Subprotocol;

use super::Listen;
use crate::address::Address;
use crate::door::HeadRules;
use crate::net::Resolver;
use crate::record::Traffic;
use crate::route::{Dial, TokenPlace};
use crate::tls::{ConnectorSettings, ServerSettings};
use crate::web::Files;
use crate::wrap::{self, SourcePort};
use crate::{auth, session, token};

/// Everything a gateway needs to know. It is valid: nothing in it is checked again.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// TLS on the same listeners; `None`: plain connections only.
    pub tls: Option<ServerSettings>,
    /// Whether plain connections are refused.
    pub tls_only: bool,
    /// Where sessions lead.
    pub route: RouteSettings,
    /// TLS towards targets; `None`: plain connections.
    pub target_tls: Option<ConnectorSettings>,
    /// Whether it is a failed start when the name of the target cannot be looked up; a warning if not.
    pub target_must_resolve: bool,
    /// Who knows the addresses of names.
    pub resolver: Resolver,
    /// What is served beside WebSocket.
    pub web: Option<Files>,
    /// Who may connect.
    pub auth: auth::Settings,
    /// Who else decides about that.
    pub auth_plugin: Option<auth::PluginSettings>,
    /// Whether files are for those only that the plug-in lets in.
    pub web_auth: bool,
    /// Header fields that files are sent with, in the place of fields of the same name.
    pub headers: HeaderMap,
    /// Where sessions are recorded: each in this file with its number behind the name.
    pub record: Option<PathBuf>,
    /// Where the payload of sessions leaves its marks.
    pub traffic: Option<Traffic>,
    /// How sessions run.
    pub session: session::Settings,
    /// When the target is dialled.
    pub dial: Dial,
    /// Which request heads pass.
    pub heads: HeadRules,
    /// Subprotocols that targets speak, beyond those that any byte stream keeps.
    pub subprotocols: Vec<Subprotocol>,
    /// How long a request head may take in total.
    pub header_timeout: Duration,
    /// How many bytes of an answer a client must take in a second; 0: none.
    pub file_min_rate: u64,
    /// How long a drain may take.
    pub drain_timeout: Duration,
    /// The most connections at once; `None`: what the limit of file descriptors allows.
    pub max_connections: Option<usize>,
    /// The most connections at once that are not sessions yet.
    pub max_handshakes: usize,
    /// Stop after one session.
    pub run_once: bool,
    /// Accept nobody after this time, and stop when the last session has ended by itself.
    pub timeout: Option<Duration>,
    /// Stop when there has been no session for this time.
    pub idle_timeout: Option<Duration>,
}

/// Where sessions lead.
#[derive(Clone, Debug)]
pub enum RouteSettings {
    /// Always to the same target.
    Fixed(Address),
    /// To the target of the client's token.
    Token {
        /// Who knows the tokens.
        source: token::Settings,
        /// Where the token stands in a request.
        place: TokenPlace,
    },
    /// To the one of these that the client names.
    Listed(Vec<Address>),
    /// To a program that is started with the gateway.
    Wrapped {
        /// The program.
        program: wrap::Settings,
        /// Where it is reached.
        reached: Reached,
    },
}

/// Where a wrapped program is reached.
#[derive(Clone, Debug)]
pub enum Reached {
    /// Where it is moved to from the port that it binds.
    Moved(SourcePort),
    /// Where it listens without being moved.
    At(Box<RouteSettings>),
}
