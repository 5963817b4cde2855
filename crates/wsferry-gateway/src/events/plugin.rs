//! What happens with tokens and authentication. What is secret is in no event.

use std::path::Path;
use std::time::Duration;

use super::Shown;
use crate::client::ClientAddress;

/// Something that happened with tokens or authentication.
#[derive(Debug)]
pub enum PluginEvent<'a> {
    /// A token leads nowhere. The token itself is a secret.
    TokenRefused {
        /// Where the client comes from.
        client: ClientAddress,
        /// What is wrong with the token.
        why: &'a str,
    },
    /// A source of tokens could not be asked.
    TokenSourceFailed {
        /// Where the client comes from.
        client: ClientAddress,
        /// What was in the way.
        why: &'a str,
    },
    /// A line of a token file is of no use; the others are. What stands in it may be a secret.
    TokenLineIgnored {
        /// The file.
        file: &'a Path,
        /// The number of the line, from 1 up.
        line: usize,
        /// What is wrong with it.
        why: &'a str,
    },
    /// More such lines than are told one by one.
    TokenLinesIgnored {
        /// The file.
        file: &'a Path,
        /// How many more.
        more: usize,
    },
    /// A file of a token directory cannot be read; the others are.
    TokenFileIgnored {
        /// The file.
        file: &'a Path,
        /// What the system says.
        why: &'a str,
    },
    /// The token file cannot be read any more; what was read before stays in use.
    TokenFileKept {
        /// The file.
        file: &'a Path,
        /// What the system says.
        why: &'a str,
    },
    /// The file with the key of signed tokens has changed, and is no good; the old key stays in use.
    KeyKept {
        /// What is wrong with it.
        error: Shown<'a>,
    },
    /// What decides who may connect could not be asked.
    AuthSourceFailed {
        /// Where the client comes from.
        client: ClientAddress,
        /// What was in the way.
        why: &'a str,
    },
    /// A source is refused for a while, because its clients failed too often. Told once for each block.
    SourceBlocked {
        /// The source.
        source: Shown<'a>,
        /// How many failures led to it.
        failures: u16,
        /// For how long.
        duration: Duration,
    },
}
