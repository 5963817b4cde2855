//! How things fail, and on whose side: what a start-up or a dial can run into.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

/// Why the gateway could not be started. Each sentence says what to do.
#[derive(Debug, Error)]
pub enum StartError {
    /// A listener names a route that is not there.
    #[error("a listener serves the route {name:?}, which does not exist: name one of the routes")]
    UnknownRoute {
        /// The name.
        name: String,
    },
    /// More than one route wraps a program.
    #[error("two routes wrap a program: a gateway can wrap only one")]
    SeveralPrograms,
    /// New settings wrap a program.
    #[error(
        "a program can be wrapped only when the gateway starts: new settings cannot add one to a \
         running gateway"
    )]
    ProgramAtReload,
    /// New settings came to a gateway that has stopped.
    #[error("the gateway has stopped and takes no new settings")]
    Stopped,
    /// The address is in use.
    #[error(
        "cannot listen on {address}: the port is in use. Stop the program that uses it, or choose \
         another port"
    )]
    PortInUse {
        /// What was to be bound.
        address: SocketAddr,
    },
    /// The port needs rights that this process does not have.
    #[error(
        "cannot listen on {address}: permission denied. Ports below 1024 need extra rights: choose \
         a higher one, or grant CAP_NET_BIND_SERVICE"
    )]
    PortDenied {
        /// What was to be bound.
        address: SocketAddr,
    },
    /// Any other failure to bind.
    #[error(
        "cannot listen on {address}: {source}. Choose an address of this machine, or leave the \
         host out to listen on all of them"
    )]
    Bind {
        /// What was to be bound.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A Unix socket cannot be bound.
    #[error(
        "cannot listen on the Unix socket {path:?}: {source}. Choose a path of at most about 100 \
         bytes in a directory that exists and that this process may write to"
    )]
    UnixListen {
        /// What was to be bound.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody listens on the Unix socket.
    #[error(
        "cannot listen on the Unix socket {path:?}: another program listens on it. Stop that \
         program, or choose another path"
    )]
    UnixInUse {
        /// What was to be bound.
        path: PathBuf,
    },
    /// What stands at the path of a Unix socket is something else, and is left alone.
    #[error(
        "cannot listen on the Unix socket {path:?}: a file that is not a socket already exists \
         there. Move it away, or choose another path"
    )]
    NoSocket {
        /// What was to be bound.
        path: PathBuf,
    },
    /// `--inetd` without a socket.
    #[error(
        "standard input is not a socket that accepts or has accepted a connection ({0}). Start \
         this program by inetd, or leave --inetd out"
    )]
    Inherited(io::Error),
    /// Socket activation with something else.
    #[error(
        "a descriptor of LISTEN_FDS is not a socket that accepts connections ({0}). Give the \
         socket unit ListenStream="
    )]
    Activated(io::Error),
    /// `--record` does not name a file that can be created.
    #[error(
        "cannot record to {path:?}: {source}. Give --record a file name in a directory that exists \
         and may be written to"
    )]
    Record {
        /// The file, without the number of a session.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `--token-source` names nothing that is there.
    #[error(
        "cannot read the token source {path:?}: {source}. Give --token-source a file or a \
         directory of lines `token: host:port`"
    )]
    TokenSource {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file or a service that a setting names cannot be used: the room that wanted it says why.
    #[error(transparent)]
    Setting(Box<dyn std::error::Error + Send + Sync>),
    /// The limit of open files is too low.
    #[error(
        "this process may open only {limit} files: a gateway needs {fewest}, besides those that it \
         starts with. Raise the limit (ulimit -n, LimitNOFILE=)"
    )]
    FewDescriptors {
        /// The limit.
        limit: u64,
        /// The fewest that a gateway works with.
        fewest: u64,
    },
    /// A name that leads to no address.
    #[error(
        "the {role} {host:?} does not resolve: {reason}. Check the spelling, or use an IP address"
    )]
    Unresolved {
        /// `listen host` or `target host`.
        role: &'static str,
        /// The name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// `--web` does not name a directory that can be read.
    #[error(
        "cannot serve the directory {path:?}: {source}. Create it, or give --web the directory \
         that holds index.html"
    )]
    WebRoot {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program cannot be wrapped on this system.
    #[error(
        "cannot wrap a program: that needs Linux. Start the program yourself, and give its port as \
         the target"
    )]
    WrapUnsupported,
    /// The shim that is preloaded into a wrapped program is not where it should be.
    #[error(
        "cannot wrap a program: there is no {}. Install libwsferry_rebind.so there, or set \
         WSFERRY_REBIND to where it is", places(.looked_at)
    )]
    ShimMissing {
        /// Where it was looked for.
        looked_at: Vec<PathBuf>,
    },
    /// The dynamic linker takes blanks and colons as the ends of names (ld.so(8), `LD_PRELOAD`).
    #[error(
        "cannot wrap a program: the path of {path:?} holds a blank or a colon, and the dynamic \
         linker takes no such path. Copy the file to another folder and set WSFERRY_REBIND to it"
    )]
    ShimPath {
        /// Where the shim is.
        path: PathBuf,
    },
    /// No port is free for the wrapped program.
    #[error(
        "cannot wrap a program: no port of 127.0.0.1 is free for it: {source}. Stop a program that \
         uses many"
    )]
    WrapPort {
        /// What the system said.
        source: io::Error,
    },
    /// The program to wrap does not start.
    #[error(
        "cannot start the program {program:?}: {source}. Check its name, and that it may be \
         executed"
    )]
    Program {
        /// The program.
        program: OsString,
        /// What the system said.
        source: io::Error,
    },
}

/// `A or B`.
fn places(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" or ")
}

impl StartError {
    /// What a room says of its setting.
    pub fn setting(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Setting(Box::new(error))
    }
}

/// Why a target could not be reached.
#[derive(Debug, Error)]
pub enum DialError {
    /// The name leads to no address.
    #[error("{0} does not resolve")]
    Unresolved(String),
    /// Every address refused or was unreachable: what the last one said.
    #[error("{0}")]
    Unreachable(String),
    /// The target speaks no TLS, or its certificate is not to be trusted.
    #[error("TLS handshake failed: {0}")]
    Tls(String),
    /// No address answered in time.
    #[error("timed out")]
    TimedOut,
}

/// A socket's error in words for people: without the system's number, which means nothing to them.
pub fn words(error: &io::Error) -> String {
    use io::ErrorKind;
    let words = match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused",
        ErrorKind::ConnectionReset => "connection reset",
        ErrorKind::BrokenPipe => "connection closed",
        ErrorKind::HostUnreachable => "host unreachable",
        ErrorKind::NetworkUnreachable => "network unreachable",
        ErrorKind::TimedOut => "timed out",
        _ => return error.to_string(),
    };
    words.to_owned()
}
