//! What goes into the machine of an ending, and what comes out.

use crate::Violation;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the client to the target.
    ToTarget,
    /// From the target to the client.
    ToClient,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The client sent a Close.
    ClientClosed,
    /// The client broke a rule, and the Close that says so is queued.
    ClientFailed(Violation),
    /// The client's stream ended without a Close.
    ClientLost,
    /// Bytes of the client were thrown away.
    ClientBytesLost,
    /// A write to the client failed.
    ClientUnwritable,
    /// Our Close was written, behind all that was to be written.
    CloseWritten,
    /// The target's stream ended with FIN.
    TargetClosed,
    /// The target's stream ended in the middle: TLS without its own end (RFC 8446 §6.1).
    TargetTruncated,
    /// The target's stream was cut.
    TargetFailed,
    /// The target sent bytes that are not UTF-8, where text is to be sent.
    TargetNotText,
    /// A write to the target failed.
    TargetUnwritable {
        /// The connection was cut; otherwise the target had ended before.
        was_reset: bool,
    },
    /// The client has ended, and all of it was written to the target, with FIN behind; or the target
    /// takes nothing more.
    TargetHasEverything,
    /// A side has taken no byte for as long as it may.
    Stalled(Direction),
    /// The client has answered no Ping for as long as it may.
    NoPong,
    /// The gateway stops, and it is this session's turn.
    Drained,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The client sent a Close.
    ClientClosed,
    /// The client's connection ended without a Close.
    ClientLost,
    /// The client broke a rule.
    ProtocolError(Violation),
    /// The target ended its stream.
    TargetClosed,
    /// The target's stream was cut.
    TargetFailed,
    /// The target's bytes are not UTF-8, where text is to be sent.
    TargetNotText,
    /// Neither data nor a Pong came after a Ping.
    KeepAliveTimeout,
    /// One side took no byte for as long as it may.
    WriteTimeout(Direction),
    /// The gateway is stopping.
    Drained,
}

/// The Close that a client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Close {
    /// The answer to its own: the same code and reason (RFC 6455 §5.5.1).
    Reply,
    /// One that tells it why the session ends.
    Tell(Cause),
}

/// What of the bytes that were written to the client its machine has acknowledged since it was last
/// asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Progress {
    /// None of those before the Close, or not the Close itself.
    None,
    /// Some, and there are more before the Close.
    Some,
    /// All there are, the Close too.
    Everything,
}

/// How a connection is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shutdown {
    /// FIN, then wait for the other side to end.
    Graceful,
    /// FIN was sent already: wait only until the other machine has acknowledged everything.
    Acknowledged,
    /// Close at once: the other side is gone, or has ended already.
    Immediate,
    /// RST: the stream was cut, and must not look complete.
    Reset,
}
