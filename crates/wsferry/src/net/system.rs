//! What only the system can tell: a leaf with the platform's calls and the portable way beside each.

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
pub(super) fn unacknowledged(socket: &impl std::os::fd::AsFd) -> usize {
    use rustix::ioctl::{Getter, ioctl};
    /// `SIOCOUTQ` has the number of `TIOCOUTQ`.
    const SIOCOUTQ: rustix::ioctl::Opcode = 0x5411;
    // SAFETY: SIOCOUTQ writes one int, which is the type that the getter gives it room for.
    let bytes = unsafe { ioctl(socket, Getter::<SIOCOUTQ, std::ffi::c_int>::new()) };
    bytes.ok().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0)
}

/// Not known here: what was written counts as arrived.
#[cfg(not(target_os = "linux"))]
pub(super) fn unacknowledged<S>(_socket: &S) -> usize {
    0
}
