//! The shim that wsferry preloads into the programs it wraps.

use std::path::PathBuf;

/// Where cargo puts it for a test: beside the test's own executable, when the test's crate has
/// wsferry-rebind among its dev-dependencies.
pub fn path() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it is");
    let path = test.with_file_name("libwsferry_rebind.so");
    assert!(path.exists(), "there is no {path:?}: the crate does not depend on wsferry-rebind");
    path
}
