//! Where a session leads.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use wsferry_proto::HostName;

use crate::net::SocketFile;

/// The address of a target.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// The built-in target that answers message for message with the same type.
    Echo,
    /// A TCP server.
    Tcp {
        /// Its name or address.
        host: HostName,
        /// Its port, not 0.
        port: u16,
    },
    /// A server that listens on a Unix socket.
    Unix(PathBuf),
    /// The same, where the name of the socket is a token: what is shown is its directory only.
    UnixByToken(SocketFile),
    /// The built-in target that plays a recording back. No text leads there, so that no token does.
    Recording(Recording),
}

/// A recording that is to be played back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Recording {
    /// The file.
    pub path: PathBuf,
    /// How fast.
    pub speed: Speed,
}

/// How fast a recording is played back: in thousandths of its own speed; zero: as fast as possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Speed(u32);

impl Speed {
    /// `times` as fast as it was, from 0.001 to 1000000; 0 for as fast as possible.
    pub fn new(times: f64) -> Option<Self> {
        let is_good = times == 0.0 || (0.001..=1e6).contains(&times);
        is_good.then(|| Self((times * 1000.0).round() as u32))
    }

    /// When something is due that came at a moment of the recording.
    pub fn due(self, at: Duration) -> Duration {
        match self.0 {
            0 => Duration::ZERO,
            thousandths => at.saturating_mul(1000) / thousandths,
        }
    }
}

/// How a Unix socket is written where a TCP server could stand too, as websockify does.
const UNIX: &str = "unix_socket:";

/// Text that is not the address of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError(String);

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a target: give host:port, such as localhost:5000, 192.0.2.7:5900 or \
             [::1]:5000, unix_socket:/path for a Unix socket, or echo: for the built-in echo",
            self.0
        )
    }
}

impl std::error::Error for AddressError {}

/// The host of `host:port`. An IPv6 address needs no brackets here: what stands behind the last colon
/// is the port.
pub(crate) fn host_before_port(text: &str) -> Option<HostName> {
    match text.parse::<Ipv6Addr>() {
        Ok(address) => Some(HostName::Address(address.into())),
        Err(_) => text.parse().ok(),
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text == "echo:" {
            return Ok(Self::Echo);
        }
        if let Some(path) = text.strip_prefix(UNIX)
            && !path.is_empty()
            && !path.contains('\0')
        {
            return Ok(Self::Unix(path.into()));
        }
        let parse = || {
            let (host, port) = text.rsplit_once(':')?;
            let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
            let port = port.parse().ok().filter(|&port| is_number && port != 0)?;
            Some(Self::Tcp { host: host_before_port(host)?, port })
        };
        parse().ok_or_else(|| AddressError(text.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Echo => f.write_str("echo:"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display().to_string().escape_debug()),
            Self::UnixByToken(socket) => {
                let path = socket.path();
                let directory = path.parent().unwrap_or(path).display().to_string();
                write!(f, "{UNIX}{}/…", directory.escape_debug())
            }
            Self::Recording(Recording { path, .. }) => {
                write!(f, "recording:{}", path.display().to_string().escape_debug())
            }
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp { host: HostName::Address(address.ip()), port: address.port() }
    }
}

impl Address {
    /// Whether there is no server to connect to.
    pub const fn is_built_in(&self) -> bool {
        matches!(self, Self::Echo | Self::Recording(_))
    }

    /// The name that must be looked up before a connection can be made, with its port.
    pub fn name(&self) -> Option<(&str, u16)> {
        match self {
            Self::Tcp { host: HostName::Name(name), port } => Some((name, *port)),
            _ => None,
        }
    }

    /// The IP address, where no name must be looked up.
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp { host: HostName::Address(address), .. } => Some(*address),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_written_alike() {
        for text in [
            "localhost:5000",
            "127.0.0.1:1",
            "[::1]:65535",
            "echo:",
            "vnc-1.example:5900",
            "unix_socket:/run/vnc.sock",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_ipv6_address_may_stand_without_brackets_before_its_port() {
        for (text, written) in [
            ("::1:5000", "[::1]:5000"),
            ("2001:db8::7:5900", "[2001:db8::7]:5900"),
            (":::5900", "[::]:5900"),
            ("::ffff:192.0.2.7:5900", "[::ffff:192.0.2.7]:5900"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), written);
        }
    }

    #[test]
    fn what_is_not_a_target_is_named_in_the_error() {
        for text in [
            "",
            "5000",
            "localhost",
            "localhost:",
            "localhost:0",
            "localhost:65536",
            ":5000",
            "a:b",
            "::1",
            "2001:db8::1",
            "[::1]",
            "1:2:3",
            "localhost:+1",
            "echo",
            "echo:1x",
            "unix_socket:",
            "unix_socket:/a\0b",
            "a b:1",
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }
}
