//! In the place of `jwt.rs` in a build without the feature `jwt`: signed tokens are refused.

use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use super::TokenSource;
use crate::error::StartError;
use crate::events::Events;

#[derive(Debug, Error)]
#[error(
    "--token-plugin JWTTokenApi: this build has no signed tokens. Use another source, or a build \
     with the feature jwt"
)]
struct NoSignedTokens;

/// Refuses.
pub(super) fn source(_: PathBuf, _: &Events) -> Result<Arc<dyn TokenSource>, StartError> {
    Err(StartError::setting(NoSignedTokens))
}
