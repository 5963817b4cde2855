//! What a person probably wanted who typed addresses that are none: a sentence with a command line
//! that works, where one can be told.

use std::fs;
use std::path::Path;

use wsferry_gateway::address::Address;
use wsferry_gateway::config::{self, ListenAddress};
use wsferry_proto::HostName;

use super::called::{Called, Misuse};

/// What the words without an option are to name.
#[derive(Clone, Copy)]
pub(super) struct Expected {
    /// Where to listen.
    pub(super) listen: bool,
    /// Where sessions lead.
    pub(super) target: bool,
}

/// A better sentence about words that are no good.
pub(super) fn for_addresses(
    words: &[String],
    expected: Expected,
    called: Called,
) -> Option<Misuse> {
    if let Some(misuse) = for_command(words, called) {
        return Some(misuse);
    }
    let better = |wrong: &str, lines: &[Vec<String>]| did_you_mean(wrong, lines, called);
    if let Some(port) = words.iter().find_map(|word| too_large_a_port(word)) {
        return Some(format!(
            "{port:?} is not a port: give a number from 1 to 65535, such as 27016"
        ));
    }
    if let Some(at) = words.iter().position(|word| !is_address(word) && is_path(word)) {
        return Some(match with_path(words, at, expected) {
            Some(line) => better(&format!("{:?} is not an address", words[at]), &[line]),
            None => format!(
                "{:?} is not an address, a directory or a program. A directory is served with --web \
                 DIR, a program is started with -- PROGRAM",
                words[at]
            ),
        });
    }
    let mut lines = readings(words, expected);
    lines.retain(|line| line != words); // something else is wrong
    (!lines.is_empty()).then(|| better(&wrong(words, expected), &lines))
}

/// A sentence about words that begin almost as a command does.
pub(super) fn for_command(words: &[String], called: Called) -> Option<Misuse> {
    let (first, rest) = words.split_first().filter(|_| called == Called::Wsferry)?;
    // Options stay out of it: a password may be one.
    let plain = rest.iter().take_while(|word| !word.starts_with('-')).cloned();
    let line: Vec<_> = std::iter::once(command_like(first)?.to_owned()).chain(plain).collect();
    Some(did_you_mean(&format!("{first:?} is neither an address nor a command"), &[line], called))
}

fn did_you_mean(wrong: &str, lines: &[Vec<String>], called: Called) -> Misuse {
    let lines: Vec<_> = lines.iter().map(|words| command_line(called, words)).collect();
    format!("{wrong}. Did you mean: {}", lines.join(", or: "))
}

/// A sentence about an origin or a host that has more to it, or less. `option` is its name, or that of
/// its variable.
pub(super) fn for_value(option: &str, value: &str) -> Option<Misuse> {
    let (scheme, rest) = value.split_once("://").unwrap_or(("", value));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (what, meant) = match option {
        "--allow-origin" | "WSFERRY_ALLOW_ORIGIN" => {
            let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
            let is_here = host.parse().is_ok_and(|host| is_here(&host));
            let usual = if is_here { "http" } else { "https" };
            let origin =
                format!("{}://{authority}", if scheme.is_empty() { usual } else { scheme });
            let is_good = config::allow_origin(&origin).is_ok();
            let what = "an origin: a scheme, a host and perhaps a port, without a path";
            (what, Some(origin).filter(|_| is_good))
        }
        "--allow-host" | "WSFERRY_ALLOW_HOST" => {
            let host = match authority.rsplit_once(':') {
                Some((host, port)) if !port.ends_with(']') => host,
                _ => authority,
            };
            let is_good = config::allow_host(host).is_ok();
            ("the name of a host, without a port", Some(host.to_owned()).filter(|_| is_good))
        }
        _ => return None,
    };
    Some(format!("{value:?} is not {what}. Did you mean: {option} {}", meant?))
}

/// `wsferry` and words, as a shell takes them.
pub(super) fn command_line(called: Called, words: &[String]) -> String {
    let name = match called {
        Called::Wsferry => "wsferry",
        Called::Websockify => "websockify",
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,[]*~".contains(&byte);
    let quoted = words.iter().map(|word| match word.bytes().all(is_plain) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', "'\\''").escape_debug()),
    });
    std::iter::once(name.to_owned()).chain(quoted).collect::<Vec<_>>().join(" ")
}

/// What is wrong, without what was expected.
fn wrong(words: &[String], expected: Expected) -> String {
    let mut words = words.iter();
    if expected.listen
        && let Some(word) = words.next()
        && !is_listen(word)
    {
        return format!("{word:?} is not an address to listen on");
    }
    if expected.target
        && let Some(word) = words.next()
        && !is_target(word)
    {
        return format!("{word:?} is not a target");
    }
    match words.next() {
        Some(word) => format!("unexpected argument '{word}'"),
        None => "too few arguments".to_owned(),
    }
}

fn is_listen(word: &str) -> bool {
    word.parse::<ListenAddress>().is_ok()
}

fn is_target(word: &str) -> bool {
    config::target(word).is_ok()
}

fn is_address(word: &str) -> bool {
    is_listen(word) || is_target(word)
}

/// The command whose name was meant, if it was not written quite right.
fn command_like(word: &str) -> Option<&'static str> {
    let commands = ["demo", "replay", "websockify"];
    match word {
        "help" => return Some("--help"),
        "version" => return Some("--version"),
        _ => {}
    }
    commands.into_iter().find(|command| {
        *command != word
            && !is_address(word)
            && strsim::damerau_levenshtein(command, &word.to_ascii_lowercase()) <= 2
            && word.len() > 2
    })
}

