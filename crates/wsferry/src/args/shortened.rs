//! Options of websockify that were shortened, such as `--file` for `--file-only`. What websockify takes
//! for one of its own means that here too, whatever options there are beside them.

use std::ffi::OsString;

use clap::Command;

/// websockify's own options.
const WEBSOCKIFY: [&str; 37] = [
    "auth-plugin",
    "auth-source",
    "cafile",
    "cert",
    "daemon",
    "file-only",
    "heartbeat",
    "help",
    "host-token",
    "idle-timeout",
    "inetd",
    "key",
    "key-password",
    "legacy-syslog",
    "libserver",
    "log-file",
    "prefer-ipv6",
    "record",
    "run-once",
    "ssl-ciphers",
    "ssl-only",
    "ssl-target",
    "ssl-version",
    "syslog",
    "target-config",
    "timeout",
    "token-plugin",
    "token-source",
    "traffic",
    "unix-listen",
    "unix-listen-mode",
    "unix-target",
    "verbose",
    "verify-client",
    "web",
    "web-auth",
    "wrap-mode",
];

/// The words with such options in full. What stands behind `--` is somebody else's.
pub(super) fn in_full(command: &Command, words: Vec<OsString>) -> Vec<OsString> {
    let mut is_over = false;
    let in_full = |word: OsString| {
        is_over |= word == "--";
        let full = if is_over { None } else { word.to_str().and_then(|word| full(command, word)) };
        full.map_or(word, OsString::from)
    };
    words.into_iter().map(in_full).collect()
}

/// The option that a word means, with its value; `None` where it is none of websockify's, or is whole.
fn full(command: &Command, word: &str) -> Option<String> {
    let option = word.strip_prefix("--")?;
    let (name, value) = option.find('=').map_or((option, ""), |at| option.split_at(at));
    if name.is_empty() || command.get_arguments().any(|arg| arg.get_long() == Some(name)) {
        return None;
    }
    let mut meant = WEBSOCKIFY.iter().filter(|own| own.starts_with(name));
    match (meant.next(), meant.next()) {
        (Some(own), None) => Some(format!("--{own}{value}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_one_of_websockifys_stays_that() {
        let command = Command::new("websockify").args([
            clap::Arg::new("header").long("header"),
            clap::Arg::new("rate").long("file-min-rate"),
            clap::Arg::new("only").long("file-only"),
        ]);
        let given =
            ["websockify", "--file", "--heart=30", "--header", "a", "--ssl", "--", "--file"];
        let meant = [
            "websockify",
            "--file-only",
            "--heartbeat=30",
            "--header",
            "a",
            "--ssl",
            "--",
            "--file",
        ];
        assert_eq!(in_full(&command, given.map(OsString::from).to_vec()), meant);
    }
}
