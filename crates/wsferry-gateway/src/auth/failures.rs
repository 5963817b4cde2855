//! Guessing passwords and tokens is slow: a source that failed too often is blocked for a while, and
//! for longer each time.
//!
//! A source is an IPv4 address, or the /64 of an IPv6 address, which is what one customer of a
//! provider has. Clients of a Unix socket are not counted: a proxy stands there.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use lru::LruCache;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::client::ClientAddress;
use crate::events::{Events, PluginEvent, Shown};

/// The maximum number of sources that are remembered; those that were not heard of for longest go
/// first.
const MAX_SOURCES: usize = 10_000;

/// Moments are counted in tenths of a second, which need half the room of a time.
const TICK: Duration = Duration::from_millis(100);
/// The failures of a minute are counted, in parts of it.
const MINUTE: u32 = 600;
const PARTS: usize = 6;
const PART: u32 = MINUTE / PARTS as u32;
/// How long the first block lasts; each one that follows lasts twice as long.
const FIRST_BLOCK: u32 = 100;
/// How long a block lasts at most.
const LONGEST_BLOCK: u32 = 3000;

/// The failures of all sources.
#[derive(Debug)]
pub struct Failures {
    /// The number of failures in a minute that blocks a source; 0: none does.
    limit: AtomicU16,
    began: Instant,
    sources: Mutex<LruCache<Source, Record>>,
    events: Events,
}

/// Where guesses come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Source {
    V4([u8; 4]),
    /// The first half of the address.
    V6([u8; 8]),
}

/// What is remembered of a source.
#[derive(Clone, Copy, Debug, Default)]
struct Record {
    /// Failures of the last minute, the latest part of it first.
    recent: [u16; PARTS],
    /// The number of the latest part.
    part: u32,
    /// Failures that led to the last block.
    held_against: u16,
    blocked_until: u32,
    /// Until when the last block counts.
    remembered_until: u32,
    /// How often the next block's duration is doubled.
    doublings: u8,
    /// The failures that are to be told with the first refusal of a block; 0: told.
    untold: u16,
}

/// A source that is blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// How long it still is.
    pub remaining: Duration,
}

/// The first refusal of a block, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Begun {
    source: Source,
    /// How many failures led to it.
    failures: u16,
}

impl Failures {
    /// Blocks after `limit` failures in a minute; 0: never.
    pub fn new(limit: u16) -> Self {
        Self::with_events(limit, Events::default())
    }

    /// The same, and tells when a block begins.
    pub fn with_events(limit: u16, events: Events) -> Self {
        Self {
            limit: AtomicU16::new(limit),
            began: Instant::now(),
            sources: Mutex::new(LruCache::unbounded()),
            events,
        }
    }

    /// The limit that holds from now on.
    pub fn set_limit(&self, limit: u16) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Whether a client may be answered at all: not while its source is blocked for its failures. To
    /// be asked before a secret is looked at, and again before a yes is told, because other guesses of
    /// the source may have failed meanwhile.
    ///
    /// # Errors
    /// For how long it is blocked.
    pub fn check(&self, client: ClientAddress) -> Result<(), Blocked> {
        let Some((blocked, begun)) = self.blocked(client, Instant::now()) else { return Ok(()) };
        if let Some(begun) = begun {
            self.events.tell(PluginEvent::SourceBlocked {
                source: Shown(&begun),
                failures: begun.failures,
                duration: blocked.remaining,
            });
        }
        Err(blocked)
    }

    /// A client showed a secret that is none.
    pub fn failed(&self, client: ClientAddress) {
        self.fail(client, Instant::now());
    }

    /// A client was let in.
    pub fn succeeded(&self, client: ClientAddress) {
        self.forgive(client, Instant::now());
    }

    fn limit(&self) -> u16 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Whether a client's source is blocked, and whether this is the first time that it is told.
    fn blocked(&self, client: ClientAddress, now: Instant) -> Option<(Blocked, Option<Begun>)> {
        let (source, now) = (self.source(client)?, self.ticks(now));
        let mut sources = self.lock();
        let record = sources.get_mut(&source)?;
        let remaining = TICK * record.blocked_until.checked_sub(now).filter(|&left| left > 0)?;
        let failures = std::mem::take(&mut record.untold);
        let begun = (failures > 0).then_some(Begun { source, failures });
        Some((Blocked { remaining }, begun))
    }

