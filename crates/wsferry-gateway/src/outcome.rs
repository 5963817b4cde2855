//! How sessions end: a normal end is an outcome, not an error.

use std::fmt;
use std::time::Duration;

pub use wsferry_proto::ending::Direction;
use wsferry_proto::{CloseCode, Violation};

/// Why a session ended: the first thing that ended it, not what followed from that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The client sent a Close.
    ClientClosed,
    /// The target sent FIN, and everything it had sent was delivered.
    TargetClosed,
    /// The target reset the connection, or reading it failed.
    TargetFailed(String),
    /// No connection to the target came about.
    TargetUnreachable(String),
    /// The target did not answer within `connect_timeout`.
    ConnectTimeout(String),
    /// The client's connection ended without a Close.
    ClientLost(String),
    /// The client broke a rule of RFC 6455, or of a setting.
    ProtocolError(Violation),
    /// Neither data nor a Pong came after a Ping.
    KeepAliveTimeout,
    /// One side took no byte for `write_timeout`.
    WriteTimeout(Direction),
    /// The target's bytes are not UTF-8, but text frames are to be sent.
    TargetNotText,
    /// The gateway is stopping.
    Drained,
}

impl Cause {
    /// The name in logs and metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::ClientClosed => "client_closed",
            Self::TargetClosed => "target_closed",
            Self::TargetFailed(_) => "target_failed",
            Self::TargetUnreachable(_) => "target_unreachable",
            Self::ConnectTimeout(_) => "connect_timeout",
            Self::ClientLost(_) => "client_lost",
            Self::ProtocolError(_) => "protocol_error",
            Self::KeepAliveTimeout => "keepalive_timeout",
            Self::WriteTimeout(_) => "write_timeout",
            Self::TargetNotText => "target_not_text",
            Self::Drained => "drained",
        }
    }

    /// The Close that tells the client, where this side sends one first (protocol of failures:
    /// 1000 only for a complete stream, 1001 when the gateway stops, 1011 for the target's faults).
    pub fn close(&self) -> Option<(CloseCode, String)> {
        Some(match self {
            // It has closed itself, is gone, or takes no frame.
            Self::ClientClosed | Self::ClientLost(_) | Self::WriteTimeout(Direction::ToClient) => {
                return None;
            }
            Self::TargetClosed => (CloseCode::NORMAL, "Target closed".to_owned()),
            Self::TargetFailed(why) => {
                (CloseCode::INTERNAL_ERROR, format!("Target connection failed: {why}"))
            }
            Self::TargetUnreachable(why) | Self::ConnectTimeout(why) => (
                CloseCode::INTERNAL_ERROR,
                format!("Failed to connect to downstream server: {why}"),
            ),
            Self::ProtocolError(violation) => {
                (violation.close_code(), violation.as_str().to_owned())
            }
            Self::KeepAliveTimeout => (CloseCode::INTERNAL_ERROR, "keepalive timeout".to_owned()),
            Self::WriteTimeout(Direction::ToTarget) => {
                (CloseCode::INTERNAL_ERROR, "Target takes no data".to_owned())
            }
            Self::TargetNotText => {
                (CloseCode::INTERNAL_ERROR, "Target sent bytes that are not UTF-8".to_owned())
            }
            Self::Drained => (CloseCode::GOING_AWAY, "Server is stopping".to_owned()),
        })
    }

    /// What the operator should know beyond the name.
    pub fn detail(&self) -> &str {
        match self {
            Self::TargetFailed(why)
            | Self::TargetUnreachable(why)
            | Self::ConnectTimeout(why)
            | Self::ClientLost(why) => why,
            Self::ProtocolError(violation) => violation.as_str(),
            Self::WriteTimeout(Direction::ToTarget) => "the target took no byte",
            Self::WriteTimeout(Direction::ToClient) => "the client took no byte",
            _ => "",
        }
    }

    /// Whether an operator should look at it: the fault is neither the client's nor anybody's.
    pub const fn is_fault(&self) -> bool {
        matches!(
            self,
            Self::TargetFailed(_)
                | Self::TargetUnreachable(_)
                | Self::ConnectTimeout(_)
                | Self::WriteTimeout(Direction::ToTarget)
                | Self::TargetNotText
        )
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A session that ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Why.
    pub cause: Cause,
    /// The close code: the one the client sent, or the one sent to it; 1005 for a Close without a
    /// code, 1006 where none came (RFC 6455 §7.1.5).
    pub close_code: u16,
    /// The client did not take what was left for it in time, and was reset: it was not told the end.
    pub is_cut: bool,
    /// Payload bytes written to the target.
    pub to_target: u64,
    /// Payload bytes written to the client.
    pub to_client: u64,
    /// From the handshake to the end.
    pub duration: Duration,
}

impl Outcome {
    /// What the operator should know beyond the cause's name.
    pub fn detail(&self) -> String {
        let detail = self.cause.detail();
        match (self.is_cut, &self.cause) {
            (false, _) | (true, Cause::WriteTimeout(Direction::ToClient)) => detail.to_owned(),
            (true, _) if detail.is_empty() => CUT.to_owned(),
            (true, _) => format!("{detail}; {CUT}"),
        }
    }
}

/// What is said of a client that was reset at the end.
const CUT: &str = "cut: the client did not take the rest and the Close in time";
