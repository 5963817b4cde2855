//! What operators see: the log lines, each written in one place with the dictionary's words.
//!
//! What a client sent is escaped, so that no client can forge a line.

mod front;
mod plugin;
mod program;
mod server;
mod session;

use std::path::Path;

pub use front::*;
pub use plugin::*;
pub use program::*;
pub use server::*;
pub use session::*;

fn escaped(path: &Path) -> String {
    path.display().to_string().escape_debug().to_string()
}
