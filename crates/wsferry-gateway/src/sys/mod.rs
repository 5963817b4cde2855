//! What the floors above need of the operating system apart from sockets: descriptors, files,
//! process groups. The platform's differences are kept in here.

mod beneath;
mod file;
mod group;
#[cfg(unix)]
mod inherit;
mod off_worker;
#[cfg(target_os = "linux")]
mod reserved_port;
#[cfg(not(target_os = "linux"))]
#[path = "no_reserved_port.rs"]
mod reserved_port;
mod system;
mod watched;

pub use beneath::{Beneath, Entry, EntryKind, open_beneath};
pub use file::{Stamp, open_file, read_file};
pub use group::Group;
#[cfg(unix)]
pub use inherit::{is_ignored, keep_from_children};
pub use off_worker::{OffWorker, Stuck};
pub use reserved_port::ReservedPort;
pub use system::{
    descriptor_limit, machine_names, open_descriptors, raise_descriptor_limit,
    restore_descriptor_limit, unacknowledged,
};
pub use watched::Watched;
