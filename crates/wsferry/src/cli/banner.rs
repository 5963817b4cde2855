//! What the program says when it has started.

use std::fmt::Write;
use std::net::SocketAddr;

use wsferry::address::Address;
use wsferry::config::Config;
use wsferry::server::Gateway;

/// What listens where, what is served, and what to open.
pub(super) fn for_gateway(config: &Config, gateway: &Gateway) -> String {
    let addresses = gateway.addresses();
    let host = host_to_open(&config.listen_host, &addresses);
    let listening: Vec<_> = addresses.iter().map(spell).collect();
    let mut text = format!("wsferry {}\n", env!("CARGO_PKG_VERSION"));
    let target = match &config.target {
        Address::Echo => "the built-in echo".to_owned(),
        tcp @ Address::Tcp { .. } => format!("TCP {tcp}"),
        Address::Unix(path) => format!("Unix socket {}", path.display()),
        Address::Recording(recording) => format!("the recording {}", recording.path.display()),
    };
    let _ = writeln!(text, "  listening  {}", listening.join(", "));
    let _ = writeln!(text, "  WebSocket  ws://{host}/  ->  {target}");
    if let Some(root) = gateway.web().and_then(|web| web.root()) {
        let _ = writeln!(text, "  files      {}", root.display());
        if root.join("index.html").is_file() {
            let _ = writeln!(text, "  open       http://{host}/");
        } else {
            let _ = writeln!(text, "  note       no index.html there: http://{host}/ is not found");
        }
    }
    text
}

/// The authority of a URL that works on this machine.
pub(super) fn host_to_open(listen_host: &str, addresses: &[SocketAddr]) -> String {
    let Some(first) = addresses.first() else { return String::new() };
    let port = first.port();
    match (listen_host, first) {
        ("", _) => format!("localhost:{port}"),
        (_, address) if address.ip().is_unspecified() => format!("localhost:{port}"),
        (name, _) if name.parse::<std::net::IpAddr>().is_err() => format!("{name}:{port}"),
        (_, address) => address.to_string(),
    }
}

fn spell(address: &SocketAddr) -> String {
    if address.ip().is_unspecified() && address.is_ipv6() {
        return format!("{address} (all addresses, IPv4 and IPv6)");
    }
    address.to_string()
}
