//! What only the system can tell: a leaf with the platform's calls and the portable way beside each.

use std::sync::OnceLock;

use tokio::process::Command;
use wsferry_proto::HostName;

/// How many file descriptors this process may have; `None` where there is no such limit.
#[cfg(unix)]
pub fn descriptor_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

/// How many file descriptors this process may have; `None` where there is no such limit.
#[cfg(not(unix))]
pub fn descriptor_limit() -> Option<u64> {
    None
}

/// The limit that this process was started with, once it was raised.
static STARTED_WITH: OnceLock<DescriptorLimit> = OnceLock::new();

#[cfg(unix)]
type DescriptorLimit = rustix::process::Rlimit;
#[cfg(not(unix))]
type DescriptorLimit = ();

/// Lets this process open as many files as it is allowed to. It is for a program to do this, once,
/// at its start: the limit is the whole process's.
#[cfg(unix)]
pub fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    /// What macOS takes at most (`OPEN_MAX`), whatever it says that is allowed.
    const OPEN_MAX: u64 = 10_240;
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum || STARTED_WITH.set(limit).is_err() {
        return;
    }
    let raised = Rlimit { current: limit.maximum, ..limit };
    if setrlimit(Resource::Nofile, raised).is_err() && limit.current.is_some_and(|l| l < OPEN_MAX) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(OPEN_MAX), ..limit });
    }
}

/// Lets this process open as many files as it is allowed to: there is no such limit here.
#[cfg(not(unix))]
pub fn raise_descriptor_limit() {
    let _ = STARTED_WITH.set(());
}

/// A program that is started gets the limit that this process was started with: one that uses
/// select(2) does not survive a descriptor above 1023.
#[cfg(unix)]
#[allow(unsafe_code)]
pub fn restore_descriptor_limit(command: &mut Command) {
    use rustix::process::{Resource, setrlimit};
    let Some(&limit) = STARTED_WITH.get() else { return };
    let restore = move || Ok(setrlimit(Resource::Nofile, limit)?);
    // SAFETY: between fork and exec only setrlimit(2) is called, which is one system call: nothing is
    // allocated and no lock is taken.
    unsafe { command.pre_exec(restore) };
}

/// A program that is started gets the limit that this process was started with.
#[cfg(not(unix))]
pub fn restore_descriptor_limit(_command: &mut Command) {}

/// How many descriptors are open now, or are known to be.
pub fn open_descriptors() -> u64 {
    /// The standard streams.
    const USUAL: u64 = 3;
    let listed = std::fs::read_dir("/dev/fd").map(|open| open.flatten().count() as u64);
    listed.map_or(USUAL, |listed| listed.max(USUAL))
}

/// The names under which a browser may know this machine: its own, with and without its domain, and
/// the one that multicast DNS gives it.
pub fn machine_names() -> Vec<HostName> {
    let full = gethostname::gethostname().to_string_lossy().into_owned();
    let short = full.split('.').next().unwrap_or_default().to_owned();
    let local = format!("{short}.local");
    [full, short, local].iter().filter_map(|name| name.parse().ok()).collect()
}

/// Bytes written to a socket that the other machine has not acknowledged (`SIOCOUTQ`, tcp(7)). On a
/// Unix socket: the memory of those that the other process has not read.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub fn unacknowledged(socket: &impl std::os::fd::AsFd) -> usize {
    use rustix::ioctl::{Getter, ioctl};
    /// `SIOCOUTQ` has the number of `TIOCOUTQ`.
    const SIOCOUTQ: rustix::ioctl::Opcode = 0x5411;
    // SAFETY: SIOCOUTQ writes one int, which is the type that the getter gives it room for.
    let bytes = unsafe { ioctl(socket, Getter::<SIOCOUTQ, std::ffi::c_int>::new()) };
    bytes.ok().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0)
}

/// Not known here: what was written counts as arrived.
#[cfg(not(target_os = "linux"))]
pub fn unacknowledged<S>(_socket: &S) -> usize {
    0
}
