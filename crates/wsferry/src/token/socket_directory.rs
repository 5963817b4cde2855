//! `UnixDomainSocketDirectory`: the token is the name of a socket in a directory.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use super::{LookUp, LookUpError, Token, TokenSource, directory};
use crate::address::Address;

/// A directory of sockets that are named by tokens.
#[derive(Debug)]
pub struct UnixDomainSocketDirectory {
    directory: PathBuf,
}

impl UnixDomainSocketDirectory {
    /// The sockets of a directory. It may come into being later.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }
}

impl TokenSource for UnixDomainSocketDirectory {
    fn look_up<'a>(&'a self, token: &'a Token) -> LookUp<'a> {
        let (directory, token) = (self.directory.clone(), token.clone());
        Box::pin(async move {
            let looking = tokio::task::spawn_blocking(move || find(&directory, token.as_str()));
            looking.await.map_err(|error| LookUpError::Unavailable(error.to_string()))?
        })
    }
}

fn find(directory: &Path, token: &str) -> Result<Address, LookUpError> {
    let path = directory::entry(directory, token)?;
    match std::fs::metadata(&path) {
        Ok(metadata) if is_socket(&metadata) => Ok(Address::UnixByToken(path)),
        _ => Err(LookUpError::Unknown("its entry is not a socket".to_owned())),
    }
}

#[cfg(unix)]
fn is_socket(metadata: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    metadata.file_type().is_socket()
}

/// Here sockets cannot be told from other files.
#[cfg(not(unix))]
fn is_socket(_metadata: &Metadata) -> bool {
    false
}
