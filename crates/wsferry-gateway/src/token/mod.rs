//! Tokens: a client names its target by a word that a source knows, so that one gateway serves many
//! targets and no client reaches any other.
//!
//! A source is one file or folder here; one that a build may leave out has a stub beside it, which
//! refuses. Adding one: its file, a line in `config/plugin.rs`, a variant of
//! [`Settings`], a test.

mod current;
mod directory;
mod file;
mod file_name;
pub mod http;
#[cfg(feature = "jwt")]
pub mod jose;
#[cfg(feature = "jwt")]
pub mod jwt;
#[cfg(not(feature = "jwt"))]
#[path = "jwt_off.rs"]
mod jwt;
mod line;
mod list;
mod pair;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(not(feature = "redis"))]
#[path = "redis_off.rs"]
pub mod redis;
mod scan;
mod settled;
mod socket_directory;

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use thiserror::Error;

pub use directory::DirectoryError;
pub use file::{ReadOnlyTokenFile, TokenFile};
pub use file_name::TokenFileName;
pub use socket_directory::UnixDomainSocketDirectory;

use crate::address::Address;
use crate::error::StartError;
use crate::events::Events;
use crate::net::{HttpClient, Redirects, Resolver};

/// The maximum number of bytes of a token; a longer one is unknown. Signed tokens are the longest.
pub const MAX_LENGTH: usize = 8 * 1024;

/// A word that a client gave. It is a secret: its text is never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token as it stands in a request; the last line break is not part of it. `None` for what no
    /// source could know: nothing at all, more than [`MAX_LENGTH`] bytes, or a NUL.
    pub fn new(text: &str) -> Option<Self> {
        let text =
            text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
        let is_good = !text.is_empty() && text.len() <= MAX_LENGTH && !text.contains('\0');
        is_good.then(|| Self(text.to_owned()))
    }

    /// The secret itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Why a token leads nowhere.
#[derive(Debug, Error)]
pub enum LookUpError {
    /// The source does not know it. The reason is for the log only: all clients get the same answer.
    #[error("unknown token: {0}")]
    Unknown(String),
    /// The source cannot be asked: nobody is let in, and the client may try again.
    #[error("the token source is unavailable: {0}")]
    Unavailable(String),
}

/// The outcome of a look-up, later.
pub type LookUp<'a> = Pin<Box<dyn Future<Output = Result<Address, LookUpError>> + Send + 'a>>;

/// Work of a source without a result for its caller.
pub type Looking<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Where tokens lead.
pub trait TokenSource: fmt::Debug + Send + Sync {
    /// The target of a token.
    fn look_up<'a>(&'a self, token: &'a Token) -> LookUp<'a>;

    /// What can be done before the first client comes. It cannot fail: a look-up will tell.
    /// And what can be done when the operator says that something has changed.
    fn prepare(&self) -> Looking<'_> {
        self.look()
    }

    /// Looks at what changes seldom and is cheap to look at, so that it is noticed before the next
    /// client comes. It is called about once a second.
    fn look(&self) -> Looking<'_> {
        Box::pin(std::future::ready(()))
    }
}

/// Which source, and where it knows its tokens from.
#[derive(Clone, Debug)]
pub enum Settings {
    /// A file of tokens, or a directory of such files.
    File(PathBuf),
    /// The same, read once.
    ReadOnlyFile(PathBuf),
    /// A directory of files that are named by their tokens.
    FileName(PathBuf),
    /// A directory of Unix sockets that are named by their tokens.
    Sockets(PathBuf),
    /// A file with the key of signed tokens.
    Jwt(PathBuf),
    /// A web service.
    Http(http::UrlPattern, http::Format),
    /// A Redis server.
    Redis(redis::Settings),
}

impl Settings {
    /// Makes it ready.
    ///
    /// # Errors
    /// What it names cannot be used.
    pub fn open(
        self,
        resolver: &Resolver,
        events: &Events,
    ) -> Result<Arc<dyn TokenSource>, StartError> {
        Ok(match self {
            Self::File(path) => Arc::new(TokenFile::with_events(existing(path)?, events)),
            Self::ReadOnlyFile(path) => {
                Arc::new(ReadOnlyTokenFile::with_events(existing(path)?, events))
            }
            Self::FileName(path) => {
                Arc::new(TokenFileName::new(path).map_err(StartError::setting)?)
            }
            Self::Sockets(path) => Arc::new(UnixDomainSocketDirectory::new(path)),
            Self::Jwt(path) => jwt::source(path, events)?,
            Self::Http(pattern, format) => {
                let client = HttpClient::open(Redirects::SameOrigin, resolver);
                let client = client.map_err(StartError::setting)?;
                Arc::new(http::TokenHttp::new(client, pattern, format))
            }
            Self::Redis(settings) => redis::source(settings, resolver)?,
        })
    }
}

/// A source that is not there is told at the start. Later it may vanish and come again.
fn existing(path: PathBuf) -> Result<PathBuf, StartError> {
    match std::fs::metadata(&path) {
        Ok(metadata) if !metadata.is_file() && !metadata.is_dir() => {
            let source = std::io::Error::other("it is neither a file nor a directory");
            Err(StartError::TokenSource { path, source })
        }
        Ok(_) => Ok(path),
        Err(source) => Err(StartError::TokenSource { path, source }),
    }
}
