//! Whether a port is in use already.
//!
//! A socket that shares its port could be bound beside another one of the same user that listens
//! there. But scripts bind a port to learn whether a server runs (`vncserver` does), so the shim looks
//! first (`/proc/net/tcp`, proc(5)).

use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};

/// A longer line of `/proc/net/tcp6` is cut; the columns that count come first.
const LINE: usize = 160;
/// The state of a socket that listens.
const LISTEN: &[u8] = b"0A";

/// Whether a socket listens at exactly this address. Where there is no `/proc`, none does.
pub(crate) fn is_there(place: SocketAddr) -> bool {
    let (end, buffer) = (&mut [0; 13], &mut [0; 4096]);
    write_end(place, end);
    ["/proc/net/tcp", "/proc/net/tcp6"].into_iter().any(|table| is_in(table, end, buffer))
}

/// The last 32 bits of the address, which tell 127.0.0.1, mapped or not, from `::1`, and the port, as
/// they are in the table.
fn write_end(place: SocketAddr, end: &mut [u8; 13]) {
    let bits = match place.ip() {
        IpAddr::V4(host) => host.octets(),
        IpAddr::V6(host) => {
            let [.., a, b, c, d] = host.octets();
            [a, b, c, d]
        }
    };
    let digit = |number: u32, at: u32| b"0123456789ABCDEF"[(number >> (4 * at)) as usize & 15];
    let host = (0..8).rev().map(|at| digit(u32::from_ne_bytes(bits), at));
    let port = (0..4).rev().map(|at| digit(place.port().into(), at));
    let written = host.chain([b':']).chain(port);
    end.iter_mut().zip(written).for_each(|(byte, digit)| *byte = digit);
}

/// Whether a listener's address in a table ends so.
fn is_in(table: &str, end: &[u8], buffer: &mut [u8]) -> bool {
    let Ok(mut table) = File::open(table) else { return false };
    let (mut line, mut length) = ([0; LINE], 0);
    while let Ok(count @ 1..) = table.read(buffer) {
        for &byte in &buffer[..count] {
            if byte != b'\n' {
                if length < LINE {
                    line[length] = byte;
                    length += 1;
                }
                continue;
            }
            let mut columns = line[..length].split(|&byte| byte == b' ').filter(|c| !c.is_empty());
            length = 0;
            let (address, state) = (columns.nth(1), columns.nth(1));
            if state == Some(LISTEN) && address.is_some_and(|address| address.ends_with(end)) {
                return true;
            }
        }
    }
    false
}
