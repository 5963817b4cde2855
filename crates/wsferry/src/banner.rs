//! What the program says when it has started.

use std::fmt::Write;
use std::net::SocketAddr;

use wsferry_gateway::address::Address;
use wsferry_gateway::gateway::Gateway;
use wsferry_gateway::route::Reached;
use wsferry_gateway::web::Files;
use wsferry_gateway::{DestinationSettings, Listen, Settings};

/// The first line of a log that is not standard error.
pub(crate) fn log(settings: &Settings, gateway: &Gateway) {
    let (Some(listener), Some(route)) = (settings.listeners.first(), settings.routes.first())
    else {
        return;
    };
    let addresses: Vec<_> = gateway.addresses().iter().map(ToString::to_string).collect();
    let listening = match &listener.listen {
        _ if !addresses.is_empty() => addresses.join(", "),
        #[cfg(unix)]
        Listen::Unix { path, .. } => format!("unix:{}", path.display()).escape_debug().to_string(),
        _ => "the socket that was given".to_owned(),
    };
    let version = env!("CARGO_PKG_VERSION");
    let target = target(&route.destination);
    tracing::info!("wsferry {version} started, listening on {listening}, target: {target}");
}

/// What listens where, what is served, and what to open.
pub(crate) fn for_gateway(settings: &Settings, gateway: &Gateway) -> String {
    let mut text = format!("wsferry {}\n", env!("CARGO_PKG_VERSION"));
    let (Some(listener), Some(route)) = (settings.listeners.first(), settings.routes.first())
    else {
        return text;
    };
    let addresses = gateway.addresses();
    let (listening, host) = match &listener.listen {
        _ if !addresses.is_empty() => {
            let listening: Vec<_> = addresses.iter().map(spell).collect();
            let named = match &listener.listen {
                Listen::Tcp { host, .. } => host,
                #[cfg(unix)]
                _ => "",
            };
            (listening.join(", "), host_to_open(named, &addresses))
        }
        #[cfg(unix)]
        Listen::Unix { path, .. } => (format!("Unix socket {}", path.display()), "HOST".to_owned()),
        _ => ("the socket that was given".to_owned(), "HOST".to_owned()),
    };
    let (ws, http) = match (&listener.tls, listener.tls_only) {
        (None, _) => (format!("ws://{host}/"), format!("http://{host}/")),
        (Some(_), true) => (format!("wss://{host}/"), format!("https://{host}/")),
        (Some(_), false) => (format!("ws://{host}/, wss://{host}/"), format!("https://{host}/")),
    };
    let _ = writeln!(text, "  listening  {listening}");
    let _ = writeln!(text, "  WebSocket  {ws}  ->  {}", target(&route.destination));
    if let Some(root) = gateway.web_root() {
        let _ = writeln!(text, "  files      {}", root.display());
        let is_listed = matches!(route.web, Some(Files::Listed(_)));
        if is_listed || root.join("index.html").is_file() {
            let _ = writeln!(text, "  open       {http}");
        } else {
            let _ = writeln!(text, "  note       no index.html there: {http} is not found");
        }
    }
    text
}

fn target(route: &DestinationSettings) -> String {
    match route {
        DestinationSettings::Fixed(Address::Echo) => "the built-in echo".to_owned(),
        DestinationSettings::Fixed(tcp @ Address::Tcp { .. }) => format!("TCP {tcp}"),
        DestinationSettings::Fixed(socket @ Address::UnixByToken(_)) => socket.to_string(),
        DestinationSettings::Fixed(Address::Recording(recording)) => {
            format!("the recording {}", recording.path.display())
        }
        DestinationSettings::Fixed(Address::Unix(path)) => {
            format!("Unix socket {}", path.display())
        }
        DestinationSettings::Token { .. } => "the target of the token".to_owned(),
        DestinationSettings::Listed(_) => "the target that the client names".to_owned(),
        DestinationSettings::Wrapped { program, reached } => {
            let program = program.program.display();
            match reached {
                Reached::Moved(_) => program.to_string(),
                Reached::At(route) => format!("{} of {program}", target(route)),
            }
        }
    }
}

/// The authority of a URL that works on this machine.
pub(crate) fn host_to_open(listen_host: &str, addresses: &[SocketAddr]) -> String {
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