fn too_large_a_port(word: &str) -> Option<&str> {
    let word = word.trim_end_matches('/');
    let port = word.rsplit_once(':').map_or(word, |(_, port)| port);
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && port.parse::<u16>().is_err()).then_some(port)
}

fn is_path(word: &str) -> bool {
    let is_url = is_target(&without_scheme(word));
    let looks_like_one =
        word.contains('/') && !word.contains("://") && !word.contains(":/") && !is_url;
    looks_like_one || Path::new(word).exists()
}

/// A command line with a path in its right place.
fn with_path(words: &[String], at: usize, expected: Expected) -> Option<Vec<String>> {
    let path = &words[at];
    let about = fs::metadata(path).ok()?;
    let mut others = words.to_vec();
    others.remove(at);
    let option = |name: &str, value: &str| vec![name.to_owned(), value.to_owned()];
    if about.is_dir() {
        if expected.listen && !others.first().is_some_and(|word| is_listen(word)) {
            others.insert(0, "27016".to_owned());
        }
        if expected.target && others.len() <= usize::from(expected.listen) {
            others.push("localhost:5000".to_owned());
        }
        return Some([others, option("--web", path)].concat());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::{FileTypeExt, PermissionsExt};
        if about.file_type().is_socket() {
            let is_listener = expected.listen && at == 0 && words.len() > 1;
            let name = if is_listener { "--unix-listen" } else { "--unix-target" };
            return Some([others, option(name, path)].concat());
        }
        if about.is_file() && about.permissions().mode() & 0o111 != 0 {
            let port = words[..at].iter().find(|word| is_listen(word));
            let port = port.cloned().unwrap_or_else(|| "27016".to_owned());
            // One without a slash would be looked for in PATH.
            let program = if path.contains('/') { path.clone() } else { format!("./{path}") };
            let program = [&[port, "--".to_owned(), program], &words[at + 1..]].concat();
            return Some(program);
        }
    }
    None
}

/// The ways to read the words as one address to listen on and one target, the likely one first.
fn readings(words: &[String], expected: Expected) -> Vec<Vec<String>> {
    let words: Vec<_> = words.iter().map(|word| without_scheme(word)).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let here = |port: &str| format!("localhost:{port}");
    let is_port = |word: &str| word.parse::<u16>().is_ok_and(|port| port != 0);
    let mut readings: Vec<Vec<String>> = Vec::new();
    let mut read = |listen: &str, target: &str| {
        if is_listen(listen) && is_target(target) {
            readings.push(vec![listen.to_owned(), target.to_owned()]);
        }
    };
    match (expected.listen, expected.target, &words[..]) {
        (true, true, [listen, "echo"]) => read(listen, "echo:"),
        // The program's own name, or what other programs do.
        (true, true, ["wsferry" | "websockify" | "run" | "serve" | "start", listen, target]) => {
            read(listen, target);
        }
        (true, true, [target]) if !is_port(target) && is_target(target) => {
            read("27016", target);
        }
        (true, true, [one, port]) if is_port(port) => {
            let host = one.parse::<Address>().ok().and_then(|address| match address {
                Address::Tcp { host, .. } => Some(host),
                _ => None,
            });
            if host.is_some() || !is_listen(one) {
                read(port, one);
            }
            if host.is_none_or(|host| is_here(&host)) {
                read(one, &here(port));
            }
        }
        (true, true, [one, other]) => {
            read(one, other);
            if !is_listen(one) {
                read(other, one);
            }
        }
        // As ssh -L takes them.
        (true, true, [word]) => {
            if let Some((port, target)) = word.split_once(':').filter(|(port, _)| is_port(port)) {
                read(port, target);
            }
        }
        (true, true, [one, two, three]) => {
            read(one, &format!("{two}:{three}"));
            if is_port(one) {
                read(one, three); // a number is no host
            } else {
                read(&format!("{one}:{two}"), three);
            }
        }
        (true, true, [one, two, three, four]) => {
            read(&format!("{one}:{two}"), &format!("{three}:{four}"));
        }
        (true, false, [word]) if is_listen(word) => readings.push(vec![(*word).to_owned()]),
        (false, true, [port]) if is_port(port) => readings.push(vec![here(port)]),
        (false, true, ["echo"]) => readings.push(vec!["echo:".to_owned()]),
        (false, true, [word]) if is_target(word) => readings.push(vec![(*word).to_owned()]),
        _ => {}
    }
    readings
}

/// Whether a gateway may be meant to listen there.
fn is_here(host: &HostName) -> bool {
    match host {
        HostName::Address(address) => address.is_unspecified() || address.is_loopback(),
        HostName::Name(_) => host.is_loopback(),
    }
}

/// `ws://localhost:5000/`, `tcp:localhost:5000` → `localhost:5000`.
fn without_scheme(word: &str) -> String {
    let lower = word.to_ascii_lowercase();
    if lower.starts_with("unix:") {
        return format!("unix_socket:{}", word[5..].trim_start_matches("//"));
    }
    if lower.starts_with("tcp:") && !word.contains("://") && is_target(&word[4..]) {
        return word[4..].to_owned();
    }
    let Some((scheme, rest)) = word.split_once("://") else {
        // `//localhost:5000/path` is a URL without its scheme.
        let bare = word.trim_start_matches("//");
        let authority = bare.split(['/', '?']).next().unwrap_or_default();
        return if is_target(authority) { authority.to_owned() } else { word.to_owned() };
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let port = match &*scheme.to_ascii_lowercase() {
        "http" | "ws" => 80,
        "https" | "wss" => 443,
        _ => return authority.to_owned(),
    };
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    if has_port { authority.to_owned() } else { format!("{authority}:{port}") }
}
