//! How far a session is with its end.

use std::time::Instant;

/// A step of the picture above [`Ending`](super::Ending), with its deadline; `None`: there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// The target is read, and has not got everything of the client.
    Open,
    /// The client has ended and the target has got everything: it may still send until then.
    Lingering(Option<Instant>),
    /// The target is not read any more. What is left for the client, our Close and its answer have
    /// until then in all.
    Closing(Option<Instant>),
    /// The target has ended, and its client gets all of it. From when our Close is written behind that
    /// the client has until then to answer, and longer while it takes what is before it.
    Delivering(Option<Instant>),
}
