//! A gateway whose target is itself: each session would open the next one.

use std::net::{IpAddr, UdpSocket};

use wsferry_gateway::address::Address;
use wsferry_gateway::route::Reached;
use wsferry_gateway::{DestinationSettings, Listen};
use wsferry_proto::HostName;

use super::called::Misuse;

/// Refuses a target that is the address to listen on. Sockets that systemd opened are used in place
/// of that, and may be elsewhere.
pub(super) fn check(listen: &Listen, route: &DestinationSettings) -> Result<(), Misuse> {
    let targets = match route {
        DestinationSettings::Fixed(target) => std::slice::from_ref(target),
        DestinationSettings::Listed(targets) => targets,
        DestinationSettings::Wrapped { reached: Reached::At(route), .. } => {
            return check(listen, route);
        }
        _ => return Ok(()),
    };
    let is_given = std::env::var_os("LISTEN_FDS").is_some();
    match targets.iter().find(|target| is_own(listen, target)) {
        Some(target) if !is_given => Err(format!(
            "the target {target} is where this gateway is to listen itself: give the TCP server's \
             address as the target, and a port of its own to listen on, such as: wsferry 27016 \
             localhost:5000"
        )),
        _ => Ok(()),
    }
}

fn is_own(listen: &Listen, target: &Address) -> bool {
    match (listen, target) {
        (Listen::Tcp { host: here, port }, Address::Tcp { host, port: target_port }) => {
            port == target_port && listens_on(here, host)
        }
        #[cfg(unix)]
        (Listen::Unix { path, .. }, Address::Unix(target)) => path == target,
        _ => false,
    }
}

/// Whether who listens on `here` is reached at `host`.
fn listens_on(here: &str, host: &HostName) -> bool {
    let usual = |address: &IpAddr| {
        matches!(address.to_string().as_str(), "127.0.0.1" | "::1" | "::ffff:127.0.0.1")
    };
    match (here.parse::<IpAddr>(), host) {
        _ if here.is_empty() => is_of_this_machine(host),
        (Ok(IpAddr::V4(all)), HostName::Address(IpAddr::V6(_))) if all.is_unspecified() => false,
        (Ok(all), _) if all.is_unspecified() => is_of_this_machine(host),
        (Ok(here), HostName::Address(host)) => {
            here == *host || (here.is_loopback() && host.is_unspecified())
        }
        (Ok(here), HostName::Name(_)) => usual(&here) && host.is_loopback(),
        (Err(_), HostName::Address(host)) => is_loopback_name(here) && usual(host),
        (Err(_), HostName::Name(name)) => {
            here.eq_ignore_ascii_case(name) || (is_loopback_name(here) && host.is_loopback())
        }
    }
}

fn is_loopback_name(name: &str) -> bool {
    name.parse::<HostName>().is_ok_and(|name| name.is_loopback())
}

fn is_of_this_machine(host: &HostName) -> bool {
    match host {
        // No packet is sent: only an address of this machine can be bound.
        HostName::Address(address) => UdpSocket::bind((*address, 0)).is_ok(),
        HostName::Name(name) => {
            let own = gethostname::gethostname();
            host.is_loopback() || own.to_string_lossy().eq_ignore_ascii_case(name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(listen: &str, target: &str) -> bool {
        let listen: wsferry_gateway::config::ListenAddress = listen.parse().unwrap();
        is_own(&listen.into(), &target.parse().unwrap())
    }

    #[test]
    fn a_gateway_is_not_its_own_target() {
        for (listen, target) in [
            ("5000", "localhost:5000"),
            ("5000", "127.0.0.1:5000"),
            ("5000", "[::1]:5000"),
            ("5000", "0.0.0.0:5000"),
            ("0.0.0.0:5000", "127.0.0.1:5000"),
            ("[::]:5000", "localhost:5000"),
            ("localhost:5000", "127.0.0.1:5000"),
            ("127.0.0.1:5000", "localhost:5000"),
            ("127.0.0.1:5000", "127.0.0.1:5000"),
            ("vnc.example:5000", "VNC.example:5000"),
        ] {
            assert!(is_refused(listen, target), "{listen} {target}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_unix_socket_is_not_its_own_target() {
        let listen = Listen::Unix { path: "/run/x".into(), mode: 0o600 };
        assert!(is_own(&listen, &Address::Unix("/run/x".into())));
        assert!(!is_own(&listen, &Address::Unix("/run/y".into())));
    }

    #[test]
    fn the_same_port_elsewhere_is_a_target() {
        for (listen, target) in [
            ("5000", "localhost:5001"),
            ("5000", "192.0.2.7:5000"),
            ("5000", "vnc.example:5000"),
            ("192.0.2.7:5000", "127.0.0.1:5000"),
            ("192.0.2.7:5000", "localhost:5000"),
            ("127.0.0.2:5000", "localhost:5000"),
            ("127.0.0.1:5000", "127.0.0.2:5000"),
            ("0.0.0.0:5000", "[::1]:5000"),
            ("0", "localhost:1"),
            ("5000", "echo:"),
        ] {
            assert!(!is_refused(listen, target), "{listen} {target}");
        }
    }
}
