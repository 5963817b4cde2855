//! The built-in target `echo:`: answers message for message with the same type. For tests, for the
//! conformance suite, and to see whether a page gets through at all.

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::talk::{Said, Talk};
use crate::net::Stream;
use crate::outcome::{Cause, Direction};
use crate::relay::{self, Ended};
use crate::tap::Tap;

/// An echo session.
struct Echo {
    talk: Talk,
    /// Whether the next slice of payload begins a message.
    begins: bool,
    /// Bytes of payload that came, and went back.
    echoed: u64,
    tap: Option<Box<dyn Tap>>,
}

/// Echoes until the connection ends. The client's early bytes are answered first.
pub(super) async fn run(
    client: Stream,
    early: Bytes,
    settings: &relay::Settings,
    drain: &CancellationToken,
    tap: Option<Box<dyn Tap>>,
) -> Ended {
    let talk = Talk::new(client, &early, settings);
    let mut echo = Echo { talk, begins: true, echoed: 0, tap };
    let cause = echo.until_end(drain).await;
    echo.talk.end(cause, (echo.echoed, echo.echoed)).await
}

impl Echo {
    async fn until_end(&mut self, drain: &CancellationToken) -> Cause {
        loop {
            if let Some(cause) = self.answer() {
                return cause;
            }
            if let Err(cause) = self.talk.next(false, None, drain).await {
                return cause;
            }
        }
    }

    /// Answers what was read: why the session ends, if it does.
    fn answer(&mut self) -> Option<Cause> {
        while let Some(said) = self.talk.said() {
            match said {
                Said::Payload { range, kind, ends_message } => {
                    if let Some(tap) = &mut self.tap {
                        tap.payload(Direction::ToTarget, self.talk.slice(&range));
                        tap.payload(Direction::ToClient, self.talk.slice(&range));
                    }
                    self.echoed += range.len() as u64;
                    self.talk.say_back(kind, self.begins, ends_message, range);
                    self.begins = ends_message;
                }
                Said::Close => return Some(Cause::ClientClosed),
                Said::Failed(violation) => return Some(Cause::ProtocolError(violation)),
                Said::Other => {}
            }
            // In the order in which they are owed: Pongs behind the data that came before them.
            self.talk.owe();
        }
        None
    }
}
