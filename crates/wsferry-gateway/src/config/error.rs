//! What is wrong with settings that are good each by itself.

use thiserror::Error;

/// How settings were written: their names are shown as they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As options: `--token-plugin`.
    Options,
    /// As keys: `token-plugin`.
    Keys,
}

impl Spelling {
    /// A setting's name.
    pub(super) fn of(self, name: &str) -> String {
        match self {
            Self::Options => format!("--{name}"),
            Self::Keys => name.to_owned(),
        }
    }
}

/// What does not belong together, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ConfigError(pub(super) String);
