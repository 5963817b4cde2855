//! What happens to sessions.

use crate::address::Address;
use crate::client::ClientAddress;
use crate::outcome::Outcome;

/// Something that happened to a session.
#[derive(Debug)]
pub enum SessionEvent<'a> {
    /// It begins.
    Started {
        /// Its number in this gateway, from 1 up.
        id: u64,
        /// Where its client comes from.
        client: ClientAddress,
        /// Who the client is, where an authentication plug-in knows that.
        identity: Option<&'a str>,
        /// Where it leads.
        target: &'a Address,
    },
    /// It has ended.
    Ended {
        /// Its number.
        id: u64,
        /// Where its client came from.
        client: ClientAddress,
        /// Where it led.
        target: &'a Address,
        /// How it ended.
        outcome: &'a Outcome,
    },
}
