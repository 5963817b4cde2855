//! Tokens that carry their target (`--token-plugin JWTTokenApi`): JSON Web Tokens with
//! the claims `host` and `port`, believed if they are signed with the key of a file.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use thiserror::Error;

use super::pair;
use super::{LookUp, LookUpError, Looking, Token, TokenSource};
use crate::address::Address;
use crate::error::StartError;
use crate::events::{Events, PluginEvent, Shown};
use crate::sys::{OffWorker, Watched, open_file};
use crate::timeouts;
use crate::token::jose::{Key, KeyError};

/// The maximum number of bytes of a key file.
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

/// The source of the tokens that this key file vouches for.
pub(super) fn source(path: PathBuf, events: &Events) -> Result<Arc<dyn TokenSource>, StartError> {
    let source = TokenJwt::open(path).map_err(StartError::setting)?;
    Ok(Arc::new(source.with_events(events)))
}

/// Signed tokens.
#[derive(Debug)]
pub struct TokenJwt {
    file: Arc<KeyFile>,
    file_system: OffWorker,
    events: Events,
}

impl TokenJwt {
    /// Signed tokens that are checked with the key in this file: PEM, a JWK, or a secret in
    /// base64url. It is read again when it has changed; while there is no good key in it the old one
    /// stays.
    ///
    /// # Errors
    /// The file cannot be read, or there is no key in it.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, KeyFileError> {
        let file = Arc::new(KeyFile::open(path.into())?);
        Ok(Self {
            file,
            file_system: OffWorker::new(timeouts::KEY_LOOK_UP),
            events: Events::default(),
        })
    }

    /// Tells these what is wrong with a file that has changed.
    #[must_use]
    pub fn with_events(self, events: &Events) -> Self {
        Self { events: events.clone(), ..self }
    }
}

impl TokenSource for TokenJwt {
    fn look_up<'a>(&'a self, token: &'a Token) -> LookUp<'a> {
        let (file, token) = (Arc::clone(&self.file), token.clone());
        let events = self.events.clone();
        Box::pin(async move {
            // It asks the file system, and opening an RSA envelope takes a millisecond.
            let looked_up = self.file_system.run(move || find(&file, &token, &events)).await;
            looked_up.map_err(|stuck| LookUpError::Unavailable(stuck.to_string()))?
        })
    }

    fn look(&self) -> Looking<'_> {
        let (file, events) = (Arc::clone(&self.file), self.events.clone());
        Box::pin(async move {
            // What does not answer is told at a look-up.
            let _ = self.file_system.run(move || drop(file.key(&events))).await;
        })
    }
}

fn find(file: &KeyFile, token: &Token, events: &Events) -> Result<Address, LookUpError> {
    let claims = file
        .key(events)
        .claims(token.as_str(), SystemTime::now())
        .map_err(|flaw| LookUpError::Unknown(flaw.to_string()))?;
    pair::target(&claims).map_err(LookUpError::Unknown)
}

/// The file, and the key that was read of it.
#[derive(Debug)]
struct KeyFile {
    path: PathBuf,
    key: Watched<Key>,
}

impl KeyFile {
    fn open(path: PathBuf) -> Result<Self, KeyFileError> {
        let key = Watched::open(vec![path.clone()], || read(&path))?;
        Ok(Self { path, key })
    }

    /// The key that is in the file now, or the last good one.
    fn key(&self, events: &Events) -> Arc<Key> {
        if let Some(Err(error)) = self.key.look(|| read(&self.path)) {
            events.tell(PluginEvent::KeyKept { error: Shown(&error) });
        }
        self.key.current()
    }
}

fn read(path: &Path) -> Result<Key, KeyFileError> {
    let failed = |error| KeyFileError::Read { path: path.to_owned(), error };
    let (file, _) = open_file(path).map_err(failed)?;
    let mut contents = Vec::new();
    file.take(MAX_SIZE).read_to_end(&mut contents).map_err(failed)?;
    Key::read(&contents).map_err(|error| KeyFileError::Key { path: path.to_owned(), error })
}
