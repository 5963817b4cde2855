//! How clients come in: everything before a session. A door takes an accepted connection and yields
//! [`Sessions`].
//!
//! [`WebSocketDoor`] reads request heads (`head_reader`), well-formed ones only. One that asks for
//! WebSocket is answered at once (`upgrade`) and becomes a session; the others are left to hyper
//! (`files`), with a `guard` below it. `decide` says what each request gets.

mod answer;
mod caller;
mod connection_end;
mod decide;
mod files;
mod guard;
mod head_reader;
mod in_flight;
mod pace;
mod parse;
mod permits;
mod refusal;
mod rejection;
mod secure;
mod socket_io;
mod upgrade;
mod web_socket;

pub use head_reader::HeadRules;
pub use permits::FilePermits;
pub use refusal::turn_away;
pub use web_socket::WebSocketDoor;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::HeaderMap;
use tokio_util::sync::CancellationToken;
use wsferry_proto::handshake::Subprotocol;

use crate::auth::Policy;
use crate::dial::Dialer;
use crate::record::Taps;
use crate::route::{Destination, Dial};
use crate::session::Joining;
use crate::tls::Acceptor;
use crate::web::Web;

/// The sessions that an accepted connection leads to: none, one or several.
pub trait Sessions: Send {
    /// The next session; `None` when there will be no more. Then the connection has been dealt with.
    fn next(&mut self) -> impl Future<Output = Option<Joining>> + Send;
}

/// What all connections of a listener share.
#[derive(Debug)]
pub struct Front {
    /// Who may connect.
    pub policy: Policy,
    /// The files that are served.
    pub web: Option<Web>,
    /// TLS on the same listeners.
    pub tls: Option<Acceptor>,
    /// Whether plain connections are refused.
    pub tls_only: bool,
    /// Whether files are for those only that the authentication plug-in lets in.
    pub web_auth: bool,
    /// Header fields that files are sent with.
    pub headers: HeaderMap,
    /// Where sessions lead.
    pub route: Destination,
    /// Connects to targets.
    pub dialer: Arc<Dialer>,
    /// When the target is dialled.
    pub dial: Dial,
    /// How long a dial may take.
    pub connect_timeout: Duration,
    /// Which request heads pass.
    pub heads: HeadRules,
    /// Subprotocols that the target speaks, beyond those that any byte stream keeps.
    pub subprotocols: Vec<Subprotocol>,
    /// How long a request head may take in total.
    pub header_timeout: Duration,
    /// How long a client may take no byte of an answer.
    pub write_timeout: Duration,
    /// How many bytes of an answer a client must take in a second; 0: none.
    pub file_min_rate: u64,
    /// For connections that are sent files or wait for their next request.
    pub files: Arc<FilePermits>,
    /// Cancelled when the gateway stops.
    pub drain: CancellationToken,
    /// Stops the gateway; when it is cancelled no new session is begun.
    pub stop: CancellationToken,
    /// Whether one session is all that there may be.
    pub run_once: bool,
    /// Whether that session has begun.
    pub had_session: AtomicBool,
    /// What sees the payload of sessions.
    pub taps: Taps,
}
