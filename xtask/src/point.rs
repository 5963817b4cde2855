//! What is measured, and at which points: the words for it.

use clap::ValueEnum;

/// A group of figures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
pub(crate) enum Measure {
    /// The target sends as fast as it can: MiB/s, CPU seconds per GiB
    ToClient,
    /// Clients send as fast as they can: MiB/s, CPU seconds per GiB of payload
    ToTarget,
    /// 64-byte echo round trips: per second, p50, p99, p99.9, CPU µs
    RoundTrip,
    /// Open, one 64-byte round trip, close: per second, CPU µs
    Session,
    /// Memory per idle session after it has moved data, CPU % of a core while idle
    Idle,
    /// 50 sessions stream, do round trips, come and go beside idle ones: CPU s/GiB, µs, µs
    Crowd,
    /// From the start of the process until it accepts
    StartUp,
    /// Size of the executable
    Binary,
}

impl Measure {
    pub(crate) const ALL: [Self; 8] = [
        Self::ToClient,
        Self::ToTarget,
        Self::RoundTrip,
        Self::Session,
        Self::Idle,
        Self::Crowd,
        Self::StartUp,
        Self::Binary,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ToClient => "to-client",
            Self::ToTarget => "to-target",
            Self::RoundTrip => "round-trip",
            Self::Session => "session",
            Self::Idle => "idle",
            Self::Crowd => "crowd",
            Self::StartUp => "start-up",
            Self::Binary => "binary",
        }
    }
}

/// What carries the WebSocket frames, or the bytes of a raw relay.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
pub(crate) enum Transport {
    /// TCP
    Ws,
    /// TLS
    Wss,
}

impl Transport {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }
}

/// What a value depends on besides the program.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Parameters {
    pub(crate) transport: Transport,
    /// Sessions, or clients, at once.
    pub(crate) sessions: Option<usize>,
    /// Bytes of a frame. Those who do not see frames have none: their row stands beside all sizes.
    pub(crate) frame: Option<usize>,
}

impl std::fmt::Display for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sessions = self.sessions.map(|number| format!("sessions={number}"));
        let frame = self.frame.map(|size| format!("frame={size}"));
        // What has no sessions has no transport either.
        let transport = self.sessions.map(|_| self.transport.name().to_owned());
        let words: Vec<_> = transport.into_iter().chain(sessions).chain(frame).collect();
        f.write_str(&words.join(" "))
    }
}
