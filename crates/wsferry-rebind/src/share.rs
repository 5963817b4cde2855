//! How a socket comes to share the port that the gateway keeps.
//!
//! The gateway holds sockets that are bound to the new port and do not listen. The kernel lets a socket
//! of the same user share the port with them (`SO_REUSEPORT`). A socket of another user, where the
//! program has changed it, is replaced by one that the program inherited, which the gateway had bound.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::mem::{MaybeUninit, size_of, zeroed};
use std::net::SocketAddr;
use std::ptr::{from_mut, from_ref};

use libc::{sockaddr_storage, socklen_t, stat};

use crate::calls::{read_address, text};
use crate::listener;

/// What became of a socket that is to be bound to the new port.
pub(crate) enum Shared {
    /// It is another socket now, which is bound.
    Bound,
    /// It can be bound.
    Unbound,
    /// Another one listens there.
    InUse,
}

/// Makes a socket share the port. Where it cannot, `bind` tells.
pub(crate) fn share(fd: c_int, place: SocketAddr) -> Shared {
    if listener::is_there(place) {
        return Shared::InUse;
    }
    let inherited = || text(c"REBIND_SOCKETS").unwrap_or("").split(',').filter_map(open);
    let program = facts(fd).map(|facts| facts.st_uid);
    let is_foreign = inherited().any(|(_, gateway)| Some(gateway) != program);
    if is_foreign {
        let bound = inherited().find(|&(other, _)| address(other) == Some(place));
        if bound.is_some_and(|(other, _)| replace(fd, other)) {
            return Shared::Bound;
        }
    } else {
        // They are not needed, and whoever inherits them from here could listen on them: the shell
        // that a telnet server starts, as another user.
        inherited().for_each(|(other, _)| close(other));
    }
    let on: c_int = 1;
    let length = size_of::<c_int>() as socklen_t;
    // SAFETY: the option is a number, and this is one.
    unsafe {
        libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_REUSEPORT, from_ref(&on).cast(), length)
    };
    Shared::Unbound
}

/// An inherited socket that is written as its number and its inode, and who made it; `None`: this
/// process has closed it, and the number may be another file's.
fn open(written: &str) -> Option<(c_int, libc::uid_t)> {
    let (fd, inode) = written.split_once(':')?;
    let (fd, inode) = (fd.parse().ok()?, inode.parse::<libc::ino_t>().ok()?);
    let facts = facts(fd).filter(|facts| facts.st_ino == inode)?;
    Some((fd, facts.st_uid))
}

/// Whose a socket is: the kernel compares that, and not who binds it.
fn facts(fd: c_int) -> Option<stat> {
    let mut facts = MaybeUninit::<stat>::uninit();
    // SAFETY: there is room for what is written, and it was written when the call succeeded.
    unsafe { (libc::fstat(fd, facts.as_mut_ptr()) == 0).then(|| facts.assume_init()) }
}

fn address(fd: c_int) -> Option<SocketAddr> {
    // SAFETY: it is made of numbers, for which zero is good.
    let mut address: sockaddr_storage = unsafe { zeroed() };
    let mut length = size_of::<sockaddr_storage>() as socklen_t;
    let storage = from_mut(&mut address).cast();
    // SAFETY: `address` has room for the `length` bytes that may be written to it.
    if unsafe { libc::getsockname(fd, storage, &mut length) } != 0 {
        return None;
    }
    // SAFETY: `length` bytes of `address` were written.
    unsafe { read_address(storage, length) }
}

/// Puts a socket in the place of `fd`. It keeps how `fd` waits and whether it is inherited. Its own
/// number is closed: it would go on listening when the program has closed `fd`.
fn replace(fd: c_int, by: c_int) -> bool {
    // SAFETY: these calls take and give numbers only.
    let is_replaced = unsafe {
        let status = libc::fcntl(fd, libc::F_GETFL);
        let is_inherited = libc::fcntl(fd, libc::F_GETFD) & libc::FD_CLOEXEC == 0;
        let flags = if is_inherited { 0 } else { libc::O_CLOEXEC };
        libc::fcntl(by, libc::F_SETFL, status);
        libc::dup3(by, fd, flags) >= 0
    };
    if is_replaced {
        close(by);
    }
    is_replaced
}

fn close(fd: c_int) {
    // SAFETY: the call takes a number; the socket is nobody else's, who knows nothing of it.
    unsafe { libc::close(fd) };
}
