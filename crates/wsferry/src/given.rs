//! Sockets that whoever started this process opened for it: inetd, systemd.

use wsferry_gateway::error::StartError;
#[cfg(unix)]
use wsferry_gateway::net::Inherited;
use wsferry_gateway::{Listen, ListenerSettings, Settings};

/// The sockets to listen on in the place of what was typed; none when there are none. To be called on
/// the runtime.
///
/// # Errors
/// A descriptor that was given is not a stream socket, or not a connected one.
#[cfg(unix)]
pub(crate) fn sockets(settings: &Settings) -> Result<Vec<Inherited>, StartError> {
    let is_given = |listener: &ListenerSettings| matches!(listener.listen, Listen::Given);
    if settings.listeners.iter().any(is_given) {
        return standard_input().map(|socket| vec![socket]).map_err(StartError::Inherited);
    }
    activated().map_err(StartError::Activated)
}

/// Takes the socket that is the standard input (inetd), which is nothing from then on.
#[cfg(unix)]
fn standard_input() -> std::io::Result<Inherited> {
    use std::os::fd::AsFd;

    let socket = std::io::stdin().as_fd().try_clone_to_owned()?;
    // The connection ends when the session leaves it, not when the process does.
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    Inherited::adopt(socket)
}

/// The sockets that systemd opened for this process (`LISTEN_FDS`, `sd_listen_fds(3)`).
#[cfg(unix)]
fn activated() -> std::io::Result<Vec<Inherited>> {
    let mut given = listenfd::ListenFd::from_env();
    let mut take = |index| -> std::io::Result<Option<Inherited>> {
        // The kind is not known before it is taken, and a wrong guess leaves it there.
        if let Ok(Some(unix)) = given.take_unix_listener(index) {
            return Inherited::adopt(unix.into()).map(Some);
        }
        given.take_tcp_listener(index)?.map(|tcp| Inherited::adopt(tcp.into())).transpose()
    };
    let mut sockets = Vec::new();
    while let Some(socket) = take(sockets.len())? {
        sockets.push(socket);
    }
    Ok(sockets)
}
