//! In the place of `redis/` in a build without the feature `redis`: tokens in Redis are refused.

use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use super::TokenSource;
use crate::error::StartError;
use crate::net::Resolver;

/// There are none: no text makes any.
#[derive(Clone, Copy, Debug)]
pub enum Settings {}

/// Why there are none.
#[derive(Clone, Copy, Debug, Error)]
#[error(
    "--token-plugin TokenRedis: this build has no Redis. Use another source, or a build with the \
     feature redis"
)]
pub struct SettingsError;

impl FromStr for Settings {
    type Err = SettingsError;

    fn from_str(_: &str) -> Result<Self, SettingsError> {
        Err(SettingsError)
    }
}

impl Settings {
    /// Whether keys have a prefix of their own.
    pub const fn has_namespace(&self) -> bool {
        match *self {}
    }
}

/// Never called, because there are no settings.
pub(super) fn source(settings: Settings, _: &Resolver) -> Result<Arc<dyn TokenSource>, StartError> {
    match settings {}
}
