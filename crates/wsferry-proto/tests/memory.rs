//! What the protocol costs in memory, counted by an allocator of its own: nothing per byte, nothing
//! per frame.
// An allocator cannot be written without `unsafe`; helpers may panic as well as tests.
#![allow(unsafe_code, clippy::panic)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

use wsferry_proto::{Connection, Decoder, Event, KeepAlive, Role, Settings};

thread_local! {
    /// Allocations of this thread: the test runner's own threads do not count.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is the system allocator's, with its arguments unchanged. The counter is a plain
// number without a destructor, so reading it allocates nothing and is allowed at any time.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many allocations `work` makes.
fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

fn server(now: Instant) -> Connection {
    let keep_alive =
        KeepAlive { interval: Duration::from_secs(25), timeout: Duration::from_secs(20) };
    let settings = Settings { role: Role::Server, accept_text: true, keep_alive: Some(keep_alive) };
    Connection::new(settings, now)
}

/// Feeds bytes and says how many of them were payload.
fn payload_of(machine: &mut Connection, now: Instant, bytes: &mut [u8]) -> usize {
    let (mut at, mut payload) = (0, 0);
    while at < bytes.len() {
        let (taken, event) = machine.handle_bytes(now, &mut bytes[at..]);
        at += taken;
        match event {
            Some(Event::Payload(slice)) => payload += slice.range.len(),
            Some(Event::Ping) | None => {}
            other => panic!("{other:?}"),
        }
    }
    payload
}

#[test]
fn a_frame_of_a_terabyte_needs_no_memory() {
    let now = Instant::now();
    let mut header = *b"\x82\xff\0\0\x01\0\0\0\0\0\x01\x02\x03\x04";
    let mut buffer = vec![0x5a; 16 * 1024];
    let allocations = allocations(|| {
        let mut machine = server(now);
        assert_eq!(payload_of(&mut machine, now, &mut header), 0);
        for _ in 0..256 {
            assert_eq!(payload_of(&mut machine, now, &mut buffer), buffer.len());
        }
        assert!(!machine.is_between_messages());
    });
    assert_eq!(allocations, 0);
}

#[test]
fn small_frames_and_fragments_of_text_need_no_memory() {
    let now = Instant::now();
    // "é" in two fragments, an empty message, a Pong.
    let stream = *b"\x01\x81\0\0\0\0\xc3\x80\x81\0\0\0\0\xa9\x82\x80\0\0\0\0\x8a\x82\0\0\0\0ok";
    let mut machine = server(now);
    let allocations = allocations(|| {
        for _ in 0..1000 {
            assert_eq!(payload_of(&mut machine, now, &mut { stream }), 2);
        }
    });
    assert_eq!(allocations, 0);
}

#[test]
fn an_answered_ping_leaves_no_buffer_behind() {
    let now = Instant::now();
    let mut machine = server(now);
    let mut room = [0; wsferry_proto::MAX_CONTROL_FRAME];
    let mut ping = *b"\x89\x84\0\0\0\0ping";
    let first = allocations(|| {
        payload_of(&mut machine, now, &mut ping);
        assert_eq!(machine.poll_control(now, &mut room, None), 6);
    });
    assert!(first > 0, "the counter counts");
    // Were the buffer kept, the second Ping would need none.
    let second = allocations(|| {
        payload_of(&mut machine, now, &mut ping);
        assert_eq!(machine.poll_control(now, &mut room, None), 6);
    });
    assert_eq!(second, first);
}

#[test]
fn a_control_frame_needs_memory_only_while_it_is_cut() {
    let now = Instant::now();
    let mut machine = server(now);
    let mut pong = *b"\x8a\x84\0\0\0\0pong\x8a\x84\0\0\0\0pong";
    let cut = pong.len() - 2;
    let whole = allocations(|| {
        assert_eq!(payload_of(&mut machine, now, &mut { pong }), 0);
    });
    assert_eq!(whole, 0);
    for _ in 0..3 {
        // Were the buffer kept, the second one would need none.
        let (first, rest) = pong.split_at_mut(cut);
        assert_eq!(allocations(|| assert_eq!(payload_of(&mut machine, now, first), 0)), 1);
        assert_eq!(allocations(|| assert_eq!(payload_of(&mut machine, now, rest), 0)), 0);
    }
}

#[test]
fn the_machine_of_an_idle_session_is_small() {
    assert!(size_of::<Connection>() <= 128, "{}", size_of::<Connection>());
    assert!(size_of::<Decoder>() <= 40, "{}", size_of::<Decoder>());
}
