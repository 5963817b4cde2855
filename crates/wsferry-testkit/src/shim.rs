//! The shim that wsferry preloads into the programs it wraps.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// Where cargo puts it for a test: beside the test's own executable, when the test's crate has
/// wsferry-rebind among its dev-dependencies. `WSFERRY_TEST_SHIM` names another build of it, such as
/// the one of `scripts/sanitize`.
pub fn path() -> PathBuf {
    if let Some(path) = env::var_os("WSFERRY_TEST_SHIM") {
        return path.into();
    }
    let test = env::current_exe().expect("a test knows where it is");
    let path = test.with_file_name("libwsferry_rebind.so");
    assert!(path.exists(), "there is no {path:?}: the crate does not depend on wsferry-rebind");
    path
}

/// The `LD_PRELOAD` of a program that is to load the shim `path`: what is preloaded into the test
/// comes first.
pub fn preload(path: impl Into<OsString>) -> OsString {
    let mut names = env::var_os("LD_PRELOAD").unwrap_or_default();
    if !names.is_empty() {
        names.push(":");
    }
    names.push(path.into());
    names
}
