//! What a route is made from.

use std::path::PathBuf;

use http::HeaderMap;
use wsferry_proto::handshake::Subprotocol;

use super::{Dial, Matches, TokenPlace};
use crate::address::Address;
use crate::record::Traffic;
use crate::tls::ConnectorSettings;
use crate::web::Files;
use crate::wrap::{self, SourcePort};
use crate::{auth, session, token};

/// All that one route goes by. It is valid: nothing in it is checked again.
#[derive(Clone, Debug)]
pub struct RouteSettings {
    /// Its name in the configuration, the log and the metrics; no other route has it.
    pub name: String,
    /// Which requests it is for.
    pub matches: Matches,
    /// Where its sessions lead.
    pub destination: DestinationSettings,
    /// TLS towards targets; `None`: plain connections.
    pub target_tls: Option<ConnectorSettings>,
    /// Whether it is a failed start when the name of the target cannot be looked up; a warning if not.
    pub target_must_resolve: bool,
    /// Who may connect.
    pub auth: auth::Settings,
    /// Who else decides about that.
    pub auth_plugin: Option<auth::PluginSettings>,
    /// What is served beside WebSocket.
    pub web: Option<Files>,
    /// Whether files are only for those whom the plug-in lets in.
    pub web_auth: bool,
    /// Header fields that files are sent with, in the place of fields of the same name.
    pub headers: HeaderMap,
    /// Subprotocols that targets speak, beyond those that any byte stream keeps.
    pub subprotocols: Vec<Subprotocol>,
    /// When the target is dialled.
    pub dial: Dial,
    /// How sessions run.
    pub session: session::Settings,
    /// Where sessions are recorded: each in this file with its number behind the name.
    pub record: Option<PathBuf>,
    /// Where the payload of sessions leaves its marks.
    pub traffic: Option<Traffic>,
}

/// Where the sessions of a route lead.
#[derive(Clone, Debug)]
pub enum DestinationSettings {
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
    At(Box<DestinationSettings>),
}

impl From<Address> for DestinationSettings {
    fn from(target: Address) -> Self {
        Self::Fixed(target)
    }
}
