//! Routes: a request's host and path choose one, and a route says who may connect, where its sessions
//! lead, how they run, and which files are served beside them.
//!
//! [`Routes::find`] is asked once for each request; it allocates nothing for ordinary paths, and its
//! cost does not depend on the number of routes.

mod destination;
mod host;
mod matching;
mod open;
mod path;
mod refusal_time;
mod settings;

use std::sync::Arc;

use http::HeaderMap;
use wsferry_proto::handshake::Subprotocol;

pub use destination::{Destination, NoTarget, TokenPlace};
pub use host::{HostPattern, HostPatternError};
pub use matching::{Conflict, Found, Routes};
pub use open::Shared;
pub use path::{PathPrefix, PathPrefixError};
pub use refusal_time::RefusalTime;
pub use settings::{DestinationSettings, Reached, RouteSettings};

use crate::auth::Policy;
use crate::dial::Dialer;
use crate::record::Taps;
use crate::session;
use crate::web::Web;

/// When the target is dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dial {
    /// After the handshake: a failure is a close code, which a page can read.
    AfterAccept,
    /// Before the handshake is answered: a failure is 502 or 504, which a load balancer can read.
    BeforeAccept,
}

/// Which requests a route is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    /// Hosts; none: every host that no other route names.
    pub hosts: Vec<HostPattern>,
    /// What the path begins with; `/` is every path.
    pub path: PathPrefix,
}

/// The rules of one route.
#[derive(Debug)]
pub struct Route {
    /// Its name in the configuration, the log and the metrics.
    pub name: String,
    /// Which requests it is for.
    pub matches: Matches,
    /// Where its sessions lead.
    pub destination: Destination,
    /// Who may connect.
    pub policy: Policy,
    /// The files that are served.
    pub web: Option<Web>,
    /// Whether files are only for those whom the authentication plug-in lets in.
    pub web_auth: bool,
    /// Header fields that files are sent with.
    pub headers: HeaderMap,
    /// Subprotocols that the target speaks, beyond those that any byte stream keeps.
    pub subprotocols: Vec<Subprotocol>,
    /// Connects to its targets.
    pub dialer: Arc<Dialer>,
    /// When the target is dialled.
    pub dial: Dial,
    /// How its sessions run.
    pub session: Arc<session::Settings>,
    /// What sees the payload of its sessions.
    pub taps: Taps,
}
