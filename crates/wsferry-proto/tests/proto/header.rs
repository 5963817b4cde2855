//! Headers that are sent.

use proptest::collection::vec;
use proptest::prelude::*;
use wsferry_proto::{Header, MAX_HEADER, Opcode};

use crate::fuzz::{roundtrip, wire};

proptest! {
    #[test]
    fn a_header_is_read_as_it_was_written(decisions in vec(any::<u8>(), 0..24)) {
        roundtrip(&decisions);
    }
}

#[test]
fn a_header_has_the_shortest_form_at_every_edge() {
    let edges = [
        (0, 2),
        (1, 2),
        (125, 2),
        (126, 4),
        (127, 4),
        (0xffff, 4),
        (0x1_0000, 10),
        (u64::from(u32::MAX), 10),
        (1 << 40, 10),
        ((1 << 63) - 1, 10),
    ];
    for (length, bytes) in edges {
        for (masking_key, extra) in [(None, 0), (Some(wire::KEY), 4)] {
            let header = Header { fin: true, opcode: Opcode::Binary, length, masking_key };
            assert_eq!(header.size(), bytes + extra, "{length}");
            let mut room = [0; MAX_HEADER];
            assert_eq!(header.write_to(&mut room), bytes + extra);
            let expected = wire::header(0x82, wire::Form::shortest(length), length, masking_key);
            assert_eq!(room[..bytes + extra], expected, "{length}");
        }
    }
}

#[test]
fn a_header_lies_right_before_its_payload() {
    let mut buffer = *b"..............Hello";
    let header = Header { fin: true, opcode: Opcode::Text, length: 5, masking_key: None };
    let start = header.write_before(&mut buffer[..MAX_HEADER]);
    assert_eq!(&buffer[start..], b"\x81\x05Hello");
}

#[test]
fn of_the_sixteen_opcodes_six_have_a_meaning() {
    let known = [
        (0x0, Opcode::Continuation),
        (0x1, Opcode::Text),
        (0x2, Opcode::Binary),
        (0x8, Opcode::Close),
        (0x9, Opcode::Ping),
        (0xa, Opcode::Pong),
    ];
    for first in 0..=u8::MAX {
        let expected = known.iter().find(|(bits, _)| *bits == first & 0xf);
        assert_eq!(Opcode::from_bits(first), expected.map(|(_, opcode)| *opcode));
    }
    for (bits, opcode) in known {
        assert_eq!(opcode.bits(), bits);
        assert_eq!(opcode.is_control(), bits >= 8);
    }
}
