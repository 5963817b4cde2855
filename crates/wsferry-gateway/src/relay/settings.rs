//! How sessions are relayed.

use std::time::{Duration, Instant};

use wsferry_proto::{Connection, KeepAlive, Kind, Role, ending};

/// Bytes of the longest character of UTF-8.
pub const LONGEST_CHARACTER: usize = 4;

/// How sessions are relayed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Pings for silent clients; `None`: no Pings.
    pub keep_alive: Option<KeepAlive>,
    /// Whether text messages are accepted (otherwise 1003).
    pub accept_text: bool,
    /// What the target's bytes are sent as.
    pub send: Kind,
    /// No message to the client has more bytes, whatever it is sent as.
    pub max_message: usize,
    /// Whether long streams of the target may be moved without entering user space.
    pub splice: bool,
    /// How long the other side may take to answer a Close, or to end its connection.
    pub close_timeout: Duration,
    /// How long the target may still send after its client closed.
    pub linger: Duration,
    /// How long a side may take no byte at all; `None`: forever.
    pub write_timeout: Option<Duration>,
}

impl Settings {
    /// The most bytes of a message to the client: a whole character at least, where it is text.
    pub fn longest_message(&self) -> usize {
        match self.send {
            Kind::Binary => self.max_message.max(1),
            Kind::Text => self.max_message.max(LONGEST_CHARACTER),
        }
    }

    /// The same for a client whose subprotocol says what it is to be sent.
    pub fn for_client(&self, send: Option<Kind>) -> Self {
        Self { send: send.unwrap_or(self.send), ..self.clone() }
    }

    /// The protocol machine of a new connection.
    pub fn connection(&self) -> Connection {
        let settings = wsferry_proto::Settings {
            role: Role::Server,
            accept_text: self.accept_text,
            keep_alive: self.keep_alive,
        };
        Connection::new(settings, Instant::now())
    }

    /// How long the end of a session is waited for.
    pub const fn ending(&self) -> ending::Settings {
        ending::Settings { linger: self.linger, close_timeout: self.close_timeout }
    }
}
