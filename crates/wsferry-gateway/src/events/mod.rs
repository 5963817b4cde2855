//! What happens, as values: rooms hand events to an [`Events`] handle, and whoever wants to know
//! observes them: a log, metrics, a live stream. Several gateways of a process have their own.
//!
//! An event that nobody observes costs nothing but its values; nothing is formatted.

mod certificate;
mod door;
mod gateway;
mod plugin;
mod program;
mod recording;
mod session;

use std::fmt::{self, Debug, Display};
use std::sync::Arc;

pub use certificate::CertificateEvent;
pub use door::DoorEvent;
pub use gateway::GatewayEvent;
pub use plugin::PluginEvent;
pub use program::ProgramEvent;
pub use recording::RecordingEvent;
pub use session::SessionEvent;

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// Before a session: refusals, files, TLS.
    Door(DoorEvent<'a>),
    /// In a session.
    Session(SessionEvent<'a>),
    /// In its recording.
    Recording(RecordingEvent<'a>),
    /// With tokens and authentication.
    Plugin(PluginEvent<'a>),
    /// With certificates, authorities and other files that change.
    Certificate(CertificateEvent<'a>),
    /// With the gateway as a whole.
    Gateway(GatewayEvent<'a>),
    /// With the wrapped program.
    Program(ProgramEvent<'a>),
}

macro_rules! from {
    ($($event:ident => $area:ident),*) => {
        $(impl<'a> From<$event<'a>> for Event<'a> {
            fn from(event: $event<'a>) -> Self {
                Self::$area(event)
            }
        })*
    };
}

from! {
    DoorEvent => Door, SessionEvent => Session, RecordingEvent => Recording, PluginEvent => Plugin,
    CertificateEvent => Certificate, GatewayEvent => Gateway, ProgramEvent => Program
}

/// Somebody who wants to know what happens.
pub trait Observer: Send + Sync {
    /// Something has happened. It is called on the thread on which it did, which may be one that moves
    /// bytes: it must not wait for anything.
    fn observe(&self, event: &Event<'_>);
}

/// Those who want to know what happens; by default nobody.
#[derive(Clone, Default)]
pub struct Events(Option<Arc<Vec<Box<dyn Observer>>>>);

impl Events {
    /// Tells these, in this order.
    pub fn new(observers: Vec<Box<dyn Observer>>) -> Self {
        Self((!observers.is_empty()).then(|| Arc::new(observers)))
    }

    /// Tells that something has happened.
    pub(crate) fn tell<'a>(&self, event: impl Into<Event<'a>>) {
        let Some(observers) = &self.0 else { return };
        let event = event.into();
        for observer in &**observers {
            observer.observe(&event);
        }
    }
}

impl Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Events({})", self.0.as_ref().map_or(0, |observers| observers.len()))
    }
}

/// What something says of itself, as an error does: shown only where somebody wants to see it.
#[derive(Clone, Copy)]
pub struct Shown<'a>(pub &'a dyn Display);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
