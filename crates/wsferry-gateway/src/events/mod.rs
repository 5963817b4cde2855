//! What operators see: the log lines, each written in one place with the dictionary's words.
//!
//! What a client sent is escaped, so that no client can forge a line.

mod door;
mod gateway;
mod plugin;
mod program;
mod session;

use std::path::Path;

pub use door::*;
pub use gateway::*;
pub use plugin::*;
pub use program::*;
pub use session::*;

fn escaped(path: &Path) -> String {
    path.display().to_string().escape_debug().to_string()
}
