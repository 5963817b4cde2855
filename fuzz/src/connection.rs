//! A sequence of operations on a client and a server.

use std::time::Duration;

use wsferry_proto::{CloseCode, CloseReason, KeepAlive, Kind, Role};

use super::choices::Choices;
use super::pair::Pair;
use super::seen::Seen;

/// Whatever both ends do and however slowly it arrives: what is sent is what arrives, Pings are
/// answered in order, nothing follows a Close, and the closing handshake ends.
pub fn connection(data: &[u8]) {
    let mut choices = Choices::new(data);
    let keep_alive =
        KeepAlive { interval: Duration::from_secs(10), timeout: Duration::from_secs(5) };
    let mut pair = Pair::new((!choices.once_in(2)).then_some(keep_alive));
    // Whether each queued its Close.
    let (mut client, mut server) = (false, false);
    while !choices.is_empty() {
        let role = [Role::Client, Role::Server][choices.below(2)];
        let closed = if role == Role::Client { &mut client } else { &mut server };
        match choices.below(16) {
            0..=4 => {
                let kind = if choices.once_in(2) { Kind::Text } else { Kind::Binary };
                let fin = !choices.once_in(3);
                let payload = vec![b'a' + choices.byte() % 26; choices.below(200)];
                let sent = pair.send(role, kind, fin, &payload);
                assert_eq!(sent, !*closed, "data is sent until the Close");
            }
            5..=6 => {
                let payload = vec![choices.byte(); choices.below(126)];
                pair.ping(role, &payload);
            }
            7 => {
                // More than the bound on what is owed.
                for number in 0..20 {
                    pair.ping(role, &[number; 125]);
                }
            }
            8 => {
                let code = CloseCode::new(4000 + u16::from(choices.byte()));
                let reason = code.map(|code| CloseReason::new(code, &"zu ".repeat(50)));
                pair.close(role, &reason.unwrap_or_default());
                *closed = true;
            }
            9 => {
                pair.end(role).machine.reply();
                *closed |= pair.end(role).machine.received_close().is_some();
            }
            10..=11 => {
                pair.control(role);
            }
            12..=14 => {
                let most = choices.byte().into();
                pair.deliver(role, most);
            }
            _ => {
                pair.pass(Duration::from_secs(choices.below(12) as u64));
                if pair.time_out(role, choices.once_in(2)) {
                    return; // given up: the transport would be cut here
                }
            }
        }
    }
    pair.settle();
    if pair.client.machine.received_close().is_some() || client {
        for role in [Role::Client, Role::Server] {
            pair.end(role).machine.reply();
            pair.settle();
        }
        pair.client.machine.reply();
        pair.settle();
        assert!(pair.client.machine.is_closed() && pair.server.machine.is_closed());
    }
    check(&mut pair, Role::Client, Role::Server);
    check(&mut pair, Role::Server, Role::Client);
}

/// What `from` wrote is what `to` saw, and its Pings are what `to` answered.
fn check(pair: &mut Pair, from: Role, to: Role) {
    let written = pair.end(from).written().to_vec();
    let mut expected = Vec::new();
    let mut pings = Vec::new();
    for seen in written {
        match seen {
            Seen::Payload { .. } | Seen::Close(_) => super::seen::record(&mut expected, seen),
            Seen::Ping(payload) => pings.push(payload),
            Seen::Pong(_) => {}
            Seen::Broken(fault) => panic!("{from:?} wrote what is not a frame: {fault}"),
        }
    }
    assert_eq!(pair.end(to).events(), expected, "from {from:?}");
    assert!(pair.end(to).took_all());
    let pongs = pair.end(to).written().iter().filter_map(|seen| match seen {
        Seen::Pong(payload) => Some(payload),
        _ => None,
    });
    let pongs: Vec<_> = pongs.cloned().collect();
    // After its own Close an end answers no more Pings (RFC 6455 §5.5.1).
    if pair.end(to).machine.close_is_sent() {
        assert!(pings.starts_with(&pongs), "{to:?} owes {pings:?}, sent {pongs:?}");
    } else {
        assert_eq!(pongs, pings, "Pongs of {to:?}");
    }
}
