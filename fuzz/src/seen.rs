//! What a reader of a stream saw, in a form that does not depend on how the stream was cut.

use wsferry_proto::{CloseReason, Decoder, Item, Kind, Role, Violation};

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Payload of one message between two other things: neighbouring slices are joined.
    Payload {
        kind: Kind,
        bytes: Vec<u8>,
        ends_message: bool,
    },
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(CloseReason),
    Broken(Violation),
}

/// Adds what was seen next, joining slices of one message.
pub fn record(all: &mut Vec<Seen>, next: Seen) {
    if let Seen::Payload { bytes: more, ends_message: ends, .. } = &next
        && let Some(Seen::Payload { bytes, ends_message, .. }) = all.last_mut()
        && !*ends_message
    {
        bytes.extend(more);
        *ends_message = *ends;
    } else {
        all.push(next);
    }
}

/// All payload of all messages.
pub fn payload_of(all: &[Seen]) -> Vec<u8> {
    let slices = all.iter().filter_map(|seen| match seen {
        Seen::Payload { bytes, .. } => Some(bytes.as_slice()),
        _ => None,
    });
    slices.collect::<Vec<_>>().concat()
}

/// A decoder and what it saw. Checks at every step what its documentation promises.
#[derive(Clone, Debug)]
pub struct Reader {
    decoder: Decoder,
    seen: Vec<Seen>,
}

impl Reader {
    /// A reader of what `writer` sends.
    pub fn of(writer: Role, accepts_text: bool) -> Self {
        Self { decoder: Decoder::new(writer == Role::Client, accepts_text), seen: Vec::new() }
    }

    pub fn seen(&self) -> &[Seen] {
        &self.seen
    }

    /// Whether a Close or a fault was the last thing with a meaning.
    pub fn is_over(&self) -> bool {
        matches!(self.seen.last(), Some(Seen::Close(_) | Seen::Broken(_)))
    }

    pub fn is_between_messages(&self) -> bool {
        self.decoder.is_between_messages()
    }

    /// Reads a piece of the stream, in place as the decoder does, up to a Close or a fault.
    pub fn feed(&mut self, piece: &[u8]) {
        let mut buffer = piece.to_vec();
        let mut at = 0;
        while at < buffer.len() && !self.is_over() {
            let rest = buffer.len() - at;
            let (taken, item) = match self.decoder.decode(&mut buffer[at..]) {
                Ok(found) => found,
                Err(violation) => {
                    let again = self.decoder.decode(&mut [0]);
                    assert_eq!(again, Err(violation), "a fault is not forgotten");
                    return record(&mut self.seen, Seen::Broken(violation));
                }
            };
            let Some(item) = item else {
                assert_eq!(taken, rest, "without an item everything is taken");
                return;
            };
            let next = match item {
                Item::Payload(payload) => {
                    assert!(payload.range.end <= taken);
                    assert!(payload.ends_message || !payload.range.is_empty());
                    let bytes = buffer[at..][payload.range].to_vec();
                    Seen::Payload { kind: payload.kind, bytes, ends_message: payload.ends_message }
                }
                Item::Ping(ping) => Seen::Ping(ping.payload().to_vec()),
                Item::Pong(pong) => Seen::Pong(pong.payload().to_vec()),
                Item::Close(reason) => Seen::Close(reason),
            };
            record(&mut self.seen, next);
            at += taken;
        }
    }
}

/// What is seen of a stream of `writer` that arrives in these pieces.
pub fn read<'b>(writer: Role, pieces: impl IntoIterator<Item = &'b [u8]>) -> Vec<Seen> {
    let mut reader = Reader::of(writer, true);
    for piece in pieces {
        reader.feed(piece);
    }
    reader.seen
}
