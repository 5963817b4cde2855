//! What a wrapped program gets of this process: its environment, without what is meant for the gateway
//! alone; and where the shim is.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// How a service manager talks to the process that it started (`sd_notify(3)`, `sd_listen_fds(3)`): a
/// program that did the same would speak for the gateway.
const OF_SERVICE_MANAGERS: [&str; 6] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
];

/// The gateway's settings, which may hold secrets.
const OWN: &[u8] = b"WSFERRY_";

const SHIM: &str = "libwsferry_rebind.so";

/// What the program finds in its environment.
pub(crate) fn environment() -> Vec<(OsString, OsString)> {
    env::vars_os().filter(|(name, _)| !is_withheld(name)).collect()
}

fn is_withheld(name: &OsStr) -> bool {
    let is_of_managers = OF_SERVICE_MANAGERS.iter().any(|other| name == *other);
    is_of_managers || name.as_encoded_bytes().starts_with(OWN)
}

/// Where the shim may be, the best place first: where `WSFERRY_REBIND` says, or else beside the
/// executable, or else in `../lib/wsferry` from there.
pub(crate) fn shims() -> Vec<PathBuf> {
    if let Some(told) = env::var_os("WSFERRY_REBIND").filter(|told| !told.is_empty()) {
        return vec![std::path::absolute(&told).unwrap_or_else(|_| told.into())];
    }
    let executable = env::current_exe().unwrap_or_default();
    let folder = executable.parent().unwrap_or(Path::new("/"));
    let prefix = folder.parent().unwrap_or(folder);
    vec![folder.join(SHIM), prefix.join("lib/wsferry").join(SHIM)]
}
