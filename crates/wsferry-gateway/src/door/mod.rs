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
mod rules;
mod secure;
mod socket_io;
mod turn_away;
mod upgrade;
mod web_socket;

pub use head_reader::HeadRules;
pub use permits::FilePermits;
pub use rules::{Door, Rules, State};
pub use turn_away::turn_away;
pub use web_socket::WebSocketDoor;

use crate::session::Joining;

/// The sessions that an accepted connection leads to: none, one or several.
pub trait Sessions: Send {
    /// The next session; `None` when there will be no more. Then the connection has been dealt with.
    fn next(&mut self) -> impl Future<Output = Option<Joining>> + Send;
}
