//! Where log lines go, and how they look.

mod certificate;
mod door;
mod escaped;
mod events;
mod file;
mod gateway;
mod plugin;
mod program;
mod session;
mod settings;

use std::io::IsTerminal;

use anyhow::{Context, Result};
use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self, FormatFields, format};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub(crate) use events::to_log;
use file::LogFile;
pub(crate) use settings::Settings;

use crate::output::{self, Output};

/// `message name=value name=value`, as the library writes it without colours.
fn plain_fields() -> impl for<'w> FormatFields<'w> + Send + Sync + 'static {
    let fields = format::debug_fn(|writer, field, value| match field.name() {
        "message" => write!(writer, "{value:?}"),
        name => write!(writer, "{name}={value:?}"),
    });
    fields.delimited(" ")
}

/// Whether a person looks at standard error, and has nothing against colours
/// (<https://no-color.org>).
fn wants_colours() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stderr().is_terminal() && !refused
}

/// Begins logging: to a file, or to standard error; and to a syslog server. May wait for a disk or a
/// resolver.
pub(crate) fn init(log: &Settings) -> Result<()> {
    let level = if log.verbose { Level::DEBUG } else { Level::INFO };
    let (output, colours) = match &log.file {
        None => (output::stderr().clone(), wants_colours()),
        Some(path) => {
            let file = LogFile::open(path).with_context(|| {
                format!("cannot write the log file {path:?}; choose one in a directory that exists")
            })?;
            (Output::start("log", file), false)
        }
    };
    // Libraries have lines of their own, and do not know what is a secret here.
    let filter = Targets::new().with_target("wsferry", level);
    let lines = fmt::layer().with_target(false).with_writer(output).with_ansi(colours);
    // The library's own way asks for the colour of each name and each `=`, also where there is none:
    // a fifth of what the program itself does for a short session.
    let lines = if colours { lines.boxed() } else { lines.fmt_fields(plain_fields()).boxed() };
    let lines = tracing_subscriber::registry().with(filter).with(lines);
    match &log.syslog {
        None => lines.init(),
        Some(syslog) => {
            // Time and level are in the datagram's own header.
            let sent = fmt::layer().with_target(false).with_ansi(false).without_time();
            let sent = sent.with_level(false);
            let sent = sent.with_writer(Output::start("syslog", syslog.open(log.is_daemon)?));
            lines.with(sent).init();
        }
    }
    // A panic ends its own session only, and is a line like every other.
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "a task failed")));
    Ok(())
}
