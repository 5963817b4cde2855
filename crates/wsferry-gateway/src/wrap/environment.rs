//! What the program finds in its environment: what the gateway has in its own, without what is meant
//! for the gateway alone.

use std::env;
use std::ffi::OsStr;

use tokio::process::Command;

use super::{Moved, SourcePort};

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

/// Leaves out what is not meant for the program.
pub(super) fn clean(command: &mut Command) {
    for (name, _) in env::vars_os().filter(|(name, _)| is_withheld(name)) {
        command.env_remove(name);
    }
}

fn is_withheld(name: &OsStr) -> bool {
    let is_of_managers = OF_SERVICE_MANAGERS.iter().any(|other| name == *other);
    is_of_managers || name.as_encoded_bytes().starts_with(OWN)
}

/// What the shim wants to know, and the dynamic linker of it.
pub(super) fn preload(command: &mut Command, moved: &Moved) {
    let mut preload = moved.shim.clone().into_os_string();
    if let Some(others) = env::var_os("LD_PRELOAD").filter(|others| !others.is_empty()) {
        preload.push(":");
        preload.push(others);
    }
    let from = match moved.from {
        SourcePort::Is(port) => port.to_string(),
        SourcePort::First => "first".to_owned(),
    };
    command
        .env("LD_PRELOAD", preload)
        .env("REBIND_OLD_PORT", from)
        .env("REBIND_NEW_PORT", moved.to.address().port().to_string())
        .env("REBIND_PARENT", std::process::id().to_string());
}
