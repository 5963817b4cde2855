//! What the fuzz targets do with their input. Each takes any bytes and panics when a promise of
//! `wsferry-proto` is broken.
//!
//! The crate's own tests include these modules: the bodies run there over seeds under `cargo test`,
//! and its property tests use the same generators.

pub mod choices;
pub mod pair;
pub mod seen;
pub mod stream;
pub mod wire;

mod connection;
pub mod head;

pub use connection::connection;
pub use head::head;

use wsferry_proto::{Header, MAX_HEADER, Opcode, Role};

use choices::Choices;
use seen::{Seen, read};
use stream::Stream;

/// The same bytes under two splits are seen the same way, whatever they are.
pub fn decoder_split(data: &[u8]) {
    let mut choices = Choices::new(data);
    let writer = [Role::Client, Role::Server][choices.below(2)];
    let splits = [choices.array::<16>(), choices.array::<16>()];
    // Random bytes seldom get past a header, so half of the streams begin with frames.
    let mut wire = Vec::new();
    if choices.once_in(2) {
        wire = Stream::of(writer, &mut choices, 16).wire;
    }
    wire.extend(choices.rest());
    let whole = read(writer, [&wire[..]]);
    for decisions in splits {
        let pieces = Choices::new(&decisions).cut(&wire, 64);
        assert_eq!(read(writer, pieces), whole, "{wire:x?}");
    }
    if wire.len() < 0x1000 {
        assert_eq!(read(writer, wire.chunks(1)), whole, "{wire:x?}");
    }
}

/// A header is read as it was written, in its shortest form, and by the decoder too.
pub fn roundtrip(data: &[u8]) {
    let mut choices = Choices::new(data);
    let opcodes = [
        Opcode::Binary,
        Opcode::Text,
        Opcode::Continuation,
        Opcode::Close,
        Opcode::Ping,
        Opcode::Pong,
    ];
    let opcode = opcodes[choices.below(6)];
    let fin = opcode.is_control() || !choices.once_in(2);
    // So many low bits that every order of magnitude is as likely as the others.
    let bits = choices.below(64) as u32;
    let mut length = u64::from_be_bytes(choices.array()) & (1_u64 << bits).wrapping_sub(1);
    if opcode.is_control() {
        length %= 126;
    }
    let masking_key = choices.once_in(2).then(|| choices.array());
    let header = Header { fin, opcode, length, masking_key };

    let mut room = [0xee; MAX_HEADER];
    let end = header.write_to(&mut room);
    let bytes = &room[..end];
    let mut behind = [0xee; MAX_HEADER];
    let start = header.write_before(&mut behind);
    assert_eq!(&behind[start..], bytes);
    assert_eq!(end, header.size());
    assert!(room[end..].iter().chain(&behind[..start]).all(|&byte| byte == 0xee));

    let first = u8::from(fin) << 7 | opcode.bits();
    let form = wire::Form::shortest(length);
    assert_eq!(wire::parse(bytes), wire::Parsed { first, form, length, key: masking_key });
    assert_eq!(wire::header(first, form, length, masking_key), bytes);

    decodes(&header, bytes);
}

/// The decoder takes the header of a data frame for what it is: as many bytes of payload as it
/// announces, or as fit into a test, and then the next frame.
fn decodes(header: &Header, bytes: &[u8]) {
    const MOST: usize = 0x1_0010;
    let writer = if header.masking_key.is_some() { Role::Client } else { Role::Server };
    let mut stream = Vec::new();
    if header.opcode == Opcode::Continuation {
        stream.extend(wire::frame_from(writer, wire::BINARY, b""));
    } else if header.opcode == Opcode::Close {
        return; // its payload has rules of its own
    }
    stream.extend(bytes);
    let length = usize::try_from(header.length).map_or(MOST, |length| length.min(MOST));
    let payload = vec![b'a'; length];
    stream.extend(wire::masked(header.masking_key, &payload));
    let is_whole = header.length == length as u64;
    if is_whole {
        stream.extend(wire::frame_from(writer, wire::FIN | wire::PONG, b"next"));
    }
    let seen = read(writer, [&stream[..]]);
    let control = match header.opcode {
        Opcode::Ping => Some(Seen::Ping(payload.clone())),
        Opcode::Pong => Some(Seen::Pong(payload.clone())),
        _ => None,
    };
    let mut expected = Vec::new();
    match (control, header.opcode) {
        (Some(control), _) => expected.push(control),
        (None, opcode) => {
            let kind = match opcode {
                Opcode::Text => wsferry_proto::Kind::Text,
                _ => wsferry_proto::Kind::Binary,
            };
            let ends_message = is_whole && header.fin;
            if ends_message || !payload.is_empty() {
                expected.push(Seen::Payload { kind, bytes: payload, ends_message });
            }
        }
    }
    if is_whole {
        expected.push(Seen::Pong(b"next".to_vec()));
    }
    // Not assert_eq: it would print the payload.
    assert!(seen == expected, "{header:?}");
}
