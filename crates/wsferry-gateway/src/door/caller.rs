//! Who sends the requests of a connection.

use crate::client::ClientAddress;
use crate::request::Client;

/// Who is at the other end of a connection.
#[derive(Debug)]
pub(super) struct Caller {
    /// Where it comes from.
    pub(super) address: ClientAddress,
    /// The common names of its certificate.
    pub(super) common_names: Vec<String>,
}

impl Caller {
    /// A caller without TLS, or without a certificate.
    pub(super) const fn plain(address: ClientAddress) -> Self {
        Self { address, common_names: Vec::new() }
    }

    /// The form in which a request carries it.
    pub(super) fn client(&self) -> Client<'_> {
        Client { address: self.address, common_names: &self.common_names }
    }
}