    /// Counts a failure. One that was under way when a block began does not extend it.
    fn fail(&self, client: ClientAddress, now: Instant) {
        let Some(source) = self.source(client) else { return };
        let now = self.ticks(now);
        let mut sources = self.lock();
        if sources.len() >= MAX_SOURCES && !sources.contains(&source) {
            sources.pop_lru();
        }
        let record = sources.get_or_insert_mut(source, Record::default);
        if now >= record.blocked_until {
            record.fail(now, self.limit());
        }
    }

    /// Forgives half.
    fn forgive(&self, client: ClientAddress, now: Instant) {
        let Some(source) = self.source(client) else { return };
        if let Some(record) = self.lock().get_mut(&source) {
            record.forgive(self.ticks(now));
        }
    }

    /// `None`: this client is not counted.
    fn source(&self, client: ClientAddress) -> Option<Source> {
        let ip = client.ip().filter(|_| self.limit() > 0)?;
        Some(match ip.to_canonical() {
            IpAddr::V4(ip) => Source::V4(ip.octets()),
            IpAddr::V6(ip) => Source::V6(*ip.octets().first_chunk()?),
        })
    }

    fn ticks(&self, now: Instant) -> u32 {
        let ticks = now.saturating_duration_since(self.began).as_millis() / TICK.as_millis();
        u32::try_from(ticks).unwrap_or(u32::MAX / 2)
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<Source, Record>> {
        self.sources.lock()
    }
}

impl Record {
    fn fail(&mut self, now: u32, limit: u16) {
        self.pass_time(now);
        self.recent[0] = self.recent[0].saturating_add(1);
        let failures = self.failures();
        if failures < limit {
            return;
        }
        let duration = (FIRST_BLOCK << self.doublings).min(LONGEST_BLOCK);
        self.doublings = (self.doublings + 1).min(5);
        self.recent = [0; PARTS];
        self.held_against = failures;
        self.untold = failures;
        self.blocked_until = now + duration;
        self.remembered_until = self.blocked_until + duration.max(MINUTE);
    }

    fn forgive(&mut self, now: u32) {
        self.pass_time(now);
        let mut over = self.recent.iter().sum::<u16>().div_ceil(2);
        for part in self.recent.iter_mut().rev() {
            let forgiven = over.min(*part);
            *part -= forgiven;
            over -= forgiven;
        }
        self.held_against /= 2;
        self.doublings /= 2;
    }

    /// Forgets what is older than a minute, and a block that was long ago.
    fn pass_time(&mut self, now: u32) {
        let part = now / PART;
        let passed = usize::try_from(part - self.part).unwrap_or(PARTS).min(PARTS);
        self.recent.rotate_right(passed);
        self.recent[..passed].fill(0);
        self.part = part;
        if now >= self.remembered_until {
            (self.held_against, self.doublings) = (0, 0);
        }
    }

