//! Sockets: what the floors above need of the system, with the platform's differences kept in here.

mod beneath;
mod farewell;
mod file;
mod group;
mod http;
#[cfg(unix)]
mod inherit;
mod listen;
mod off_worker;
#[cfg(target_os = "linux")]
mod reserved_port;
#[cfg(not(target_os = "linux"))]
#[path = "no_reserved_port.rs"]
mod reserved_port;
mod resolve;
mod secured;
mod socket;
mod socket_file;
mod splice;
mod stream;
mod system;
pub mod tls;
#[cfg(unix)]
mod unix;

/// The maximum number of pipes for moving bytes between sockets; each has two descriptors.
pub const PIPES: usize = 128;

/// The same in a process that may have no more than `limit` descriptors.
pub fn pipes(limit: u64) -> usize {
    usize::try_from(limit / 16).unwrap_or(usize::MAX).min(PIPES)
}

pub use beneath::{Beneath, EntryKind, open_beneath};
pub use farewell::{Farewell, Leaving, farewell};
pub use file::{Stamp, open_file, read_file};
pub use group::Group;
pub use http::{HttpClient, HttpError, LONGEST_BODY, Redirects, Reply, http_server};
#[cfg(unix)]
pub use inherit::{is_ignored, keep_from_children};
pub use listen::{Listener, bind, resolve_listen};
pub use off_worker::{OffWorker, Stuck};
pub use reserved_port::ReservedPort;
pub use resolve::{ResolveError, Resolver};
pub use socket::Socket;
pub use socket_file::SocketFile;
pub use splice::Pipe;
pub use stream::Stream;
pub use system::{
    descriptor_limit, machine_names, open_descriptors, raise_descriptor_limit,
    restore_descriptor_limit,
};
#[cfg(unix)]
pub use unix::{Inherited, activated, inherited, listen_unix};
