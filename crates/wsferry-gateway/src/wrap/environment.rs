//! What the shim finds in the environment of a wrapped program.

use std::ffi::OsString;

use tokio::process::Command;

use super::{Moved, SourcePort};

/// What the shim wants to know, and the dynamic linker of it. `others` are preloaded too.
pub(super) fn preload(command: &mut Command, moved: &Moved, others: Option<&OsString>) {
    let mut preload = moved.shim.clone().into_os_string();
    if let Some(others) = others.filter(|others| !others.is_empty()) {
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
