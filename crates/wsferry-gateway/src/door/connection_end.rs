//! How a connection ends that does not become a session.

use std::time::Duration;

use http::StatusCode;
use wsferry_proto::head::Fault;

use super::head_reader::HeadReader;
use crate::net::Shutdown;
use crate::timeouts;

/// How a connection ends that does not become a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionEnd {
    /// The client closed it, or the last answer closes it.
    Done,
    /// The socket failed.
    Failed,
    /// What arrived is not a request head.
    Fault(Fault),
    /// A head was started but not finished in time.
    HeadTimeout,
    /// Nothing arrived in time: there is nobody to answer.
    Silence,
    /// The client reads its answer too slowly, or not at all.
    Slow,
    /// It is idle, and its permit is needed elsewhere.
    Evicted,
}

impl ConnectionEnd {
    /// No complete head arrived in time.
    pub(super) fn timed_out(reader: &HeadReader) -> Self {
        if reader.arrived().is_empty() { Self::Silence } else { Self::HeadTimeout }
    }

    /// The status and the sentence of the answer, if there is one.
    pub(super) const fn answer(self) -> Option<(StatusCode, &'static str)> {
        match self {
            Self::Fault(fault) => Some((fault.status(), fault.as_str())),
            Self::HeadTimeout => {
                Some((StatusCode::REQUEST_TIMEOUT, "the request head took too long"))
            }
            _ => None,
        }
    }

    /// How the socket is left, and within which time.
    pub(super) const fn shut_down(self) -> (Shutdown, Duration) {
        match self {
            Self::Failed => (Shutdown::Immediate, timeouts::REFUSED_CLIENT),
            Self::Slow => (Shutdown::Reset, timeouts::REFUSED_CLIENT),
            Self::Evicted => (Shutdown::Graceful, timeouts::EVICTED_CONNECTION),
            Self::Done | Self::Fault(_) | Self::HeadTimeout | Self::Silence => {
                (Shutdown::Graceful, timeouts::REFUSED_CLIENT)
            }
        }
    }
}
