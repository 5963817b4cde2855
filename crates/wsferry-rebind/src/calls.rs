//! The calls that cross into C: `bind`, and what is done when the library is loaded.
//!
//! Nothing in here allocates or panics, and nothing is called after the real `bind`, so `errno` is
//! what it left.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_int, c_void};
use std::mem::{offset_of, size_of, transmute, zeroed};
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::ptr::{copy_nonoverlapping, from_mut, from_ref, null_mut};
use std::str::FromStr;
use std::sync::atomic::{AtomicPtr, AtomicU16, Ordering};

use libc::{sa_family_t, sockaddr, sockaddr_in, sockaddr_in6, socklen_t};

use crate::place::{Ports, instead};
use crate::share::{Shared, share};

type Bind = unsafe extern "C" fn(c_int, *const sockaddr, socklen_t) -> c_int;

/// The shortest `sockaddr_in6` that Linux takes: without the scope (RFC 2133).
const SHORT_IN6: usize = offset_of!(sockaddr_in6, sin6_scope_id);

/// bind(2), as the program sees it.
///
/// # Safety
/// As for bind(2): `address` points to `length` bytes.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn bind(
    fd: c_int,
    address: *const sockaddr,
    length: socklen_t,
) -> c_int {
    let Some(bind) = real_bind() else {
        // SAFETY: the same call, made without the C library's wrapper.
        return unsafe { libc::syscall(libc::SYS_bind, fd, address, length) } as c_int;
    };
    // SAFETY: the caller vouches for `address` and `length`.
    let moved = unsafe { read_address(address, length) }.and_then(|asked| moved(fd, asked));
    match moved.map(|place| share(fd, place)) {
        Some(Shared::Bound) => return 0,
        Some(Shared::InUse) => {
            // SAFETY: every thread has its own errno.
            unsafe { *libc::__errno_location() = libc::EADDRINUSE };
            return -1;
        }
        Some(Shared::Unbound) | None => {}
    }
    match moved {
        None => {
            // SAFETY: what the caller gave, as it was given.
            unsafe { bind(fd, address, length) }
        }
        Some(SocketAddr::V4(address)) => {
            let address = sockaddr_in {
                sin_family: libc::AF_INET as sa_family_t,
                sin_port: address.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from(*address.ip()).to_be() },
                sin_zero: [0; 8],
            };
            // SAFETY: a whole sockaddr_in, and its size.
            unsafe { bind(fd, from_ref(&address).cast(), size_of::<sockaddr_in>() as socklen_t) }
        }
        Some(SocketAddr::V6(address)) => {
            let address = sockaddr_in6 {
                sin6_family: libc::AF_INET6 as sa_family_t,
                sin6_port: address.port().to_be(),
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr { s6_addr: address.ip().octets() },
                sin6_scope_id: 0,
            };
            // SAFETY: a whole sockaddr_in6, and its size.
            unsafe { bind(fd, from_ref(&address).cast(), size_of::<sockaddr_in6>() as socklen_t) }
        }
    }
}

/// The place for a socket that asks for `asked`; `None`: nothing is changed.
fn moved(fd: c_int, asked: SocketAddr) -> Option<SocketAddr> {
    let new = variable(c"REBIND_NEW_PORT")?;
    if option(fd, libc::SOL_SOCKET, libc::SO_TYPE)? != libc::SOCK_STREAM {
        return None;
    }
    let old = match text(c"REBIND_OLD_PORT")? {
        "first" => first_port(asked.port()),
        number => number.parse().ok().filter(|&port| port != 0)?,
    };
    let ports = Ports { old, new };
    let is_v6_only =
        || option(fd, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY).is_some_and(|only| only != 0);
    instead(asked, asked.is_ipv6() && is_v6_only(), ports)
}

/// The first port that this process asked for; 0, which is any, does not count.
fn first_port(asked: u16) -> u16 {
    static FIRST: AtomicU16 = AtomicU16::new(0);
    match FIRST.compare_exchange(0, asked, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => asked,
        Err(first) => first,
    }
}

