//! Log lines for a syslog server: by a local socket or by UDP, in the form of RFC 5424 or in the old
//! one of RFC 3164. A line is a datagram; one that nobody takes is lost and counted.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use tracing::Level;

use crate::output::{Lines, Sink};

/// A syslog server.
#[derive(Clone, Debug)]
pub(crate) struct Syslog {
    server: Server,
    form: Form,
    name: &'static str,
}

#[derive(Clone, Debug)]
enum Server {
    Local(PathBuf),
    Udp(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Rfc5424,
    /// RFC 3164, to a machine.
    Rfc3164,
    /// The same as syslog(3) writes it to a local socket: without the host, which servers do not
    /// expect there.
    Local3164,
}

/// How long a line waits for a server that is busy: its queue may hold no more than ten.
const PATIENCE: Duration = Duration::from_secs(1);

/// RFC 5424 §6.2.1: user-level messages, and system daemons.
const USER: u8 = 1;
const DAEMON: u8 = 3;

impl Syslog {
    /// Reads `--syslog`: a path, or `host:port`. The lines are those of a program called `name`.
    pub(crate) fn parse(text: &str, legacy: bool, name: &'static str) -> Result<Self, String> {
        let is_udp = |text: &str| {
            let port = text.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
            port.is_some_and(|port| port != 0)
        };
        let server = if text.contains('/') {
            let path = std::path::absolute(text).unwrap_or_else(|_| text.into());
            Server::Local(path)
        } else if is_udp(text) {
            Server::Udp(text.to_owned())
        } else {
            return Err(format!(
                "{text:?} is not a syslog server: give a local socket, such as /dev/log, or \
                 host:port, such as localhost:514"
            ));
        };
        let form = match (legacy, &server) {
            (false, _) => Form::Rfc5424,
            (true, Server::Udp(_)) => Form::Rfc3164,
            (true, Server::Local(_)) => Form::Local3164,
        };
        Ok(Self { server, form, name })
    }

    /// Connects to it.
    pub(crate) fn open(&self, is_daemon: bool) -> Result<Sender> {
        let socket = match &self.server {
            Server::Udp(server) => {
                let address = server.to_socket_addrs().ok().and_then(|mut found| found.next());
                let address = address.with_context(|| {
                    format!("the syslog server {server:?} does not resolve; check the spelling")
                })?;
                let any: SocketAddr = match address {
                    SocketAddr::V4(_) => ([0; 4], 0).into(),
                    SocketAddr::V6(_) => ([0; 16], 0).into(),
                };
                let socket = UdpSocket::bind(any)?;
                socket.connect(address).with_context(|| {
                    format!("the syslog server {server:?} cannot be reached from this machine")
                })?;
                socket.set_write_timeout(Some(PATIENCE))?;
                Socket::Udp(socket)
            }
            Server::Local(path) => local(path)?,
        };
        let facility = if is_daemon { DAEMON } else { USER };
        let host = gethostname::gethostname().to_string_lossy().into_owned();
        Ok(Sender { socket, form: self.form, facility, name: self.name, host })
    }
}

#[cfg(unix)]
fn local(path: &std::path::Path) -> Result<Socket> {
    use std::os::unix::net::UnixDatagram;
    UnixDatagram::unbound()?.connect(path).with_context(|| {
        format!("no syslog server listens on {path:?}; start it, or name its socket")
    })?;
    // Not connected: a server that is started again has another socket under the same name.
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(Socket::Local(socket, path.to_owned()))
}

#[cfg(not(unix))]
fn local(path: &std::path::Path) -> Result<Socket> {
    anyhow::bail!("{path:?}: this system has no local syslog sockets; give host:port")
}

#[derive(Debug)]
enum Socket {
    Udp(UdpSocket),
    #[cfg(unix)]
    Local(std::os::unix::net::UnixDatagram, PathBuf),
}

/// Sends each log line as one datagram.
#[derive(Debug)]
pub(crate) struct Sender {
    socket: Socket,
    form: Form,
    facility: u8,
    name: &'static str,
    host: String,
}

impl Sink for Sender {
    fn write(&mut self, lines: &Lines) -> usize {
        let lost = |(level, written, line): &(Level, SystemTime, &[u8])| {
            let text = String::from_utf8_lossy(line);
            let text = text.trim_end();
            let severity = match *level {
                Level::ERROR => 3,
                Level::WARN => 4,
                Level::INFO => 6,
                _ => 7,
            };
            let datagram = || self.spell(severity, *written, text);
            !text.is_empty() && self.socket.send(datagram().as_bytes()).is_err()
        };
        lines.iter().filter(lost).count()
    }

    fn tell_lost(&mut self, lost: usize) {
        tracing::warn!(lost, "log lines were lost: the syslog server did not take them");
    }
}

impl Socket {
    fn send(&self, datagram: &[u8]) -> io::Result<usize> {
        match self {
            Self::Udp(socket) => match socket.send(datagram) {
                // What became of the one before.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    socket.send(datagram)
                }
                sent => sent,
            },
            #[cfg(unix)]
            Self::Local(socket, path) => socket.send_to(datagram, path),
        }
    }
}

impl Sender {
    fn spell(&self, severity: u8, written: SystemTime, text: &str) -> String {
        let priority = self.facility * 8 + severity;
        let process = std::process::id();
        let now = jiff::Timestamp::try_from(written).unwrap_or_default();
        let Self { host, name, .. } = self;
        // RFC 3164 §4.1.2: local time, no year.
        let local =
            || now.to_zoned(jiff::tz::TimeZone::system()).strftime("%b %e %H:%M:%S").to_string();
        let mut datagram = match self.form {
            Form::Rfc5424 => {
                let time = now.strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
                format!("<{priority}>1 {time} {host} {name} {process} - - ")
            }
            Form::Rfc3164 => format!("<{priority}>{} {host} {name}[{process}]: ", local()),
            Form::Local3164 => format!("<{priority}>{} {name}[{process}]: ", local()),
        };
        // A message is one line, whatever an error may hold.
        datagram.extend(text.chars().map(|c| if c.is_control() { ' ' } else { c }));
        datagram.truncate(datagram.floor_char_boundary(self.form.longest()));
        datagram
    }
}

impl Form {
    /// As many bytes every server should take (RFC 5424 §6.1), or may take (RFC 3164 §4.1).
    const fn longest(self) -> usize {
        match self {
            Self::Rfc5424 => 2048,
            Self::Rfc3164 | Self::Local3164 => 1024,
        }
    }
}
