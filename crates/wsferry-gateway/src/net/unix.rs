//! Unix sockets to listen on, and sockets that were opened by whoever started this process.

use std::fs::{File, Permissions, TryLockError};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::SocketAddr as UnixAddress;
use std::path::Path;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket as System, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::socket_name::SocketName;
use super::{Listener, Socket, Stream};
use crate::client::ClientAddress;
use crate::error::StartError;
use crate::timeouts;

/// Binds a Unix socket that has its rights from the first moment. One that a crashed process left
/// behind is replaced; one that somebody listens on is not.
///
/// # Errors
/// A sentence about the path.
pub fn listen_unix(path: &Path, mode: u32) -> Result<Listener, StartError> {
    let error = |source| StartError::UnixListen { path: path.to_owned(), source };
    UnixAddress::from_pathname(path).map_err(error)?; // too long: nobody could connect to it
    let folder = path.parent().unwrap_or(Path::new("/"));
    let lock = lock(folder);
    make_room(path)?;
    // Bound under another name and then renamed, so that nobody finds it with other rights. The name
    // is short, because the whole path must fit into an address.
    let draft = folder.join(format!(".{}", std::process::id()));
    if std::fs::symlink_metadata(&draft).is_ok_and(|there| there.file_type().is_socket()) {
        let _ = std::fs::remove_file(&draft);
    }
    let listener = UnixListener::bind(&draft).map_err(error)?;
    let name = std::fs::set_permissions(&draft, Permissions::from_mode(mode))
        .and_then(|()| std::fs::symlink_metadata(&draft))
        .and_then(|there| std::fs::rename(&draft, path).map(|()| SocketName::new(path, &there)))
        .inspect_err(|_| drop(std::fs::remove_file(&draft)))
        .map_err(error)?;
    drop(lock);
    Ok(Listener::Unix { name: Some(name), listener })
}

/// Keeps two processes from replacing the same left-over socket at once. `None` where the folder
/// cannot be locked: then only that is not noticed.
fn lock(folder: &Path) -> Option<File> {
    let folder = File::open(folder).ok()?;
    let until = Instant::now() + timeouts::SOCKET_FOLDER_LOCK;
    loop {
        match folder.try_lock() {
            Ok(()) => return Some(folder),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(_) => return None,
        }
    }
}

/// Makes sure that nothing is lost when a socket is put at `path`.
fn make_room(path: &Path) -> Result<(), StartError> {
    let Ok(there) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if !there.file_type().is_socket() {
        return Err(StartError::NoSocket { path: path.to_owned() });
    }
    match probe(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()), // nobody listens
        _ => Err(StartError::UnixInUse { path: path.to_owned() }),
    }
}

/// Connects without waiting: a program whose queue is full listens too.
fn probe(path: &Path) -> io::Result<()> {
    let socket = System::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)
}

/// A socket that whoever started this process opened for it.
#[derive(Debug)]
pub enum Inherited {
    /// One that listens: `wait` in inetd.conf, `Accept=no` in a socket unit.
    Listener(Listener),
    /// A connection that was accepted already: `nowait`, `Accept=yes`.
    Connection(Stream, ClientAddress),
}

impl Inherited {
    /// Finds out what a socket is. To be called on a runtime.
    ///
    /// # Errors
    /// It is not a stream socket, or it is not connected.
    pub fn adopt(socket: OwnedFd) -> io::Result<Self> {
        adopt(socket)
    }
}

fn adopt(socket: OwnedFd) -> io::Result<Inherited> {
    let socket = System::from(socket);
    socket.set_nonblocking(true)?;
    if socket.r#type()? != Type::STREAM {
        return Err(io::Error::other("it is not a stream socket"));
    }
    let is_unix = socket.domain()? == Domain::UNIX;
    if socket.is_listener()? {
        if !is_unix {
            // For those that are accepted. A socket of another family may refuse them.
            let _ = super::socket::set_options(&socket2::SockRef::from(&socket));
        }
        let listener = if is_unix {
            let listener = UnixListener::from_std(OwnedFd::from(socket).into())?;
            Listener::Unix { name: None, listener }
        } else {
            Listener::Tcp(TcpListener::from_std(socket.into())?)
        };
        return Ok(Inherited::Listener(listener));
    }
    let client = socket.peer_addr()?.as_socket();
    let socket = OwnedFd::from(socket);
    Ok(match client {
        Some(client) => {
            let stream = TcpStream::from_std(socket.into())?;
            let stream = Stream::Plain(Socket::dialed(stream)); // its options are not set yet
            Inherited::Connection(stream, client.into())
        }
        None => {
            let stream = UnixStream::from_std(socket.into())?;
            Inherited::Connection(Stream::Plain(Socket::Unix(stream)), ClientAddress::Unix)
        }
    })
}
