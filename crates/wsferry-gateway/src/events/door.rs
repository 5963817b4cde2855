//! What happens before a session: refusals, files, TLS.

use http::{HeaderValue, StatusCode};

use super::Shown;
use crate::client::ClientAddress;

/// Something that happened at a door.
#[derive(Debug)]
pub enum DoorEvent<'a> {
    /// A connection or a request was refused before a session began.
    Refused {
        /// Where the client comes from.
        client: ClientAddress,
        /// What it was answered.
        status: StatusCode,
        /// One sentence.
        reason: &'a str,
        /// The flag that would allow it; empty where none would.
        remedy: &'a str,
        /// The Origin of the request, as it came.
        origin: Option<&'a HeaderValue>,
    },
    /// A request for a file was answered.
    Served {
        /// Where the client comes from.
        client: ClientAddress,
        /// What it was answered.
        status: StatusCode,
        /// The path that it asked for.
        path: &'a str,
    },
    /// A client's TLS handshake failed.
    TlsFailed {
        /// Where the client comes from.
        client: ClientAddress,
        /// What was wrong.
        why: Shown<'a>,
    },
    /// A directory was asked for that has no index.html, and directories are not listed. Told once.
    NotListed,
    /// The file system does not answer where static files are.
    FilesStuck {
        /// What is known of it.
        why: Shown<'a>,
    },
}
