//! The name that ps(1), top(1) and pgrep(1) show.

use std::ffi::CStr;

/// Names the process; called before there are other threads.
#[cfg(target_os = "linux")]
pub(crate) fn set(name: &CStr) {
    let _ = rustix::thread::set_name(name); // it only looks better
}

/// Here it has the name of its file.
#[cfg(not(target_os = "linux"))]
pub(crate) fn set(_name: &CStr) {}
