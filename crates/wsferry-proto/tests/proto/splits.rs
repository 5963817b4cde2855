//! Any split of the same bytes gives the same events, whatever the stream.

use proptest::collection::vec;
use proptest::prelude::*;
use wsferry_proto::Role;

use crate::fuzz::choices::Choices;
use crate::fuzz::seen::{Seen, payload_of, read};
use crate::fuzz::stream::Stream;

/// The stream's own decisions are not those of the splits, so that each shrinks alone.
fn decisions() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..400)
}

fn writer() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Client), Just(Role::Server)]
}

proptest! {
    #[test]
    fn a_right_stream_is_seen_as_it_was_written_however_it_is_split(
        writer in writer(),
        stream in decisions(),
        one in decisions(),
        other in decisions(),
        ends in any::<bool>(),
    ) {
        let mut choices = Choices::new(&stream);
        let mut stream = Stream::of(writer, &mut choices, 30);
        if ends {
            stream.close(&mut choices);
        }
        for split in [one, other] {
            let pieces = Choices::new(&split).cut(&stream.wire, 97);
            let seen = read(writer, pieces);
            prop_assert!(seen == stream.seen);
        }
    }

    #[test]
    fn a_fault_is_seen_in_the_same_place_however_the_stream_is_split(
        writer in writer(),
        stream in decisions(),
        fault in vec(any::<u8>(), 12),
        behind in vec(any::<u8>(), 0..40),
        one in decisions(),
        other in decisions(),
    ) {
        let mut stream = Stream::of(writer, &mut Choices::new(&stream), 12);
        let violation = stream.break_rule(&mut Choices::new(&fault));
        let whole = read(writer, [&stream.wire[..]]);
        prop_assert_eq!(whole.last(), Some(&Seen::Broken(violation)));
        prop_assert!(payload_of(&whole).starts_with(&payload_of(&stream.seen)));
        // What stands behind a fault changes nothing.
        stream.wire.extend(behind);
        for split in [one, other] {
            let pieces = Choices::new(&split).cut(&stream.wire, 97);
            prop_assert!(read(writer, pieces) == whole);
        }
    }

    #[test]
    fn any_bytes_are_seen_alike_however_they_are_split(
        writer in writer(),
        bytes in vec(any::<u8>(), 0..300),
        one in decisions(),
        other in decisions(),
    ) {
        let one = read(writer, Choices::new(&one).cut(&bytes, 17));
        let other = read(writer, Choices::new(&other).cut(&bytes, 17));
        prop_assert_eq!(one, other);
    }
}
