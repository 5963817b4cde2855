//! Tokens that say themselves where they lead (`--token-plugin JWTTokenApi`): JSON Web Tokens with
//! the claims `host` and `port`, believed if they are signed with the key of a file.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use thiserror::Error;

use super::pair;
use super::{LookUp, LookUpError, Token, TokenSource};
use crate::address::Address;
use crate::jose::{Key, KeyError};
use crate::net::{Stamp, open_file};

/// The most bytes of a key file that are read.
const MAX_SIZE: u64 = 64 * 1024;

/// Why a key file is of no use.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("the key file {path} cannot be read: {error}")]
    Read {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// There is no key in it.
    #[error("the key file {path} cannot be used: {error}")]
    Key {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        error: KeyError,
    },
}

/// Signed tokens.
#[derive(Debug)]
pub struct TokenJwt {
    file: Arc<KeyFile>,
}

impl TokenJwt {
    /// Signed tokens that are checked with the key in this file: PEM, a JWK, or a secret in
    /// base64url. It is read again when it has changed; as long as there is no good key in it, nobody
    /// is let in.
    ///
    /// # Errors
    /// The file cannot be read, or there is no key in it.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, KeyFileError> {
        let file = KeyFile { path: path.into(), read: Mutex::new(None) };
        file.key()?;
        Ok(Self { file: Arc::new(file) })
    }
}

impl TokenSource for TokenJwt {
    fn look_up<'a>(&'a self, token: &'a Token) -> LookUp<'a> {
        let (file, token) = (Arc::clone(&self.file), token.clone());
        Box::pin(async move {
            // It asks the file system, and opening an RSA envelope takes a millisecond.
            let looked_up = tokio::task::spawn_blocking(move || find(&file, &token)).await;
            looked_up.map_err(|error| LookUpError::Unavailable(error.to_string()))?
        })
    }
}

fn find(file: &KeyFile, token: &Token) -> Result<Address, LookUpError> {
    let key = file.key().map_err(|error| LookUpError::Unavailable(error.to_string()))?;
    let claims = key
        .claims(token.as_str(), SystemTime::now())
        .map_err(|flaw| LookUpError::Unknown(flaw.to_string()))?;
    pair::target(&claims).map_err(LookUpError::Unknown)
}

/// The file, and what was read of it.
#[derive(Debug)]
struct KeyFile {
    path: PathBuf,
    read: Mutex<Option<(Stamp, Arc<Key>)>>,
}

impl KeyFile {
    /// The key that is in the file now.
    fn key(&self) -> Result<Arc<Key>, KeyFileError> {
        let failed = |error| KeyFileError::Read { path: self.path.clone(), error };
        let stamp = Stamp::of(&self.path).map_err(failed)?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((read_at, key)) = &*read
            && *read_at == stamp
        {
            return Ok(Arc::clone(key));
        }
        *read = None;
        // The stamp is older than the contents: a change in between is seen at the next look-up.
        let (file, metadata) = open_file(&self.path).map_err(failed)?;
        let stamp = Stamp::new(&metadata);
        let mut contents = Vec::new();
        file.take(MAX_SIZE).read_to_end(&mut contents).map_err(failed)?;
        let key = Key::read(&contents)
            .map_err(|error| KeyFileError::Key { path: self.path.clone(), error })?;
        let key = Arc::new(key);
        *read = Some((stamp, Arc::clone(&key)));
        Ok(key)
    }
}
