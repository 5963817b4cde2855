//! The marks of `--traffic`: one character for each piece of payload, as websockify prints them.
//!
//! `}` was received from a client and `>` is sent to its target, `{` was received from a target and
//! `<` is sent to its client. A tap sees payload when it is relayed, so both marks of a piece come
//! together, and there are no marks for pieces that were sent in part.

use std::fmt;
use std::sync::Arc;

use crate::outcome::Direction;
use crate::tap::Tap;

/// What comes before all marks.
const LEGEND: &str = "client receive }  target send >  target receive {  client send <\n";

/// Where the marks go. Clones print to the same place.
#[derive(Clone)]
pub struct Traffic(Arc<dyn Fn(&str) + Send + Sync>);

impl Traffic {
    /// Has marks printed by `print`, which must not wait for whoever reads them.
    pub fn new(print: impl Fn(&str) + Send + Sync + 'static) -> Self {
        print(LEGEND);
        Self(Arc::new(print))
    }

    /// The tap of a session.
    pub fn tap(&self) -> Box<dyn Tap> {
        Box::new(self.clone())
    }
}

impl fmt::Debug for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traffic")
    }
}

impl Tap for Traffic {
    fn payload(&mut self, direction: Direction, _: &[u8]) {
        (self.0)(match direction {
            Direction::ToTarget => "}>",
            Direction::ToClient => "{<",
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn each_piece_has_its_marks_and_all_are_handed_over_before_the_end() {
        let (printed, seen) = channel();
        let traffic = Traffic::new(move |marks| printed.send(marks.to_owned()).unwrap());
        let mut tap = traffic.tap();
        tap.payload(Direction::ToTarget, b"hello");
        tap.payload(Direction::ToClient, b"x");
        drop(tap);
        let printed = seen.try_iter().collect::<Vec<_>>().concat();
        assert_eq!(printed.strip_prefix(LEGEND), Some("}>{<"));
    }
}
