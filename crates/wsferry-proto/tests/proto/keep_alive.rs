//! Keep-alive (RFC 6455 §5.5.2), with time passed in.

use std::time::{Duration, Instant};

use wsferry_proto::{CloseCode, CloseReason, Connection, KeepAlive, Kind, Role, Settings};

use crate::fuzz::pair::Pair;
use crate::fuzz::seen::Seen;
use crate::fuzz::wire::{BINARY, FIN, PONG, frame_from};

const KEEP_ALIVE: KeepAlive =
    KeepAlive { interval: Duration::from_secs(25), timeout: Duration::from_secs(20) };
const MOMENT: Duration = Duration::from_millis(1);

/// A server that watches a client.
struct Watched {
    machine: Connection,
    now: Instant,
}

impl Watched {
    fn new() -> Self {
        let now = Instant::now();
        let settings =
            Settings { role: Role::Server, accept_text: true, keep_alive: Some(KEEP_ALIVE) };
        Self { machine: Connection::new(settings, now), now }
    }

    /// Lets time pass and says whether the client is gone then.
    fn is_gone_after(&mut self, time: Duration, held_back: bool) -> bool {
        self.now += time;
        self.machine.handle_timeout(self.now, held_back)
    }

    fn hear(&mut self, bytes: &[u8]) {
        self.machine.handle_bytes(self.now, &mut bytes.to_vec());
    }

    /// Whether a Ping goes out now.
    fn pings(&mut self) -> bool {
        let mut room = [0; wsferry_proto::MAX_CONTROL_FRAME];
        let length = self.machine.poll_control(self.now, &mut room, None);
        assert!(length == 0 || room[..length] == *b"\x89\x00");
        length > 0
    }

    fn wait(&self) -> Option<Duration> {
        self.machine.poll_timeout().map(|due| due - self.now)
    }
}

#[test]
fn a_silent_client_is_pinged_after_the_interval_and_gone_after_the_time_out() {
    let mut client = Watched::new();
    assert_eq!(client.wait(), Some(KEEP_ALIVE.interval));
    assert!(!client.is_gone_after(KEEP_ALIVE.interval - MOMENT, false));
    assert!(!client.pings());
    assert!(!client.is_gone_after(MOMENT, false));
    assert!(client.machine.owes_control());
    assert_eq!(client.wait(), None, "the answer's time begins when the Ping is sent");
    assert!(client.pings() && !client.pings());
    assert_eq!(client.wait(), Some(KEEP_ALIVE.timeout));
    assert!(!client.is_gone_after(KEEP_ALIVE.timeout - MOMENT, false));
    assert!(client.is_gone_after(MOMENT, false));
}

#[test]
fn a_ping_that_cannot_be_sent_kills_nobody() {
    let mut client = Watched::new();
    assert!(!client.is_gone_after(KEEP_ALIVE.interval, false));
    assert!(!client.is_gone_after(KEEP_ALIVE.timeout * 100, false));
    assert!(client.pings());
    assert!(!client.is_gone_after(KEEP_ALIVE.timeout - MOMENT, false));
}

#[test]
fn whatever_is_heard_begins_the_silence_anew() {
    let signs = [
        frame_from(Role::Client, FIN | PONG, b""),
        frame_from(Role::Client, FIN | BINARY, b"data"),
        frame_from(Role::Client, BINARY, b""),
        vec![FIN | BINARY], // even one byte of a header
    ];
    for sign in signs {
        let mut client = Watched::new();
        assert!(!client.is_gone_after(KEEP_ALIVE.interval - MOMENT, false));
        client.hear(&sign);
        assert_eq!(client.wait(), Some(KEEP_ALIVE.interval));
        assert!(!client.is_gone_after(KEEP_ALIVE.interval, false));
        assert!(client.pings());

        let mut client = Watched::new();
        client.is_gone_after(KEEP_ALIVE.interval, false);
        assert!(client.pings());
        assert!(!client.is_gone_after(KEEP_ALIVE.timeout - MOMENT, false));
        client.hear(&sign);
        assert!(!client.is_gone_after(MOMENT * 2, false));
        assert_eq!(client.wait(), Some(KEEP_ALIVE.interval - MOMENT * 2));
    }
}

