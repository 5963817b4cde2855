//! The options of a gateway, as they are typed. Most of them are websockify's, with its names and its
//! meaning.
#![allow(rustdoc::broken_intra_doc_links)] // the comments are help texts: [HOST:]PORT is no link
#![allow(clippy::doc_markdown)] // these comments are what --help says

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use http::{HeaderName, HeaderValue};
use wsferry_gateway::address::Address;
use wsferry_gateway::auth::http::ShownField;
use wsferry_gateway::auth::{AllowHost, AllowOrigin};
use wsferry_gateway::config::{self, default, seconds, spell_seconds, spell_size};
use wsferry_gateway::tls::{Ciphers, MinVersion, Password};
use wsferry_proto::handshake::Subprotocol;

const TARGET: &str = "Target";
const TOKENS: &str = "Targets by token";
const ACCESS: &str = "Who may connect (pages of the same host always may)";
const TLS: &str = "TLS";
const WEB: &str = "Files";
const PROCESS: &str = "Process";
const LOG: &str = "Log";
const LIMITS: &str = "Limits";

/// What is typed for a gateway.
#[derive(Args)]
pub(super) struct TypedOptions {
    /// Where to listen, [HOST:]PORT, without a host on all addresses; and the TCP server to reach,
    /// TARGET:PORT, or echo: for a built-in echo
    #[arg(value_name = "[HOST:]PORT TARGET:PORT")]
    pub(super) addresses: Vec<String>,
    /// Start this program; where it listens on PORT, it is moved to a port that only this machine
    /// reaches
    #[arg(last = true, value_name = "PROGRAM")]
    pub(super) program: Vec<OsString>,

    /// Listen on a Unix socket instead of PORT
    #[arg(long, value_name = "FILE")]
    pub(super) unix_listen: Option<PathBuf>,
    /// Who may connect to it, as in chmod
    #[arg(long, value_name = "MODE", value_parser = config::mode, default_value = "0600", hide_short_help = true)]
    pub(super) unix_listen_mode: u32,
    /// Take standard input as the socket: a listening one, or a connection
    #[arg(long, hide_short_help = true)]
    pub(super) inetd: bool,

