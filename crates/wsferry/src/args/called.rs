//! What everything here speaks of: as what the program was called, and what is wrong with its words.

/// As what the program was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Called {
    Wsferry,
    /// In websockify's place.
    Websockify,
}

/// Wrong usage, in one sentence.
pub(super) type Misuse = String;
