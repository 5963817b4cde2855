//! What a service manager wants to know of a service of `Type=notify`: that it listens, and that it
//! stops (`sd_notify(3)`).

#[cfg(unix)]
use std::{ffi::OsStr, io, os::unix::net::UnixDatagram};

use tokio_util::sync::CancellationToken;

/// Says that the program listens, and as soon as `stop` is cancelled that it stops. Without a manager
/// that wants to know (`NOTIFY_SOCKET`), nothing happens; one that does not listen costs nothing.
#[cfg(unix)]
pub(crate) fn ready(stop: CancellationToken) {
    let Some(address) = std::env::var_os("NOTIFY_SOCKET") else { return };
    if say(&address, "READY=1\n").is_err() {
        return;
    }
    tokio::spawn(async move {
        stop.cancelled().await;
        let _ = say(&address, "STOPPING=1\n");
    });
}

/// There is no such manager here.
#[cfg(not(unix))]
pub(crate) fn ready(_stop: CancellationToken) {}

#[cfg(unix)]
fn say(address: &OsStr, words: &str) -> io::Result<usize> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    #[cfg(target_os = "linux")]
    if let Some(name) = address.as_encoded_bytes().strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt;
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
        return socket.send_to_addr(words.as_bytes(), &address);
    }
    socket.send_to(words.as_bytes(), address)
}
