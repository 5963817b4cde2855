//! `UnixDomainSocketDirectory`: the token is the name of a socket in a directory.

use std::path::{Path, PathBuf};

use super::{LookUp, LookUpError, Token, TokenSource, directory};
use crate::address::Address;
use crate::net::SocketFile;
use crate::sys::OffWorker;

/// A directory of sockets that are named by tokens.
#[derive(Debug)]
pub struct UnixDomainSocketDirectory {
    directory: PathBuf,
    file_system: OffWorker,
}

impl UnixDomainSocketDirectory {
    /// The sockets of a directory. It may come into being later.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), file_system: OffWorker::new(directory::DEADLINE) }
    }
}

impl TokenSource for UnixDomainSocketDirectory {
    fn look_up<'a>(&'a self, token: &'a Token) -> LookUp<'a> {
        let (directory, token) = (self.directory.clone(), token.clone());
        Box::pin(async move {
            let looking = self.file_system.run(move || find(&directory, token.as_str()));
            looking.await.map_err(|stuck| LookUpError::Unavailable(stuck.to_string()))?
        })
    }
}

fn find(directory: &Path, token: &str) -> Result<Address, LookUpError> {
    let found = directory::entry(directory, token)?;
    let root = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    let socket = SocketFile::new(&root, found).map(Address::UnixByToken);
    socket.ok_or_else(|| LookUpError::Unknown("its entry is not a socket".to_owned()))
}