    fn failures(&self) -> u16 {
        self.recent.iter().fold(self.held_against, |sum, &part| sum.saturating_add(part))
    }
}

impl fmt::Display for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            Source::V4(octets) => Ipv4Addr::from(octets).fmt(f),
            Source::V6(half) => {
                let mut octets = [0; 16];
                octets[..8].copy_from_slice(&half);
                write!(f, "{}/64", Ipv6Addr::from(octets))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn client(ip: &str) -> ClientAddress {
        SocketAddr::new(ip.parse().unwrap(), 1).into()
    }

    fn after(failures: &Failures, seconds: f64) -> Instant {
        failures.began + Duration::from_secs_f64(seconds)
    }

    /// Fails at a moment: for how many seconds the source is blocked then.
    fn fail(failures: &Failures, ip: &str, seconds: f64) -> u64 {
        let now = after(failures, seconds);
        failures.fail(client(ip), now);
        blocked(failures, ip, seconds)
    }

    fn blocked(failures: &Failures, ip: &str, seconds: f64) -> u64 {
        let blocked = failures.blocked(client(ip), after(failures, seconds));
        blocked.map_or(0, |(blocked, _)| blocked.remaining.as_secs())
    }

    #[test]
    fn the_tenth_failure_in_a_minute_blocks_for_ten_seconds() {
        let failures = Failures::new(10);
        for second in 0..9 {
            assert_eq!(fail(&failures, "192.0.2.1", f64::from(second) * 6.0), 0, "{second}");
        }
        assert_eq!(fail(&failures, "192.0.2.1", 54.0), 10);
        assert_eq!(blocked(&failures, "192.0.2.2", 54.0), 0);
        assert_eq!(blocked(&failures, "192.0.2.1", 63.0), 1);
        assert_eq!(blocked(&failures, "192.0.2.1", 64.0), 0);
    }

    #[test]
    fn ten_failures_in_more_than_a_minute_block_nobody() {
        let failures = Failures::new(10);
        for number in 0..100 {
            assert_eq!(fail(&failures, "192.0.2.1", f64::from(number) * 7.0), 0, "{number}");
        }
    }

    #[test]
    fn a_failure_after_a_block_doubles_it_up_to_five_minutes() {
        let failures = Failures::new(3);
        let mut now = 0.0;
        fail(&failures, "192.0.2.1", now);
        fail(&failures, "192.0.2.1", now);
        for expected in [10, 20, 40, 80, 160, 300, 300] {
            assert_eq!(fail(&failures, "192.0.2.1", now), expected);
            // What was under way does not extend it.
            assert_eq!(fail(&failures, "192.0.2.1", now + 1.0), expected - 1);
            now += expected as f64;
        }
        // Five minutes without a failure, and it begins again.
        now += 300.0;
        assert_eq!(fail(&failures, "192.0.2.1", now), 0);
        assert_eq!(fail(&failures, "192.0.2.1", now), 0);
        assert_eq!(fail(&failures, "192.0.2.1", now), 10);
    }

    #[test]
    fn a_success_forgives_half() {
        let failures = Failures::new(10);
        for second in [0.0, 15.0, 30.0] {
            (0..3).for_each(|_| assert_eq!(fail(&failures, "192.0.2.1", second), 0));
        }
        failures.forgive(client("192.0.2.1"), after(&failures, 31.0));
        for number in 5..10 {
            assert_eq!(fail(&failures, "192.0.2.1", 32.0), 0, "{number}");
        }
        assert_eq!(fail(&failures, "192.0.2.1", 32.0), 10);
        failures.forgive(client("192.0.2.1"), after(&failures, 42.0));
        for number in 6..10 {
            assert_eq!(fail(&failures, "192.0.2.1", 42.0), 0, "{number}");
        }
        assert_eq!(fail(&failures, "192.0.2.1", 42.0), 10);
    }

    #[test]
    fn ipv6_counts_by_the_64_and_mapped_ipv4_as_ipv4() {
        let failures = Failures::new(2);
        fail(&failures, "2001:db8:1:2::1", 0.0);
        assert_eq!(fail(&failures, "2001:db8:1:2:ffff::9", 0.0), 10);
        assert_eq!(blocked(&failures, "2001:db8:1:3::1", 0.0), 0);
        fail(&failures, "::ffff:192.0.2.1", 0.0);
        assert_eq!(fail(&failures, "192.0.2.1", 0.0), 10);
        let begun = |ip: &str| {
            let failures = Failures::new(1);
            failures.fail(client(ip), after(&failures, 0.0));
            let (_, begun) = failures.blocked(client(ip), after(&failures, 0.0)).unwrap();
            let again = failures.blocked(client(ip), after(&failures, 0.0)).unwrap().1;
            assert_eq!(again, None, "it is told once");
            begun.unwrap().to_string()
        };
        assert_eq!(begun("2001:db8:1:2::1"), "2001:db8:1:2::/64");
        assert_eq!(begun("192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn sources_are_bounded_in_number_and_small() {
        let failures = Failures::new(2);
        for number in 0..MAX_SOURCES as u32 + 10 {
            failures.fail(client(&Ipv4Addr::from(number).to_string()), failures.began);
        }
        assert_eq!(failures.lock().len(), MAX_SOURCES);
        assert_eq!(fail(&failures, "0.0.0.1", 0.0), 0, "the oldest was forgotten");
        assert_eq!(fail(&failures, "0.0.0.200", 0.0), 10, "a later one was not");
        // With two links, and an entry of the table.
        assert!(size_of::<(Source, Record)>() + 16 + 2 * 17 <= 100);
    }

    #[test]
    fn without_a_limit_and_by_a_unix_socket_nobody_is_counted() {
        for (limit, client) in [(0, client("192.0.2.1")), (1, ClientAddress::Unix)] {
            let failures = Failures::new(limit);
            failures.fail(client, failures.began);
            assert_eq!(failures.blocked(client, failures.began), None);
            assert!(failures.lock().is_empty());
        }
    }
}