/// The `bind` of the C library, or of the next library that was preloaded. It is looked up when the
/// library is loaded: `dlsym` takes locks, which may be held for ever in a child that a program with
/// several threads has forked. Only who binds before that (another library, while it is loaded) looks
/// it up here.
fn real_bind() -> Option<Bind> {
    static FOUND: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
    let mut found = FOUND.load(Ordering::Relaxed);
    if found.is_null() {
        // SAFETY: the name is a C string.
        found = unsafe { libc::dlsym(libc::RTLD_NEXT, c"bind".as_ptr()) };
        FOUND.store(found, Ordering::Relaxed);
    }
    // SAFETY: null is `None`, and anything else that has this name is this function.
    unsafe { transmute::<*mut c_void, Option<Bind>>(found) }
}

/// An address of IPv4 or IPv6; `None`: of something else, or not a whole one.
///
/// # Safety
/// `address` is null or points to `length` bytes.
pub(crate) unsafe fn read_address(
    address: *const sockaddr,
    length: socklen_t,
) -> Option<SocketAddr> {
    let length = length as usize;
    if address.is_null() || length < size_of::<sockaddr_in>() {
        return None;
    }
    // SAFETY: there are at least the bytes of a sockaddr_in, and the family is the first field of it.
    let family = c_int::from(unsafe { address.cast::<sa_family_t>().read_unaligned() });
    if family == libc::AF_INET {
        // SAFETY: there are at least the bytes of a sockaddr_in, and any bytes make one.
        let address = unsafe { address.cast::<sockaddr_in>().read_unaligned() };
        let host = u32::from_be(address.sin_addr.s_addr).into();
        return Some(SocketAddrV4::new(host, u16::from_be(address.sin_port)).into());
    }
    if family != libc::AF_INET6 || length < SHORT_IN6 {
        return None;
    }
    // SAFETY: it is made of numbers, for which zero is good.
    let mut whole: sockaddr_in6 = unsafe { zeroed() };
    let length = length.min(size_of::<sockaddr_in6>());
    // SAFETY: both have at least `length` bytes, and any bytes make a sockaddr_in6.
    unsafe { copy_nonoverlapping(address.cast::<u8>(), from_mut(&mut whole).cast(), length) };
    let host = whole.sin6_addr.s6_addr.into();
    Some(SocketAddrV6::new(host, u16::from_be(whole.sin6_port), 0, 0).into())
}

/// A socket option that is a number; `None`: the socket has no such option.
fn option(fd: c_int, level: c_int, name: c_int) -> Option<c_int> {
    let mut value: c_int = 0;
    let mut length = size_of::<c_int>() as socklen_t;
    // SAFETY: `value` has room for the `length` bytes that may be written to it.
    let status =
        unsafe { libc::getsockopt(fd, level, name, from_mut(&mut value).cast(), &mut length) };
    (status == 0).then_some(value)
}

/// A number in the environment, not 0.
fn variable<N: FromStr + Default + PartialEq>(name: &CStr) -> Option<N> {
    text(name)?.parse().ok().filter(|number| *number != N::default())
}

/// A text in the environment.
pub(crate) fn text(name: &CStr) -> Option<&'static str> {
    // SAFETY: the name is a C string; a program that changes its environment while another of its
    // threads reads it would meet the same in the C library.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: what getenv gives is a C string.
    unsafe { CStr::from_ptr(value) }.to_str().ok()
}

/// Finds the real `bind` before the program runs.
///
/// The program that the gateway started ends with it, also when the gateway is killed. What the
/// program starts is the program's own business: its parent is not the gateway.
extern "C" fn on_load() {
    real_bind();
    // SAFETY: it only asks for a number.
    let parent = unsafe { libc::getppid() };
    if variable(c"REBIND_PARENT") == Some(parent) {
        // SAFETY: prctl reads one number for this request.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) };
    }
}

/// The functions that are called when the library is loaded (ld.so(8), the ELF specification).
#[used]
// SAFETY: the section holds pointers to functions that may be called so early.
#[unsafe(link_section = ".init_array")]
static ON_LOAD: extern "C" fn() = on_load;
