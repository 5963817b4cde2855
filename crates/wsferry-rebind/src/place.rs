//! Where a socket is bound instead.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The two ports, as the environment says them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    /// What the program asks for: the gateway listens there.
    pub(crate) old: u16,
    /// What it gets: the gateway dials it.
    pub(crate) new: u16,
}

/// The place for a TCP socket that asks for `asked`; `None`: the one it asks for.
///
/// The gateway dials 127.0.0.1. An IPv6 socket that takes IPv4 connections too is reached there under
/// the mapped address. One that does not gets `::1`, where it is in nobody's way: its program has
/// another socket for IPv4.
pub(crate) fn instead(asked: SocketAddr, is_v6_only: bool, ports: Ports) -> Option<SocketAddr> {
    if asked.port() != ports.old {
        return None;
    }
    let host: IpAddr = match asked {
        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) if is_v6_only => Ipv6Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => Ipv4Addr::LOCALHOST.to_ipv6_mapped().into(),
    };
    Some(SocketAddr::new(host, ports.new))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test that cannot go on fails
mod tests {
    use super::*;

    #[test]
    fn the_old_port_on_any_address_becomes_the_new_one_on_the_loopback() {
        let ports = Ports { old: 5900, new: 40_000 };
        for (asked, is_v6_only, given) in [
            ("0.0.0.0:5900", false, "127.0.0.1:40000"),
            ("192.0.2.7:5900", false, "127.0.0.1:40000"),
            ("[::]:5900", false, "[::ffff:127.0.0.1]:40000"),
            ("[::1]:5900", false, "[::ffff:127.0.0.1]:40000"),
            ("[::ffff:192.0.2.7]:5900", false, "[::ffff:127.0.0.1]:40000"),
            ("[::]:5900", true, "[::1]:40000"),
        ] {
            let moved = instead(asked.parse().unwrap(), is_v6_only, ports);
            assert_eq!(moved, Some(given.parse().unwrap()), "{asked}");
        }
        for asked in ["0.0.0.0:5901", "127.0.0.1:0", "[::]:40000"] {
            assert_eq!(instead(asked.parse().unwrap(), false, ports), None, "{asked}");
        }
    }
}
