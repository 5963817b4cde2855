//! Options with nothing as their value, which websockify takes as not given: scripts write
//! `--web="$DIR"` with a variable that is not set.

use std::any::TypeId;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Command};
use wsferry_gateway::tls::{Ciphers, Password};

/// The words without such options. What stands behind `--` is somebody else's.
pub(super) fn left_out(command: &Command, words: Vec<OsString>) -> Vec<OsString> {
    let mut left = Vec::with_capacity(words.len());
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        if word == "--" {
            left.push(word);
            left.extend(words);
            break;
        }
        match word.to_str().and_then(|word| word.strip_prefix("--")) {
            Some(option)
                if option.strip_suffix('=').is_some_and(|name| takes_text(command, name)) => {}
            Some(name) if takes_text(command, name) => {
                match words.next_if(|next| next.is_empty()) {
                    Some(_) => {}
                    None => left.extend([Some(word), words.next()].into_iter().flatten()),
                }
            }
            _ => left.push(word),
        }
    }
    left
}

/// Whether an option, whose name may be shortened, takes any text.
fn takes_text(command: &Command, name: &str) -> bool {
    let options = || command.get_arguments().filter_map(|arg| Some((arg.get_long()?, arg)));
    let mut meant = options().filter(|(long, _)| *long == name);
    let mut alike = options().filter(|(long, _)| long.starts_with(name));
    let ((Some((_, arg)), ..) | (None, Some((_, arg)), None)) =
        (meant.next(), alike.next(), alike.next())
    else {
        return false;
    };
    let text = [
        TypeId::of::<PathBuf>(),
        TypeId::of::<String>(),
        TypeId::of::<Ciphers>(),
        TypeId::of::<Password>(),
    ];
    let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    takes_value && text.iter().any(|&text| arg.get_value_parser().type_id() == text)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::TypedWebsockify;
    use super::left_out;

    #[test]
    fn only_options_that_take_text_are_left_out_with_nothing() {
        let cases: [(&[&str], &[&str]); 7] = [
            (&["w", "--web=", "1", "a:1"], &["w", "1", "a:1"]),
            (&["w", "--cert", "", "1", "a:1"], &["w", "1", "a:1"]),
            (&["w", "--rec=", "--ssl-ci="], &["w"]),
            (&["w", "--heartbeat="], &["w", "--heartbeat="]),
            (&["w", "--token-="], &["w", "--token-="]),
            (&["w", "--web", "--cert=", "1"], &["w", "--web", "--cert=", "1"]),
            (&["w", "1", "--", "true", "--web="], &["w", "1", "--", "true", "--web="]),
        ];
        for (typed, left) in cases {
            let words = typed.iter().map(Into::into).collect();
            assert_eq!(left_out(&TypedWebsockify::command(), words), left, "{typed:?}");
        }
    }
}
