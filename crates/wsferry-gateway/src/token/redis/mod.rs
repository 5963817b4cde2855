//! Tokens in Redis (`--token-plugin TokenRedis`): the key is `namespace:token`, the value
//! `host:port`, or JSON `{"host": "host:port"}`.
//!
//! All look-ups share one connection. A Redis that is down, slow or not itself lets nobody in; the
//! gateway starts without it and finds it again.

mod client;
mod connection;
mod link;
mod names;
mod settings;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use redis::RedisError;
use serde_json::Value;
use thiserror::Error;
use tokio::time::timeout;

use super::line::{target_of, without_mark};
use super::{LookUp, LookUpError, Token, TokenSource};
use crate::address::Address;
use crate::error::StartError;
use crate::net::Resolver;
use crate::timeouts;
use link::{Link, LinkError};
pub use settings::{Settings, SettingsError};

/// The source of the tokens in this Redis.
pub(super) fn source(
    settings: Settings,
    resolver: &Resolver,
) -> Result<Arc<dyn TokenSource>, StartError> {
    let source = TokenRedis::new(settings, resolver.clone()).map_err(StartError::setting)?;
    Ok(Arc::new(source))
}

/// Why there can be no such source. A Redis that is down is no reason.
#[derive(Debug, Error)]
pub enum RedisSourceError {
    /// The file that vouches for Redis' certificate.
    #[error("{path}: {error}; cafile= of the token source must name a readable PEM file")]
    CaFile {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// What the Redis library does not take.
    #[error("the token source cannot be used: {0}")]
    Client(RedisError),
}

/// Tokens in Redis.
pub struct TokenRedis {
    /// With the colon behind it, or empty.
    prefix: String,
    link: Link,
}

impl fmt::Debug for TokenRedis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRedis").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl TokenRedis {
    /// Prepares the source; Redis is asked at the first look-up only.
    ///
    /// # Errors
    /// The CA file cannot be read or is none.
    pub fn new(settings: Settings, resolver: Resolver) -> Result<Self, RedisSourceError> {
        let mut prefix = settings.namespace.clone();
        if !prefix.is_empty() {
            prefix.push(':');
        }
        Ok(Self { prefix, link: Link::new(settings, resolver)? })
    }

    async fn find(&self, token: &Token) -> Result<Address, LookUpError> {
        let key = format!("{}{}", self.prefix, token.as_str());
        let value =
            timeout(timeouts::REDIS_LOOK_UP, self.link.value(&key)).await.unwrap_or_else(|_| {
                self.link.gave_no_answer();
                Err(LinkError::Slow)
            });
        let value = value.map_err(|error| match error {
            LinkError::NoText | LinkError::Long => LookUpError::Unknown(error.to_string()),
            _ => LookUpError::Unavailable(error.to_string()),
        })?;
        let unknown = |why: &str| LookUpError::Unknown(why.to_owned());
        if value.is_empty() {
            return Err(unknown("Redis has no such key"));
        }
        let text = std::str::from_utf8(without_mark(&value));
        let text = text.map_err(|_| unknown("its value is not UTF-8"))?.trim();
        let target = if text.starts_with('{') {
            let json: Value =
                serde_json::from_str(text).map_err(|_| unknown("its value is no JSON object"))?;
            let host = json.get("host").and_then(Value::as_str);
            host.ok_or_else(|| unknown("its value has no \"host\" with a text"))?.to_owned()
        } else {
            text.to_owned()
        };
        // Not repeated: it may be the secret of another program that keeps its keys there.
        target_of(&target)
            .ok_or_else(|| unknown("its value is not a target: host:port is expected"))
    }
}

impl TokenSource for TokenRedis {
    fn look_up<'a>(&'a self, token: &'a Token) -> LookUp<'a> {
        Box::pin(self.find(token))
    }
}
