//! What a person types. [`Typed`] is what clap reads, [`Command`] what the program uses.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::styling::Styles;
use clap::{Args, Parser, Subcommand, ValueEnum};
use wsferry::address::Address;
use wsferry::auth::{AllowHost, AllowOrigin};
use wsferry::config::{self, Config, ListenAddress, default, keep_alive, seconds};
use wsferry::front::{Dial, Files};
use wsferry_proto::Kind;

use super::replay::Replay;

/// What to do.
pub(crate) enum Command {
    /// Run a gateway.
    Gate(Box<Gate>),
    /// Show the whole story in one process.
    Demo(Demo),
    /// Play a recording back.
    Replay(Replay),
}

/// A gateway to be run.
pub(crate) struct Gate {
    pub(super) config: Config,
    pub(super) log: Log,
}

/// Where log lines go, and how many there are.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(super) verbose: bool,
    pub(super) file: Option<PathBuf>,
}

#[derive(Parser)]
#[command(
    name = "wsferry",
    version,
    about = "Lets a browser reach an ordinary TCP server: WebSocket in front, plain TCP behind.",
    after_help = "Examples:\n  \
        wsferry 27016 localhost:5000 --web ./public   a page and its TCP server\n  \
        wsferry 127.0.0.1:6080 vnc-host:5900          only for this machine\n  \
        wsferry demo                                  see it work",
    override_usage = "wsferry [OPTIONS] [HOST:]PORT TARGET:PORT\n       wsferry demo [OPTIONS]",
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true,
    styles = Styles::plain(),
    max_term_width = 100
)]
struct Typed {
    #[command(subcommand)]
    subcommand: Option<Other>,
    #[command(flatten)]
    gate: Option<TypedGate>,
}

#[derive(Subcommand)]
enum Other {
    /// Start a TCP echo server, a gateway and a page, and say where to look
    Demo(Demo),
    /// Play a recorded session back to a browser, or show it as text
    Replay(Replay),
}

/// `wsferry demo`.
#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// Port of the page and its WebSocket [default: 27016, or a free one]
    #[arg(long, value_name = "PORT", value_parser = port)]
    pub(super) port: Option<u16>,
    /// Port of the TCP echo server [default: 5000, or a free one]
    #[arg(long, value_name = "PORT", value_parser = port)]
    pub(super) target_port: Option<u16>,
    /// Log requests for files too
    #[arg(short, long)]
    pub(super) verbose: bool,
}

#[derive(Args)]
struct TypedGate {
    /// Where to listen; without a host on all addresses, IPv4 and IPv6
    #[arg(value_name = "[HOST:]PORT")]
    listen: ListenAddress,
    /// The TCP server to reach, or echo: for a built-in echo
    #[arg(value_name = "TARGET:PORT")]
    target: Address,

    /// Serve the files of this directory on the same port
    #[arg(long, value_name = "DIR")]
    web: Option<PathBuf>,
    /// Exit after one WebSocket session
    #[arg(long)]
    run_once: bool,
    /// Seconds of a client's silence before it is pinged; 0: never
    #[arg(long, value_name = "S", value_parser = seconds, default_value = default::HEARTBEAT)]
    heartbeat: Duration,
    /// What the target's bytes are sent as; text must be UTF-8
    #[arg(long, value_enum, value_name = "TYPE", default_value = "binary")]
    send: Send,
    /// Refuse text messages of clients (close code 1003)
    #[arg(long)]
    refuse_text: bool,
    /// Copy all bytes through the program, also where the system could move them by itself
    #[arg(long)]
    no_splice: bool,
    /// When to connect to the target: after the handshake, a failure is close code 1011; before it,
    /// HTTP status 502 or 504
    #[arg(long, value_enum, value_name = "WHEN", default_value = "after-accept")]
    dial: TypedDial,

    #[arg(help = "Let pages of this origin connect, such as https://example.com; * for all. Repeatable", long, value_name = "ORIGIN", value_parser = config::allow_origin, help_heading = ACCESS)]
    allow_origin: Vec<AllowOrigin>,
    /// Be reachable under this host name; * for any. Repeatable
    #[arg(long, value_name = "HOST", value_parser = config::allow_host, help_heading = ACCESS)]
    allow_host: Vec<AllowHost>,
    /// Refuse clients without an Origin, which no browser is
    #[arg(long, help_heading = ACCESS)]
    require_origin: bool,

    /// Log requests for files too
    #[arg(short, long, help_heading = LOG)]
    verbose: bool,
    /// Append log lines to this file instead of standard error
    #[arg(long, value_name = "FILE", help_heading = LOG)]
    log_file: Option<PathBuf>,

