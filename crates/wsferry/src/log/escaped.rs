//! Names of files on one line.

use std::path::Path;

/// A path whose control characters and quotes are escaped.
pub(super) fn escaped(path: &Path) -> String {
    path.display().to_string().escape_debug().to_string()
}
