//! Sockets: what the floors above need of the network, with the platform's differences kept in here.

mod http;
mod listen;
mod resolve;
#[cfg_attr(not(feature = "tls"), path = "secured_off.rs")]
mod secured;
mod shutdown;
mod socket;
mod socket_file;
#[cfg(unix)]
mod socket_name;
mod splice;
mod stream;
#[cfg(unix)]
mod unix;

/// The maximum number of pipes of a gateway for moving bytes between sockets; each has two
/// descriptors.
pub const PIPES: usize = 128;

pub use http::{HttpClient, HttpError, LONGEST_BODY, Redirects, Reply, http_server};
pub use listen::{Listener, bind, resolve_listen};
pub use resolve::{ResolveError, Resolver};
pub use secured::Secured;
pub use shutdown::{Leaving, Shutdown, shut_down};
pub use socket::Socket;
pub use socket_file::SocketFile;
#[cfg(unix)]
pub use socket_name::SocketName;
pub use splice::{Pipe, Pipes};
pub use stream::Stream;
#[cfg(unix)]
pub use unix::{Inherited, listen_unix};
