//! A directory whose entries are named by tokens. No token leads out of it.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use super::LookUpError;
use crate::sys::{Beneath, open_beneath};

/// A token source that must be a directory and is none.
#[derive(Debug, Error)]
#[error(
    "the token source {path:?} is not a directory that can be read: {reason}. Create it, or give \
     --token-source the directory whose files are named by tokens"
)]
pub struct DirectoryError {
    path: PathBuf,
    reason: String,
}

/// Checks that there is a directory.
pub(super) fn check(path: &Path) -> Result<(), DirectoryError> {
    let reason = match std::fs::read_dir(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => "it is a file".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(DirectoryError { path: path.to_owned(), reason })
}

/// A look-up in the directory that takes longer has failed.
pub(super) const DEADLINE: Duration = Duration::from_secs(3);

/// The entry that a token names, open, links followed. Links may lead to other places of the
/// directory, as those of a Kubernetes volume do, but not out of it. It blocks.
///
/// # Errors
/// Unknown: the token is no plain name, or names nothing in here. Unavailable: there is no directory.
pub(super) fn entry(directory: &Path, token: &str) -> Result<Beneath, LookUpError> {
    if !is_plain_name(token) {
        return Err(LookUpError::Unknown("it is not a plain file name".to_owned()));
    }
    open_beneath(directory, Path::new(token)).map_err(|error| {
        if let Err(error) = std::fs::metadata(directory) {
            return LookUpError::Unavailable(format!("{}: {error}", directory.display()));
        }
        LookUpError::Unknown(match error.kind() {
            io::ErrorKind::NotFound => "the directory has no such entry".to_owned(),
            _ => format!("its entry cannot be opened: {error}"),
        })
    })
}

/// One name without any way to another place. Hidden files are not tokens: they are half-copied
/// files, or belong to somebody's editor.
fn is_plain_name(token: &str) -> bool {
    let mut parts = Path::new(token).components();
    let is_one = matches!(parts.next(), Some(Component::Normal(name)) if name == token);
    let has_stream = cfg!(windows) && token.contains(':'); // file:stream
    is_one && parts.next().is_none() && !token.starts_with('.') && !has_stream
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_name_is_one() {
        for name in ["a", "a.b", "vm 7", "a..b"] {
            assert!(is_plain_name(name), "{name:?}");
        }
        for name in [
            "",
            ".",
            "..",
            "/",
            "/etc/passwd",
            "../x",
            "a/..",
            "a/b",
            "a/",
            "./a",
            "a//",
            ".a",
            "...",
        ] {
            assert!(!is_plain_name(name), "{name:?}");
        }
        assert_eq!(is_plain_name("a\\b"), !cfg!(windows));
    }
}
