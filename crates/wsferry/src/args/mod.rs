//! What a person types. [`Typed`] is what clap reads, [`Command`] what the program uses.

mod aliases;
mod blanks;
mod called;
mod environment;
mod hints;
mod notes;
mod options;
mod own_port;
mod pairs;
mod replay;
mod shortened;
mod valid;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::builder::styling::Styles;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use wsferry_gateway::Settings;

use crate::log::Settings as Log;
use crate::process::Process;
use crate::process_name;
use called::Called;
use environment::Environment;
use options::TypedOptions;
pub(crate) use replay::Replay;

/// What to do.
pub(crate) enum Command {
    /// Run a gateway.
    Run(Box<Options>),
    /// Show the whole story in one process.
    Demo(Demo),
    /// Play a recording back.
    Replay(Replay),
}

/// A gateway to be run.
pub(crate) struct Options {
    pub(super) settings: Settings,
    pub(super) log: Log,
    pub(super) process: Process,
}

#[derive(Parser)]
#[command(
    name = "wsferry",
    version,
    about = "Lets a browser reach an ordinary TCP server: WebSocket in front, plain TCP behind.",
    after_help = "Examples:\n  \
        wsferry 27016 localhost:5000 --web ./public   a page and its TCP server\n  \
        wsferry 127.0.0.1:6080 vnc-host:5900          only for this machine\n  \
        wsferry 6080 --token-plugin TokenFile --token-source vnc.tokens\n  \
        wsferry demo                                  see it work\n\n\
        Called as websockify, or as wsferry websockify, it takes websockify's place.\n\
        Options can also come from the environment: WSFERRY_ALLOW_HOST=a,b is --allow-host a --allow-host b.\n\
        -h shows what is used most, --help everything.",
    override_usage = "wsferry [OPTIONS] [HOST:]PORT TARGET:PORT\n       \
                      wsferry [OPTIONS] [HOST:]PORT -- PROGRAM [ARGUMENTS]\n       \
                      wsferry demo [OPTIONS]\n       \
                      wsferry replay [OPTIONS] FILE [[HOST:]PORT]",
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
    options: TypedOptions,
}

