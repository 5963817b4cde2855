//! Options that other programs have and this one has not: what to type instead.

use std::ffi::OsString;

use wsferry_gateway::config::{self, ListenAddress};

use super::called::{Called, Misuse};
use super::hints::command_line;

/// Options that stand for the address to listen on, or a part of it.
const LISTEN: [&str; 12] = [
    "--port",
    "-p",
    "--listen",
    "-l",
    "--bind",
    "-b",
    "--host",
    "--addr",
    "--address",
    "--source",
    "--listen-port",
    "--listen-host",
];

/// Options that stand for the target, or a part of it.
const TARGET: [&str; 14] = [
    "--target",
    "-t",
    "--server",
    "--remote",
    "--backend",
    "--upstream",
    "--to",
    "--dest",
    "--destination",
    "--forward",
    "--connect",
    "--tcp",
    "--target-host",
    "--target-port",
];

/// Other names of options.
const OPTIONS: [(&[&str], &str); 13] = [
    (
        &["--dir", "--directory", "--root", "--static", "--public", "--www", "--docroot"],
        "--web DIR",
    ),
    (&["--tls", "--ssl", "--certificate", "--certfile", "--ssl-cert", "--tls-cert"], "--cert FILE"),
    (&["--keyfile", "--private-key", "--ssl-key", "--tls-key"], "--key FILE"),
    (&["--cors", "--origin", "--origins", "--allowed-origins"], "--allow-origin ORIGIN"),
    (&["--allowed-hosts", "--allow-hosts", "--hostname"], "--allow-host HOST"),
    (
        &["--password", "--user", "--auth", "--basic-auth"],
        "--auth-plugin BasicHTTPAuth --auth-source USER:PASSWORD",
    ),
    (&["--log", "--logfile"], "--log-file FILE"),
    (&["--background", "--fork"], "--daemon"),
    (&["--debug"], "--verbose"),
    (&["--exec", "--program", "--command", "--cmd"], "-- PROGRAM"),
    (&["--ping", "--ping-interval", "--keepalive", "--keep-alive"], "--heartbeat S"),
    (&["--insecure", "-k"], "--ssl-target-insecure"),
    (&["--tokens", "--token-file"], "--token-plugin TokenFile --token-source FILE"),
];

/// A sentence about an option that there is not.
pub(super) fn instead_of(option: &str, words: &[OsString], called: Called) -> Option<Misuse> {
    if LISTEN.contains(&option) || TARGET.contains(&option) {
        let line = addresses(words)
            .unwrap_or_else(|| vec!["27016".to_owned(), "localhost:5000".to_owned()]);
        return Some(format!(
            "there is no option '{option}': the address to listen on and the target are given \
             without one. Did you mean: {}",
            command_line(called, &line)
        ));
    }
    let (_, instead) = OPTIONS.iter().find(|(names, _)| names.contains(&option))?;
    Some(format!("there is no option '{option}'. Did you mean: {instead}"))
}

/// The two addresses, where nothing but they was given.
fn addresses(words: &[OsString]) -> Option<Vec<String>> {
    let (mut listen, mut target, mut rest) = (Parts::default(), Parts::default(), Vec::new());
    let mut words = words.iter().skip(1);
    while let Some(word) = words.next() {
        let word = word.to_str()?;
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let parts = match name {
            _ if LISTEN.contains(&name) => &mut listen,
            _ if TARGET.contains(&name) => &mut target,
            _ if name.starts_with('-') => return None,
            _ => {
                rest.push(word.to_owned());
                continue;
            }
        };
        parts.add(value.or_else(|| words.next()?.to_str())?);
    }
    let mut rest = rest.into_iter();
    let listen = listen.whole().or_else(|| rest.next())?;
    let target = target.whole().or_else(|| rest.next())?;
    let is_good = listen.parse::<ListenAddress>().is_ok() && config::target(&target).is_ok();
    (is_good && rest.next().is_none()).then(|| vec![listen, target])
}

/// A host and a port that may come by one option or by two.
#[derive(Default)]
struct Parts {
    host: Option<String>,
    port: Option<String>,
    both: Option<String>,
}

impl Parts {
    fn add(&mut self, value: &str) {
        let part = match value {
            _ if value.parse::<u16>().is_ok() => &mut self.port,
            _ if value.contains(':') => &mut self.both,
            _ => &mut self.host,
        };
        *part = Some(value.to_owned());
    }

    fn whole(self) -> Option<String> {
        match (self.both, self.host, self.port) {
            (Some(both), ..) => Some(both),
            (None, Some(host), Some(port)) => Some(format!("{host}:{port}")),
            (None, None, port) => port,
            (None, Some(_), None) => None,
        }
    }
}
