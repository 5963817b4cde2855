//! What a process has from whoever started it: descriptors, and signals that are ignored.
#![allow(unsafe_code)] // a leaf: system calls that no library offers

use std::ops::Range;
use std::os::fd::RawFd;

/// Whether this process ignores a signal, as those started by nohup(1) ignore SIGHUP.
pub fn is_ignored(signal: rustix::process::Signal) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action the call only writes the present one, for which there is room; all
    // zeroes are an action, too, should it fail.
    let action = unsafe {
        libc::sigaction(signal.as_raw(), std::ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}

/// Keeps descriptors that were inherited from the programs that are started from now on: all but the
/// standard streams and those in `given`.
pub fn keep_from_children(given: &Range<RawFd>) {
    let folder = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
    let open: Vec<RawFd> = match std::fs::read_dir(folder) {
        Ok(names) => {
            let names = names.flatten().filter_map(|name| name.file_name().to_str()?.parse().ok());
            names.collect()
        }
        Err(_) => (0..1024).collect(),
    };
    for descriptor in open.into_iter().filter(|fd| *fd > 2 && !given.contains(fd)) {
        // SAFETY: only a flag of the descriptor is set; one that is closed is an error.
        unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}