/// The same in websockify's place: every word is an option or an address.
#[derive(Parser)]
#[command(
    name = "websockify",
    version,
    about = "wsferry in the place of websockify",
    override_usage = "websockify [options] [source_addr:]source_port [target_addr:target_port]\n       \
                      websockify [options] --token-plugin=CLASS [source_addr:]source_port\n       \
                      websockify [options] --unix-target=FILE [source_addr:]source_port\n       \
                      websockify [options] [source_addr:]source_port -- PROGRAM [ARGUMENTS]",
    infer_long_args = true,
    args_override_self = true, // of a repeated option the last one counts
    styles = Styles::plain(),
    max_term_width = 100
)]
struct TypedWebsockify {
    #[command(flatten)]
    options: TypedOptions,
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

/// Reads the command line. Help, version and wrong usage end the process here (status 0, 0, 2).
pub(crate) fn parse() -> Command {
    let mut words: Vec<OsString> = std::env::args_os().collect();
    let called = called(&mut words);
    match called {
        Called::Wsferry => {
            let command = in_two_columns(Typed::command(), &mut words);
            let (typed, environment) = read::<Typed>(&command, &words, called);
            match typed.subcommand {
                Some(Other::Demo(demo)) => Command::Demo(demo),
                Some(Other::Replay(replay)) => Command::Replay(replay),
                None => checked::<Typed>(typed.options, called, &environment),
            }
        }
        Called::Websockify => {
            process_name::set(c"websockify");
            // There is one help, as in websockify.
            let command = TypedWebsockify::command().mut_args(|arg| arg.hide_short_help(false));
            let words = blanks::left_out(&command, shortened::in_full(&command, words));
            let (typed, environment) = read::<TypedWebsockify>(&command, &words, called);
            checked::<TypedWebsockify>(typed.options, called, &environment)
        }
    }
}

/// Where `--help` is typed, a command that shows all options in two columns for it, as `-h` shows the
/// usual ones: clap's long form takes more than twice as many lines to say the same.
fn in_two_columns(command: clap::Command, words: &mut [OsString]) -> clap::Command {
    let mut typed = words.iter_mut().skip(1).take_while(|word| *word != "--");
    let Some(help) = typed.find(|word| *word == "--help") else { return command };
    *help = "-h".into();
    command.mut_args(|arg| arg.hide_short_help(false))
}

fn checked<T: CommandFactory>(
    typed: TypedOptions,
    called: Called,
    environment: &Environment,
) -> Command {
    match typed.valid(called) {
        Ok(options) => Command::Run(Box::new(options)),
        Err(misuse) => {
            let misuse = environment.explain(misuse);
            T::command().error(ErrorKind::ValueValidation, misuse).exit()
        }
    }
}

/// The words of the command line, the name that the program was called by first.
#[cfg(unix)]
pub(super) fn words() -> Vec<OsString> {
    let mut words = std::env::args_os().collect();
    called(&mut words);
    words
}

/// As what the program was called: by its name, or by its first argument, which then is the name.
fn called(words: &mut Vec<OsString>) -> Called {
    let name = words.first().map(Path::new).and_then(Path::file_stem);
    if name == Some(OsStr::new("websockify")) {
        return Called::Websockify;
    }
    if words.get(1).is_some_and(|word| word == "websockify") {
        words.remove(0);
        return Called::Websockify;
    }
    Called::Wsferry
}

/// What was typed, with what the environment adds to it.
fn read<T: CommandFactory + FromArgMatches>(
    command: &clap::Command,
    words: &[OsString],
    called: Called,
) -> (T, Environment) {
    let read = || {
        let mut matches = command.clone().try_get_matches_from(words)?;
        let environment = Environment::read(command, &matches, |name| std::env::var_os(name))?;
        if !environment.is_empty() {
            let read = command.clone().try_get_matches_from(environment.before(words.to_vec()));
            matches = read.map_err(|error| environment.name_in(error))?;
        }
        Ok((T::from_arg_matches_mut(&mut matches)?, environment))
    };
    read().unwrap_or_else(|error| plain_words::<T>(error, words, called).exit())
}

/// An error of clap in this program's words.
fn plain_words<T: CommandFactory>(
    mut error: clap::Error,
    words: &[OsString],
    called: Called,
) -> clap::Error {
    use clap::error::{ContextKind, ContextValue};
    // To give an option behind `--` is never what was meant: a program stands there.
    if let Some(ContextValue::StyledStrs(mut tips)) = error.remove(ContextKind::Suggested) {
        tips.retain(|tip| !tip.to_string().contains("as a value, use"));
        if !tips.is_empty() {
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
        }
    }
    let wrong = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(option))) => {
            let typed = words.iter().skip(1).map(|word| word.to_string_lossy().into_owned());
            let typed: Vec<_> = typed.collect();
            hints::for_command(&typed, called)
                .or_else(|| aliases::instead_of(option, words, called))
        }
        (ErrorKind::ValueValidation, Some(ContextValue::String(option))) => {
            let option = option.split([' ', '=']).next().unwrap_or_default();
            match error.get(ContextKind::InvalidValue) {
                Some(ContextValue::String(value)) => hints::for_value(option, value),
                _ => None,
            }
        }
        _ => None,
    };
    // clap takes a third positional for the name of a subcommand, and says so.
    let wrong = wrong.or_else(|| match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(word)) if error.kind() == ErrorKind::ArgumentConflict => Some(
            format!("unexpected argument '{word}': give one address to listen on and one target"),
        ),
        _ => None,
    });
    match wrong {
        Some(wrong) => T::command().error(ErrorKind::UnknownArgument, wrong),
        None => error,
    }
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().ok().filter(|&port| port != 0).ok_or_else(|| {
        format!("{text:?} is not a port: give a number from 1 to 65535, such as 27016")
    })
}
