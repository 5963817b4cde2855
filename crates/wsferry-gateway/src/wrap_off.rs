//! In the place of `wrap/` in a build without the feature `wrap`: programs are not started.

#[path = "wrap/settings.rs"]
mod settings;

use std::net::SocketAddr;
use std::sync::Arc;

use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::dial::Startup;
use crate::error::StartError;
use crate::events::Events;
pub use settings::{Ended, Settings, SourcePort, WrapMode};

#[derive(Debug, Error)]
#[error(
    "this build cannot start programs. Start the program yourself and give its address as the \
     target, or use a build with the feature wrap"
)]
struct NoPrograms;

/// Never made.
#[derive(Debug)]
pub enum Prepared {}

impl Prepared {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub fn unmoved(_: Settings) -> Result<Self, StartError> {
        Err(StartError::setting(NoPrograms))
    }

    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub fn moved(_: Settings, _: SourcePort) -> Result<(Self, SocketAddr), StartError> {
        Err(StartError::setting(NoPrograms))
    }

    /// Never called.
    pub const fn startup(&self) -> Arc<Startup> {
        match *self {}
    }

    /// Never called.
    pub async fn start(self, _: Events) -> Result<Wrapped, StartError> {
        match self {}
    }
}

/// Never made.
#[derive(Debug)]
pub enum Wrapped {}

impl Wrapped {
    /// Never called.
    pub async fn supervise(&mut self, _: &CancellationToken) -> Ended {
        match *self {}
    }

    /// Never called.
    pub async fn end(self) {
        match self {}
    }
}
