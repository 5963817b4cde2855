//! Every way to cut a stream in two, and byte by byte.

use wsferry_proto::{Connection, Event, Role, Settings, Violation};

use crate::fuzz::seen::{Seen, read};
use crate::fuzz::wire;

/// Where streams are cut: everywhere, but for long ones only near their ends and here and there.
pub(crate) fn cuts(length: usize) -> Vec<usize> {
    (0..=length).filter(|&cut| cut < 300 || length - cut < 20 || cut % 4099 == 0).collect()
}

/// Checks that a stream of `writer` is seen like this: whole, cut everywhere, byte by byte.
pub(crate) fn is_seen(writer: Role, bytes: &[u8], expected: &[Seen]) {
    // Not assert_eq: payloads are long.
    assert!(read(writer, [bytes]) == expected, "whole: {:x?}", &bytes[..bytes.len().min(40)]);
    for cut in cuts(bytes.len()) {
        let (one, other) = bytes.split_at(cut);
        assert!(read(writer, [one, other]) == expected, "cut at {cut}");
    }
    assert!(read(writer, bytes.chunks(1)) == expected, "byte by byte");
}

/// Checks that a stream of `writer` breaks this rule, however it is cut, and that this is known with
/// its byte number `known` (counted from 1) and not sooner.
pub(crate) fn is_refused(writer: Role, bytes: &[u8], known: usize, violation: Violation) {
    let whole = read(writer, [bytes]);
    assert_eq!(whole.last(), Some(&Seen::Broken(violation)), "{bytes:x?}");
    is_seen(writer, bytes, &whole);
    let before = read(writer, bytes[..known - 1].chunks(1));
    assert!(!matches!(before.last(), Some(Seen::Broken(_))), "known too soon: {bytes:x?}");
    let then = read(writer, bytes[..known].chunks(1));
    assert_eq!(then.last(), Some(&Seen::Broken(violation)), "known too late: {bytes:x?}");
    // In one piece too: a reader waits for more after it.
    let then = read(writer, [&bytes[..known]]);
    assert_eq!(then.last(), Some(&Seen::Broken(violation)), "known too late: {bytes:x?}");
    fails_the_connection(writer, &bytes[..known], violation);
}

/// Checks that the machine tells the other side what is wrong, once, and hears nothing more.
fn fails_the_connection(writer: Role, bytes: &[u8], violation: Violation) {
    let role = if writer == Role::Client { Role::Server } else { Role::Client };
    let now = std::time::Instant::now();
    let settings = Settings { role, accept_text: true, keep_alive: None };
    let mut machine = Connection::new(settings, now);
    let mut buffer = bytes.to_vec();
    let mut at = 0;
    loop {
        assert!(at < buffer.len(), "no fault was told: {bytes:x?}");
        let (taken, event) = machine.handle_bytes(now, &mut buffer[at..]);
        at += taken;
        match event {
            Some(Event::Failed(fault)) => break assert_eq!(fault, violation),
            Some(Event::Payload(_) | Event::Ping) => {}
            other => panic!("{other:?} of {bytes:x?}"),
        }
    }
    assert_eq!(machine.handle_bytes(now, &mut buffer), (buffer.len(), None));
    let mut room = [0; wsferry_proto::MAX_CONTROL_FRAME];
    let close = loop {
        let length = machine.poll_control(now, &mut room, wire::key_of(role));
        assert!(length > 0, "no Close was queued");
        if room[0] & 0xf == wire::CLOSE {
            break &room[..length];
        }
    };
    let seen = read(role, [close]);
    let [Seen::Close(reason)] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(reason.code, Some(violation.close_code()));
    assert_eq!(&*reason.text, violation.as_str());
    assert!(machine.is_closed());
    assert_eq!(machine.poll_control(now, &mut room, wire::key_of(role)), 0);
}
