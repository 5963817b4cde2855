//! Sockets: what the floors above need of the system, with the platform's differences kept in here.

mod farewell;
mod listen;
mod stream;
mod system;

pub use farewell::{Farewell, farewell};
pub use listen::{bind, resolve_listen};
pub use stream::Stream;
pub use system::{descriptor_limit, machine_names};