#[test]
fn gathered_messages_are_a_sign_of_life_and_only_what_is_gathered_is() {
    let message = frame_from(Role::Client, FIN | BINARY, b"data");
    for (bytes, is_sign) in [(&message[..], true), (&message[..5], false)] {
        let mut client = Watched::new();
        client.is_gone_after(KEEP_ALIVE.interval, false);
        assert!(client.pings());
        assert!(!client.is_gone_after(KEEP_ALIVE.timeout - MOMENT, false));
        let mut buffer = bytes.to_vec();
        let (taken, _) = client.machine.gather(client.now, &mut buffer, 0..bytes.len(), 0);
        assert_eq!(taken, if is_sign { bytes.len() } else { 0 });
        assert_eq!(client.is_gone_after(MOMENT, false), !is_sign);
    }
}

#[test]
fn a_sign_of_life_makes_an_owed_ping_needless() {
    let mut client = Watched::new();
    client.is_gone_after(KEEP_ALIVE.interval, false);
    client.hear(&frame_from(Role::Client, FIN | BINARY, b"data"));
    assert!(!client.pings());
}

#[test]
fn no_bytes_are_no_sign_of_life() {
    let mut client = Watched::new();
    client.is_gone_after(KEEP_ALIVE.interval, false);
    assert!(client.pings());
    client.hear(b"");
    assert!(client.is_gone_after(KEEP_ALIVE.timeout, false));
}

#[test]
fn a_client_that_is_held_back_gets_more_time() {
    let mut client = Watched::new();
    client.is_gone_after(KEEP_ALIVE.interval, true);
    assert!(client.pings());
    for _ in 0..10 {
        assert!(!client.is_gone_after(KEEP_ALIVE.timeout, true));
        assert_eq!(client.wait(), Some(KEEP_ALIVE.timeout));
        assert!(!client.pings(), "one Ping is enough");
    }
    assert!(!client.is_gone_after(KEEP_ALIVE.timeout - MOMENT, false));
    assert!(client.is_gone_after(MOMENT, false));
}

#[test]
fn nobody_is_watched_once_this_side_closes() {
    let mut client = Watched::new();
    client.machine.close(&CloseReason::new(CloseCode::NORMAL, ""));
    assert_eq!(client.wait(), None);
    assert!(!client.is_gone_after(KEEP_ALIVE.interval * 100, false));
}

#[test]
fn without_keep_alive_there_is_no_time_out_and_no_ping() {
    let now = Instant::now();
    let settings = Settings { role: Role::Server, accept_text: true, keep_alive: None };
    let mut machine = Connection::new(settings, now);
    assert_eq!(machine.poll_timeout(), None);
    assert!(!machine.handle_timeout(now + Duration::from_secs(1 << 20), false));
    assert!(!machine.owes_control());
}

#[test]
fn an_interval_beyond_all_time_does_not_overflow() {
    let keep_alive = KeepAlive { interval: Duration::MAX, timeout: Duration::MAX };
    let now = Instant::now();
    let settings = Settings { role: Role::Server, accept_text: true, keep_alive: Some(keep_alive) };
    let mut machine = Connection::new(settings, now);
    assert_eq!(machine.poll_timeout(), None);
    assert!(!machine.handle_timeout(now + Duration::from_secs(1 << 20), false));
}

#[test]
fn two_machines_that_only_ping_stay_together_for_days() {
    let mut pair = Pair::new(Some(KEEP_ALIVE));
    for _ in 0..10_000 {
        pair.pass(KEEP_ALIVE.interval);
        assert!(!pair.time_out(Role::Client, false) && !pair.time_out(Role::Server, false));
        pair.settle();
    }
    assert!(pair.client.events().is_empty() && pair.server.events().is_empty());
    // The client's Pings come first, and are signs of life for the server.
    let pings = pair.client.written().iter().filter(|&seen| *seen == Seen::Ping(vec![])).count();
    assert_eq!(pings, 10_000);
}

#[test]
fn an_answer_that_is_late_but_in_time_keeps_the_connection() {
    let mut pair = Pair::new(Some(KEEP_ALIVE));
    pair.pass(KEEP_ALIVE.interval);
    assert!(!pair.time_out(Role::Server, false));
    assert!(pair.control(Role::Server));
    pair.pass(KEEP_ALIVE.timeout - MOMENT);
    pair.settle();
    pair.pass(MOMENT * 2);
    assert!(!pair.time_out(Role::Server, false));
    assert!(pair.send(Role::Server, Kind::Text, true, b"on it goes"));
}
