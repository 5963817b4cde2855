//! `TokenFileName`: the token is the name of a file in a directory, and the file holds `host:port`.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::directory::{self, DirectoryError};
use super::line::{target_of, without_mark};
use super::{LookUp, LookUpError, Token, TokenSource, settled};
use crate::address::Address;
use crate::sys::OffWorker;

/// The maximum number of bytes of such a file.
const MAX_SIZE: u64 = 4096;

/// A directory of files that are named by tokens.
#[derive(Debug)]
pub struct TokenFileName {
    directory: PathBuf,
    file_system: OffWorker,
}

impl TokenFileName {
    /// The tokens of a directory.
    ///
    /// # Errors
    /// There is no such directory.
    pub fn new(directory: impl Into<PathBuf>) -> Result<Self, DirectoryError> {
        let directory = directory.into();
        directory::check(&directory)?;
        Ok(Self { directory, file_system: OffWorker::new(directory::DEADLINE) })
    }
}

impl TokenSource for TokenFileName {
    fn look_up<'a>(&'a self, token: &'a Token) -> LookUp<'a> {
        let (directory, token) = (self.directory.clone(), token.clone());
        Box::pin(async move {
            let reading = self.file_system.run(move || read(&directory, token.as_str()));
            reading.await.map_err(|stuck| LookUpError::Unavailable(stuck.to_string()))?
        })
    }
}

fn read(directory: &Path, token: &str) -> Result<Address, LookUpError> {
    let unknown = |why: String| LookUpError::Unknown(why);
    let until = Instant::now() + settled::PATIENCE;
    // A line that ends is whole, however fresh the file is.
    let open = || {
        directory::entry(directory, token).and_then(|found| match &found.metadata {
            metadata if metadata.is_file() => Ok((found.file, found.metadata)),
            _ => Err(unknown("its entry is not an ordinary file".to_owned())),
        })
    };
    let failed = |error: io::Error| unknown(format!("its file cannot be read: {error}"));
    let is_whole = |bytes: &[u8]| bytes.ends_with(b"\n");
    let contents = settled::read(open, failed, MAX_SIZE, until, is_whole)?;
    if contents.stamp.is_none() && !contents.bytes.ends_with(b"\n") {
        return Err(unknown("its file is still being written".to_owned()));
    }
    let text = std::str::from_utf8(without_mark(&contents.bytes)).ok();
    text.and_then(|text| target_of(text.trim())).ok_or_else(|| {
        unknown(
            "its file does not hold a target: write host:port, [IPv6 address]:port or \
             unix_socket:/path"
                .to_owned(),
        )
    })
}