    /// Seconds for the target's name and connection
    #[arg(long, value_name = "S", value_parser = seconds, default_value = default::CONNECT_TIMEOUT,
          help_heading = LIMITS)]
    connect_timeout: Duration,
    /// Seconds for a request head
    #[arg(long, value_name = "S", value_parser = seconds, default_value = default::HEADER_TIMEOUT,
          help_heading = LIMITS)]
    header_timeout: Duration,
    /// Seconds for the answer to a Close
    #[arg(long, value_name = "S", value_parser = seconds, default_value = default::CLOSE_TIMEOUT,
          help_heading = LIMITS)]
    close_timeout: Duration,
    /// Seconds that the target may still send after its client closed
    #[arg(long, value_name = "S", value_parser = seconds, default_value = default::LINGER,
          help_heading = LIMITS)]
    linger: Duration,
    /// Seconds that a side may take no byte at all; 0: for ever
    #[arg(long, value_name = "S", value_parser = seconds, default_value = default::WRITE_TIMEOUT,
          help_heading = LIMITS)]
    write_timeout: Duration,
    /// Seconds for open sessions when stopping
    #[arg(long, value_name = "S", value_parser = seconds, default_value = default::DRAIN_TIMEOUT,
          help_heading = LIMITS)]
    drain_timeout: Duration,
    /// The most connections at once [default: what the limit of open files allows]
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = LIMITS)]
    max_connections: Option<usize>,
    /// The most connections at once that are not sessions yet
    #[arg(long, value_name = "N", value_parser = at_least_one,
          default_value = default::MAX_HANDSHAKES, help_heading = LIMITS)]
    max_handshakes: usize,
}

const ACCESS: &str = "Who may connect (pages of the same host always may)";
const LOG: &str = "Log";
const LIMITS: &str = "Limits";

#[derive(Clone, Copy, ValueEnum)]
enum Send {
    Binary,
    Text,
}

#[derive(Clone, Copy, ValueEnum)]
enum TypedDial {
    AfterAccept,
    BeforeAccept,
}

/// Reads the command line. Help, version and wrong usage end the process here (status 0, 0, 2).
pub(crate) fn parse() -> Command {
    let typed = Typed::try_parse().unwrap_or_else(|error| plain_words(error).exit());
    match (typed.subcommand, typed.gate) {
        (Some(Other::Demo(demo)), _) => Command::Demo(demo),
        (Some(Other::Replay(replay)), _) => Command::Replay(replay),
        (None, Some(gate)) => Command::Gate(Box::new(gate.valid())),
        (None, None) => {
            let mut command = <Typed as clap::CommandFactory>::command();
            let missing = clap::error::ErrorKind::MissingRequiredArgument;
            command
                .error(
                    missing,
                    "give a port to listen on and a target, such as: wsferry 27016 localhost:5000",
                )
                .exit()
        }
    }
}

/// clap takes a third positional for the name of a subcommand, and says so.
fn plain_words(error: clap::Error) -> clap::Error {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    let conflict = error.kind() == ErrorKind::ArgumentConflict;
    match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(word)) if conflict => <Typed as clap::CommandFactory>::command()
            .error(
                ErrorKind::UnknownArgument,
                format!(
                    "unexpected argument '{word}': give one address to listen on and one target"
                ),
            ),
        _ => error,
    }
}

impl TypedGate {
    fn valid(self) -> Gate {
        let mut config = config::plain(self.listen, self.target);
        config.web = self.web.map(Files::Directory);
        config.run_once = self.run_once;
        config.auth.allow_origin = self.allow_origin;
        config.auth.allow_host = self.allow_host;
        config.auth.require_origin = self.require_origin;
        config.dial = match self.dial {
            TypedDial::AfterAccept => Dial::AfterAccept,
            TypedDial::BeforeAccept => Dial::BeforeAccept,
        };
        config.header_timeout = self.header_timeout;
        config.drain_timeout = self.drain_timeout;
        config.max_connections = self.max_connections;
        config.max_handshakes = self.max_handshakes;
        config.session.connect_timeout = self.connect_timeout;
        let relay = &mut config.session.relay;
        relay.keep_alive = keep_alive(self.heartbeat);
        relay.accept_text = !self.refuse_text;
        relay.send = match self.send {
            Send::Binary => Kind::Binary,
            Send::Text => Kind::Text,
        };
        relay.splice = !self.no_splice;
        relay.close_timeout = self.close_timeout;
        relay.linger = self.linger;
        relay.write_timeout = self.write_timeout;
        Gate { config, log: Log { verbose: self.verbose, file: self.log_file } }
    }
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().ok().filter(|&port| port != 0).ok_or_else(|| {
        format!("{text:?} is not a port: give a number from 1 to 65535, such as 27016")
    })
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&number| number > 0).ok_or_else(|| {
        format!("{text:?} is not a count: give a whole number from 1 up, such as 1000")
    })
}
