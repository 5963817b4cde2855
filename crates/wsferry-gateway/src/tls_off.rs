//! In the place of `tls/` in a build without the feature `tls`: certificates are refused, and plain
//! connections are all there are.

#[path = "tls/settings.rs"]
mod settings;
#[path = "tls/version.rs"]
mod version;

use std::io;
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;
use wsferry_proto::HostName;

pub use settings::{
    ClientAuthority, ConnectorSettings, Password, Reload, ServerSettings, Validity,
};
pub use version::{MinVersion, VersionError};

/// Why there is no TLS.
#[derive(Debug, Error)]
#[error(
    "this build has no TLS. Leave certificates and --ssl-target out, or use a build with the \
     feature tls"
)]
pub struct TlsError;

/// Why there are no ciphers.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("this build has no TLS. Leave the cipher list out, or use a build with the feature tls")]
pub struct CipherError;

/// Those of nobody.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ciphers;

impl Ciphers {
    /// None.
    pub const fn left_out(&self) -> &[String] {
        &[]
    }

    /// None.
    pub const fn names(&self) -> Option<Vec<&'static str>> {
        None
    }
}

impl FromStr for Ciphers {
    type Err = CipherError;

    fn from_str(_: &str) -> Result<Self, CipherError> {
        Err(CipherError)
    }
}

/// Never made.
#[derive(Debug)]
pub enum ServerConfig {}

/// Never made.
#[derive(Debug)]
pub enum ClientConfig {}

/// Never made.
#[derive(Debug)]
enum Never {}

/// Never made.
#[derive(Debug)]
pub struct ServerName<'a>(Never, PhantomData<&'a ()>);

/// Never made.
#[derive(Debug)]
pub struct Certificate<'a>(Never, PhantomData<&'a ()>);

/// Never made.
#[derive(Debug)]
pub enum Acceptor {}

impl Acceptor {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub fn open(_: ServerSettings) -> Result<Self, TlsError> {
        Err(TlsError)
    }

    /// Never called.
    pub const fn current(&self) -> Arc<ServerConfig> {
        match *self {}
    }

    /// Never called.
    pub const fn reload(&self) -> Option<Reload> {
        match *self {}
    }

    /// Never called.
    pub const fn validity(&self) -> Validity {
        match *self {}
    }
}

/// Never made.
#[derive(Debug)]
pub enum Connector {}

impl Connector {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub const fn open(_: &ConnectorSettings) -> Result<Self, TlsError> {
        Err(TlsError)
    }

    /// Never called.
    pub const fn reload(&self) -> Option<Reload> {
        match *self {}
    }

    /// Never called.
    pub const fn has_files(&self) -> bool {
        match *self {}
    }

    /// Never called.
    pub const fn config(&self) -> Arc<ClientConfig> {
        match *self {}
    }

    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub const fn server_name(_: &HostName) -> Result<ServerName<'static>, TlsError> {
        Err(TlsError)
    }
}

/// None: there are no certificates.
pub const fn common_names(certificate: &Certificate<'_>) -> Vec<String> {
    match certificate.0 {}
}

/// What is said of a failed handshake with a target.
pub fn target_words(error: &io::Error) -> String {
    crate::error::words(error)
}
