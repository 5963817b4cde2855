//! Unix sockets to listen on, and sockets that were opened by whoever started this process.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use socket2::{Domain, Socket as System};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::{Listener, Socket, Stream};
use crate::client::ClientAddress;
use crate::error::StartError;

/// The name of a Unix socket, which goes with its listener.
#[derive(Debug)]
pub struct Name(PathBuf);

impl Drop for Name {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Binds a Unix socket that has its rights from the first moment. One that a crashed process left
/// behind is replaced; one that somebody listens on is not.
///
/// # Errors
/// A sentence about the path.
pub fn listen_unix(path: &Path, mode: u32) -> Result<Listener, StartError> {
    let error = |source| StartError::UnixListen { path: path.to_owned(), source };
    make_room(path)?;
    // Bound under another name and then renamed, so that nobody finds it with other rights.
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = PathBuf::from(draft);
    let _ = std::fs::remove_file(&draft);
    let listener = UnixListener::bind(&draft).map_err(error)?;
    let rights = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(&draft, rights)
        .and_then(|()| std::fs::rename(&draft, path))
        .inspect_err(|_| drop(std::fs::remove_file(&draft)))
        .map_err(error)?;
    Ok(Listener::Unix { listener, name: Some(Name(path.to_owned())) })
}

/// Makes sure that nothing is lost when a socket is put at `path`.
fn make_room(path: &Path) -> Result<(), StartError> {
    let Ok(there) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if !there.file_type().is_socket() {
        return Err(StartError::NoSocket { path: path.to_owned() });
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()), // nobody listens
        _ => Err(StartError::UnixInUse { path: path.to_owned() }),
    }
}

/// What the standard input of a process is that inetd started.
#[derive(Debug)]
pub enum Inherited {
    /// A socket that listens: `wait` in inetd.conf.
    Listener(Listener),
    /// A connection that was accepted already: `nowait`.
    Connection(Stream, ClientAddress),
}

/// Takes the socket that is the standard input.
///
/// # Errors
/// It is not a stream socket.
pub fn inherited() -> Result<Inherited, StartError> {
    let own = || -> io::Result<Inherited> {
        let socket = System::from(std::io::stdin().as_fd().try_clone_to_owned()?);
        socket.set_nonblocking(true)?;
        if socket.is_listener()? {
            return Ok(Inherited::Listener(listener(socket)?));
        }
        let is_unix = socket.domain()? == Domain::UNIX;
        let client = socket.peer_addr()?.as_socket();
        let fd = OwnedFd::from(socket);
        match client {
            _ if is_unix => {
                let stream = UnixStream::from_std(fd.into())?;
                Ok(Inherited::Connection(Stream::Plain(Socket::Unix(stream)), ClientAddress::Unix))
            }
            Some(client) => {
                let stream = TcpStream::from_std(fd.into())?;
                let stream = Stream::Plain(Socket::dialed(stream)); // its options are not set yet
                Ok(Inherited::Connection(stream, client.into()))
            }
            None => Err(io::ErrorKind::Unsupported.into()),
        }
    };
    own().map_err(StartError::Inherited)
}

/// The listening sockets that systemd opened for this process (`LISTEN_FDS`, `sd_listen_fds(3)`);
/// none when it was started otherwise.
///
/// # Errors
/// One of them is not a listening stream socket.
pub fn activated() -> Result<Vec<Listener>, StartError> {
    let mut given = listenfd::ListenFd::from_env();
    let take = |index: usize, given: &mut listenfd::ListenFd| -> io::Result<Option<Listener>> {
        // The kind is not known before it is taken, and a wrong guess leaves it there.
        if let Ok(Some(unix)) = given.take_unix_listener(index) {
            return listener(System::from(OwnedFd::from(unix))).map(Some);
        }
        given
            .take_tcp_listener(index)?
            .map(|tcp| listener(System::from(OwnedFd::from(tcp))))
            .transpose()
    };
    let mut listeners = Vec::new();
    for index in 0..given.len() {
        listeners.extend(take(index, &mut given).map_err(StartError::Activated)?);
    }
    Ok(listeners)
}

fn listener(socket: System) -> io::Result<Listener> {
    socket.set_nonblocking(true)?;
    let is_unix = socket.domain()? == Domain::UNIX;
    if !is_unix {
        // For those that are accepted. A socket of another family may refuse them.
        let _ = super::socket::set_options(&socket2::SockRef::from(&socket));
    }
    let fd = OwnedFd::from(socket);
    Ok(if is_unix {
        Listener::Unix { listener: UnixListener::from_std(fd.into())?, name: None }
    } else {
        Listener::Tcp(TcpListener::from_std(fd.into())?)
    })
}