    /// Reach a Unix socket instead of TARGET:PORT
    #[arg(long, value_name = "FILE", help_heading = TARGET)]
    pub(super) unix_target: Option<PathBuf>,
    /// Connect to the target with TLS
    #[arg(long, help_heading = TARGET)]
    pub(super) ssl_target: bool,
    /// CAs of the target's certificate, PEM [default: those of the system]
    #[arg(long, value_name = "FILE", help_heading = TARGET, hide_short_help = true)]
    pub(super) ssl_target_cafile: Option<PathBuf>,
    /// Accept any certificate of the target, even a self-signed one
    #[arg(long, help_heading = TARGET, hide_short_help = true)]
    pub(super) ssl_target_insecure: bool,
    /// Let clients choose this target by ?address=HOST:PORT. Repeatable
    #[arg(long, value_name = "HOST:PORT", help_heading = TARGET, hide_short_help = true)]
    pub(super) allow_address: Vec<Address>,
    /// When to connect to the target: after the handshake, a failure is close code 1011; before it,
    /// HTTP status 502 or 504
    #[arg(long, value_enum, value_name = "WHEN", default_value = "after-accept", help_heading = TARGET, hide_short_help = true)]
    pub(super) dial: TypedDial,
    /// How the target's bytes are sent to clients; text must be UTF-8
    #[arg(long, value_enum, value_name = "TYPE", default_value = "binary", help_heading = TARGET, hide_short_help = true)]
    pub(super) send: Send,
    /// The largest message to a client in bytes, or with KiB or MiB
    #[arg(long, value_name = "BYTES", value_parser = config::message_size,
          default_value = spell_size(default::MAX_MESSAGE), help_heading = TARGET, hide_short_help = true)]
    pub(super) max_message: usize,
    /// Accept this subprotocol, such as text.ircv3.net, because the target speaks it. Repeatable
    #[arg(long, value_name = "NAME", value_parser = config::subprotocol, help_heading = TARGET, hide_short_help = true)]
    pub(super) subprotocol: Vec<Subprotocol>,
    /// Refuse text messages of clients (close code 1003)
    #[arg(long, help_heading = TARGET, hide_short_help = true)]
    pub(super) refuse_text: bool,
    /// Copy all bytes in the program, even where the kernel could move them itself
    #[arg(long, help_heading = TARGET, hide_short_help = true)]
    pub(super) no_splice: bool,
    /// When PROGRAM ends: exit too, ignore it, or start it again
    #[arg(long, value_enum, value_name = "MODE", default_value = "exit", help_heading = TARGET, hide_short_help = true)]
    pub(super) wrap_mode: WrapMode,

    /// What looks up the targets of tokens: TokenFile, ReadOnlyTokenFile, TokenFileName, JWTTokenApi,
    /// BaseTokenAPI, JSONTokenApi, TokenRedis or UnixDomainSocketDirectory
    #[arg(long, value_name = "CLASS", help_heading = TOKENS)]
    pub(super) token_plugin: Option<String>,
    /// Where it looks them up: a file, a directory, a URL with %s, or a Redis server
    #[arg(long, value_name = "ARG", help_heading = TOKENS)]
    pub(super) token_source: Option<String>,
    /// Take the host name that the client asks for as the token, instead of ?token=
    #[arg(long, help_heading = TOKENS, hide_short_help = true)]
    pub(super) host_token: bool,
    /// Short for --token-plugin TokenFile --token-source FILE
    #[arg(long, value_name = "FILE", help_heading = TOKENS, hide_short_help = true)]
    pub(super) target_config: Option<String>,

    #[arg(help = "Let pages of this origin connect, such as https://example.com or https://*.example.com; * for all. Repeatable", long, value_name = "ORIGIN", value_parser = config::allow_origin, help_heading = ACCESS)]
    pub(super) allow_origin: Vec<AllowOrigin>,
    /// Be reachable under this host name; * for any. Repeatable
    #[arg(long, value_name = "HOST", value_parser = config::allow_host, help_heading = ACCESS)]
    pub(super) allow_host: Vec<AllowHost>,
    /// Refuse clients that send no Origin; browsers always do
    #[arg(long, help_heading = ACCESS, hide_short_help = true)]
    pub(super) require_origin: bool,
    /// What decides who may connect: BasicHTTPAuth, ExpectOrigin, ClientCertCNAuth or HttpAuth
    #[arg(long, value_name = "CLASS", help_heading = ACCESS)]
    pub(super) auth_plugin: Option<String>,
    /// What it checks against: user:password, origins, common names, or a URL
    #[arg(long, value_name = "ARG", help_heading = ACCESS)]
    pub(super) auth_source: Option<String>,
    /// Show the service of HttpAuth this header field of the client too. Repeatable
    #[arg(long, value_name = "NAME", help_heading = ACCESS, hide_short_help = true)]
    pub(super) auth_header: Vec<ShownField>,
    /// Serve files only to clients that --auth-plugin lets in
    #[arg(long, help_heading = ACCESS, hide_short_help = true)]
    pub(super) web_auth: bool,

    /// Certificate chain, PEM: wss:// and https:// work on the same port [default: self.pem for
    /// websockify, if it is there]
    #[arg(long, value_name = "FILE", help_heading = TLS)]
    pub(super) cert: Option<PathBuf>,
    /// Private key, PEM [default: the one in the certificate's file]
    #[arg(long, value_name = "FILE", help_heading = TLS)]
    pub(super) key: Option<PathBuf>,
    /// Password of the private key
    #[arg(long, value_name = "PASSWORD", help_heading = TLS, hide_short_help = true)]
    pub(super) key_password: Option<Password>,
    /// Refuse connections without TLS
    #[arg(long, help_heading = TLS)]
    pub(super) ssl_only: bool,
    /// Clients need a certificate; connections without TLS are refused
    #[arg(long, help_heading = TLS, hide_short_help = true)]
    pub(super) verify_client: bool,
    /// CAs of the clients' certificates, PEM [default: those of the system]
    #[arg(long, value_name = "FILE", help_heading = TLS, hide_short_help = true)]
    pub(super) cafile: Option<PathBuf>,
    /// Minimum version: default, tlsv1_2 or tlsv1_3
    #[arg(long, value_name = "VERSION", default_value = "default", help_heading = TLS, hide_short_help = true)]
    pub(super) ssl_version: MinVersion,
    /// Ciphers for TLS 1.2, and for 1.3 if some are named, in OpenSSL's names
    #[arg(long, value_name = "LIST", help_heading = TLS, hide_short_help = true)]
    pub(super) ssl_ciphers: Option<Ciphers>,

    /// Serve the files of this directory on the same port
    #[arg(long, value_name = "DIR", help_heading = WEB)]
    pub(super) web: Option<PathBuf>,
    /// List directories that have no index.html
    #[arg(long, help_heading = WEB, hide_short_help = true)]
    pub(super) web_listing: bool,
    /// Send this header field with each file, such as 'Cache-Control: no-cache'. Repeatable
    #[arg(long, value_name = "NAME: VALUE", value_parser = config::header, help_heading = WEB, hide_short_help = true)]
    pub(super) header: Vec<(HeaderName, HeaderValue)>,
    /// Isolate pages from other origins, so that WebAssembly may have threads
    #[arg(long, help_heading = WEB, hide_short_help = true)]
    pub(super) cross_origin_isolated: bool,
    /// Never list a directory (the default)
    #[arg(long, help_heading = WEB, hide_short_help = true)]
    pub(super) file_only: bool,

    /// Exit after one WebSocket session
    #[arg(long, help_heading = PROCESS)]
    pub(super) run_once: bool,
    /// Exit after this many seconds
    #[arg(long, value_name = "S", value_parser = seconds, help_heading = PROCESS, hide_short_help = true)]
    pub(super) timeout: Option<Duration>,
    /// Exit after this many seconds without a session
    #[arg(long, value_name = "S", value_parser = seconds, help_heading = PROCESS, hide_short_help = true)]
    pub(super) idle_timeout: Option<Duration>,
    /// Continue in the background once it listens
    #[arg(short = 'D', long, help_heading = PROCESS)]
    pub(super) daemon: bool,
    /// Write the process id to this file
    #[arg(long, value_name = "FILE", help_heading = PROCESS, hide_short_help = true)]
    pub(super) pid_file: Option<PathBuf>,
    /// Accepted without effect: IPv6 and IPv4 are both tried
    #[arg(short = '6', long, help_heading = PROCESS, hide_short_help = true)]
    pub(super) prefer_ipv6: bool,
    /// Accepted without effect
    #[arg(long, help_heading = PROCESS, hide_short_help = true)]
    pub(super) libserver: bool,

    /// Log requests for files too
    #[arg(short, long, help_heading = LOG)]
    pub(super) verbose: bool,
    /// Print a character for each piece of data: } > to the target, { < to the client
    #[arg(long, help_heading = LOG, hide_short_help = true)]
    pub(super) traffic: bool,
    /// Record what each session relays into FILE.1, FILE.2, ...
    #[arg(long, value_name = "FILE", help_heading = LOG)]
    pub(super) record: Option<PathBuf>,
    /// Append log lines to this file instead of standard error
    #[arg(long, value_name = "FILE", help_heading = LOG)]
    pub(super) log_file: Option<PathBuf>,
    /// Send log lines to a syslog server too: a local socket such as /dev/log, or HOST:PORT (UDP)
    #[arg(long, value_name = "SERVER", help_heading = LOG, hide_short_help = true)]
    pub(super) syslog: Option<String>,
    /// Send them in the old form of RFC 3164
    #[arg(long, help_heading = LOG, hide_short_help = true)]
    pub(super) legacy_syslog: bool,

    /// Seconds of a client's silence before it is pinged; 0: never
    #[arg(long, value_name = "S", value_parser = seconds, default_value = spell_seconds(default::HEARTBEAT),
          help_heading = LIMITS)]
    pub(super) heartbeat: Duration,
    /// Seconds for the target's name and connection
    #[arg(long, value_name = "S", value_parser = seconds, default_value = spell_seconds(default::CONNECT_TIMEOUT),
          help_heading = LIMITS, hide_short_help = true)]
    pub(super) connect_timeout: Duration,
    /// Seconds for a request head, and for a TLS handshake
    #[arg(long, value_name = "S", value_parser = seconds, default_value = spell_seconds(default::HEADER_TIMEOUT),
          help_heading = LIMITS, hide_short_help = true)]
    pub(super) header_timeout: Duration,
    /// The largest request head in bytes, or with KiB
    #[arg(long, value_name = "BYTES", value_parser = config::head_size,
          default_value = spell_size(default::MAX_HEAD_SIZE), help_heading = LIMITS, hide_short_help = true)]
    pub(super) max_head_size: usize,
    /// Seconds to wait for the answer to a Close
    #[arg(long, value_name = "S", value_parser = seconds, default_value = spell_seconds(default::CLOSE_TIMEOUT),
          help_heading = LIMITS, hide_short_help = true)]
    pub(super) close_timeout: Duration,
    /// Seconds that the target may still send after its client closed
    #[arg(long, value_name = "S", value_parser = seconds, default_value = spell_seconds(default::LINGER),
          help_heading = LIMITS, hide_short_help = true)]
    pub(super) linger: Duration,
    /// Seconds that a write may make no progress at all; 0: forever
    #[arg(long, value_name = "S", value_parser = seconds, default_value = spell_seconds(default::WRITE_TIMEOUT),
          help_heading = LIMITS, hide_short_help = true)]
    pub(super) write_timeout: Duration,
    /// Seconds for open sessions when stopping
    #[arg(long, value_name = "S", value_parser = seconds, default_value = spell_seconds(default::DRAIN_TIMEOUT),
          help_heading = LIMITS, hide_short_help = true)]
    pub(super) drain_timeout: Duration,
    /// Maximum number of connections [default: what the limit of open files allows]
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = LIMITS)]
    pub(super) max_connections: Option<usize>,
    /// Wrong passwords and unknown tokens of an address in a minute, before it gets 429 for a while;
    /// off: no limit
    #[arg(long, value_name = "N", value_parser = config::or_off::<u16>,
          default_value = default::AUTH_FAILURES_PER_SOURCE.to_string(), help_heading = LIMITS, hide_short_help = true)]
    pub(super) auth_failures_per_source: u16,
    /// Bytes of a file that a client must take in a second, over 30 seconds; off: no limit
    #[arg(long, value_name = "BYTES", value_parser = config::rate, default_value = default::FILE_MIN_RATE.to_string(),
          help_heading = LIMITS, hide_short_help = true)]
    pub(super) file_min_rate: u64,
    /// Maximum number of connections that are not sessions yet
    #[arg(long, value_name = "N", value_parser = at_least_one,
          default_value = default::MAX_HANDSHAKES.to_string(), help_heading = LIMITS, hide_short_help = true)]
    pub(super) max_handshakes: usize,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Send {
    Binary,
    Text,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum TypedDial {
    AfterAccept,
    BeforeAccept,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum WrapMode {
    Exit,
    Ignore,
    Respawn,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&number| number > 0).ok_or_else(|| {
        format!("{text:?} is not a count: give a whole number from 1 up, such as 1000")
    })
}
