//! The defaults, which are safe: `docs/how-to.md` says what each of them is for.

use std::num::{NonZeroU16, NonZeroU64};
use std::time::Duration;

use wsferry_proto::head;

/// Silence before a Ping.
pub const HEARTBEAT: Duration = Duration::from_secs(25);
/// How long a Ping may go unanswered.
pub const PONG_TIMEOUT: Duration = Duration::from_secs(20);
/// For the target's name and connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For a request head.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// For the answer to a Close.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// What the target may still send after its client closed.
pub const LINGER: Duration = Duration::from_secs(1);
/// Without any progress of a write.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// For the drain.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a wrapped program may take to end after SIGTERM.
pub const WRAP_GRACE: Duration = Duration::from_secs(5);
/// The largest request head, in bytes.
pub const MAX_HEAD_SIZE: usize = head::MAX_HEAD;
/// The largest message to a client, in bytes.
pub const MAX_MESSAGE: usize = 64 << 10;
/// Bytes of an answer in a second.
pub const FILE_MIN_RATE: NonZeroU64 = NonZeroU64::new(4096).unwrap();
/// Wrong credentials and unknown tokens of a source in a minute.
pub const AUTH_FAILURES_PER_SOURCE: NonZeroU16 = NonZeroU16::new(10).unwrap();
/// Connections that are not sessions yet.
pub const MAX_HANDSHAKES: usize = 1024;
/// The rights of a Unix socket.
pub const UNIX_LISTEN_MODE: u32 = 0o600;
