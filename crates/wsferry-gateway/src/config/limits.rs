//! What everything of a gateway has to keep to.

use std::num::{NonZeroU16, NonZeroU64};
use std::time::Duration;

use serde::Deserialize;

use super::{default, text};

/// `[limits]`. What can be turned off is `None` then; a file says `0` or `"off"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Silence before a Ping.
    #[serde(deserialize_with = "text::off_or_duration")]
    pub heartbeat: Option<Duration>,
    /// For the target's name and connection.
    #[serde(deserialize_with = "text::duration")]
    pub connect_timeout: Duration,
    /// For a request head, and for a TLS handshake.
    #[serde(deserialize_with = "text::duration")]
    pub header_timeout: Duration,
    /// The largest request head, in bytes.
    #[serde(deserialize_with = "text::head_size")]
    pub max_head_size: usize,
    /// For the answer to a Close.
    #[serde(deserialize_with = "text::duration")]
    pub close_timeout: Duration,
    /// What the target may still send after its client closed.
    #[serde(deserialize_with = "text::duration")]
    pub linger: Duration,
    /// Without any progress of a write.
    #[serde(deserialize_with = "text::off_or_duration")]
    pub write_timeout: Option<Duration>,
    /// For open sessions when stopping.
    #[serde(deserialize_with = "text::duration")]
    pub drain_timeout: Duration,
    /// Connections; `None`: as many as the limit of open files allows.
    #[serde(deserialize_with = "text::count")]
    pub max_connections: Option<usize>,
    /// Connections that are not sessions yet.
    #[serde(deserialize_with = "text::some_count")]
    pub max_handshakes: usize,
    /// Wrong passwords and unknown tokens of an address in a minute.
    #[serde(deserialize_with = "text::failures")]
    pub auth_failures_per_source: Option<NonZeroU16>,
    /// Bytes of a file that a client must take in a second.
    #[serde(deserialize_with = "text::rate")]
    pub file_min_rate: Option<NonZeroU64>,
    /// Stop after one session.
    pub run_once: bool,
    /// Stop after this time.
    #[serde(deserialize_with = "text::off_or_duration")]
    pub timeout: Option<Duration>,
    /// Stop after this time without a session.
    #[serde(deserialize_with = "text::off_or_duration")]
    pub idle_timeout: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            heartbeat: Some(default::HEARTBEAT),
            connect_timeout: default::CONNECT_TIMEOUT,
            header_timeout: default::HEADER_TIMEOUT,
            max_head_size: default::MAX_HEAD_SIZE,
            close_timeout: default::CLOSE_TIMEOUT,
            linger: default::LINGER,
            write_timeout: Some(default::WRITE_TIMEOUT),
            drain_timeout: default::DRAIN_TIMEOUT,
            max_connections: None,
            max_handshakes: default::MAX_HANDSHAKES,
            auth_failures_per_source: Some(default::AUTH_FAILURES_PER_SOURCE),
            file_min_rate: Some(default::FILE_MIN_RATE),
            run_once: false,
            timeout: None,
            idle_timeout: None,
        }
    }
}
