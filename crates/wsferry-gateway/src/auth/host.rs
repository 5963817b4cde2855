//! Whether a request means this gateway: a page whose name was pointed at this machine after it was
//! loaded (DNS rebinding) says its own name in Host.

use http::StatusCode;
use wsferry_proto::HostName;

use super::{Denial, for_shell};

/// An item of `--allow-host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowHost {
    /// `*`: every name.
    Any,
    /// One name.
    One(HostName),
}

/// From where the sockets of a listener can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// From other machines.
    Network,
    /// From this machine only.
    Loopback,
    /// By a Unix socket, to which no browser can be led by a name.
    Unix,
}

/// The names under which a listener may be reached.
#[derive(Debug)]
pub struct HostRules {
    allow: Vec<AllowHost>,
    reach: Reach,
    names: Vec<HostName>,
}

impl HostRules {
    /// `allow`: what is allowed beyond what always is. `names`: those of the machine, and of the
    /// listener.
    pub const fn new(allow: Vec<AllowHost>, reach: Reach, names: Vec<HostName>) -> Self {
        Self { allow, reach, names }
    }

    /// From where the listener can be reached.
    pub const fn reach(&self) -> Reach {
        self.reach
    }

    /// Whether a client that names this host means this gateway.
    ///
    /// # Errors
    /// 403, with the flag that would allow the name.
    pub fn check(&self, name: &HostName) -> Result<(), Denial> {
        let is_own = match name {
            name if name.is_loopback() => true,
            _ if self.reach == Reach::Unix => true,
            _ if self.reach == Reach::Loopback => false,
            HostName::Address(_) => true, // rebinding needs a name
            HostName::Name(_) => self.names.contains(name),
        };
        let is_allowed = |item: &AllowHost| match item {
            AllowHost::Any => true,
            AllowHost::One(allowed) => allowed == name,
        };
        if is_own || self.allow.iter().any(is_allowed) {
            return Ok(());
        }
        Err(Denial {
            status: StatusCode::FORBIDDEN,
            reason: "this host name is not served here".into(),
            remedy: format!("--allow-host {}", for_shell(&name.to_string())),
            challenge: None,
        })
    }
}
