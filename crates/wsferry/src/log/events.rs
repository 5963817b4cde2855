//! Events → log lines, each written in one place with the dictionary's words. What a client sent is
//! escaped, so that no client can forge a line.

use wsferry_gateway::{Event, Events, Observer};

use super::{certificate, door, gateway, plugin, program, session};

/// Writes what happens to the log.
pub(crate) fn to_log() -> Events {
    Events::new(vec![Box::new(Lines)])
}

struct Lines;

impl Observer for Lines {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::Door(event) => door::write(event),
            Event::Session(event) => session::write(event),
            Event::Recording(event) => session::write_recording(event),
            Event::Plugin(event) => plugin::write(event),
            Event::Certificate(event) => certificate::write(event),
            Event::Gateway(event) => gateway::write(event),
            Event::Program(event) => program::write(event),
        }
    }
}
