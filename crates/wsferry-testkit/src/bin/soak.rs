//! The heavy runs that are too long for every test run: `cargo run --release -p wsferry-testkit
//! --bin soak -- MODE [N [OPTIONS OF WSFERRY]]` against the release build of wsferry beside it.
//!
//! | mode | what it does |
//! |---|---|
//! | `both N` | N MiB each way at once through one session, random frames, pings, slow readers |
//! | `many N` | N sessions at once, 4 MiB each way each |
//! | `target-closes N` | N times: the target closes right after its last byte |
//! | `client-closes N` | N times: the client closes right after its last byte |
//! | `stall N` | both readers stop for N seconds while the other sides flood; memory and speed |
//! | `idle N` | N sessions that have moved data and then say nothing: memory of each |
//! | `tokens N` | N starts of sessions by token from a file of 100,000 lines, beside as many without |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![allow(missing_docs)]

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use wsferry_proto::{Connection, Event, Header, Kind, Mask, Opcode, Role, Settings};

/// A reproducible source of numbers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The byte of a stream at an offset: a reader checks each byte by its place.
fn fill(seed: u64, offset: u64, bytes: &mut [u8]) {
    for (at, byte) in (offset..).zip(bytes.iter_mut()) {
        let word = (at / 8).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed;
        *byte = (word ^ (word >> 29)).to_le_bytes()[(at % 8) as usize];
    }
}

fn check(seed: u64, offset: u64, bytes: &[u8]) {
    let mut expected = vec![0; bytes.len()];
    fill(seed, offset, &mut expected);
    assert!(expected == bytes, "the stream differs within {} bytes of {offset}", bytes.len());
}

/// The gateway under test.
struct Gateway {
    child: Child,
    address: SocketAddr,
}

impl Gateway {
    fn start(target: &str) -> Self {
        Self::start_with(&[target])
    }

    /// One with these arguments behind the address to listen on.
    fn start_with(arguments: &[&str]) -> Self {
        use std::io::BufRead;
        let mut path = std::env::current_exe().unwrap();
        path.set_file_name("wsferry");
        let path = std::env::var_os("WSFERRY_BIN").map_or(path, Into::into);
        let mut child = Command::new(path)
            .arg("127.0.0.1:0")
            .args(arguments)
            .args(std::env::args().skip(3))
            .stderr(Stdio::piped())
            .spawn()
            .expect("build it first: cargo build --release");
        let mut lines = std::io::BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some(rest) = line.split("ws://").nth(1) {
                break rest.split('/').next().unwrap().parse().unwrap();
            }
        };
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if !line.contains("INFO") {
                    println!("{line}");
                }
            }
        });
        Self { child, address }
    }

    /// Resident memory in KiB.
    fn rss(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// CPU seconds, user and system.
    fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
    }
}

impl Gateway {
    /// CPU seconds of the threads that there are now. Finer than [`cpu`](Self::cpu), and without the
    /// share of threads that have ended.
    fn cpu_of_threads(&self) -> f64 {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let of = |path: std::path::PathBuf| {
            let text = std::fs::read_to_string(path.join("schedstat")).unwrap_or_default();
            text.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok()).unwrap_or(0.0)
        };
        threads.map(|thread| of(thread.unwrap().path())).sum::<f64>() / 1e9
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn connect(gateway: SocketAddr, source: u8) -> TcpStream {
    connect_at(gateway, source, "/").await
}

/// Connects with a request target.
async fn connect_at(gateway: SocketAddr, source: u8, target: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    let local = format!("127.0.0.{source}:0").parse().unwrap();
    socket2::SockRef::from(&socket).set_reuse_address(true).unwrap();
    socket.bind(local).unwrap();
    let mut stream = socket.connect(gateway).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let handshake = format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(handshake.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("no answer to the handshake"));
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    stream
}

fn machine() -> Connection {
    let settings = Settings { role: Role::Client, accept_text: true, keep_alive: None };
    Connection::new(settings, Instant::now())
}

async fn frame(
    to: &mut OwnedWriteHalf,
    opcode: Opcode,
    fin: bool,
    payload: &mut [u8],
    random: &mut Random,
) -> bool {
    let key = (random.next() as u32).to_le_bytes();
    let header = Header { fin, opcode, length: payload.len() as u64, masking_key: Some(key) };
    let mut bytes = vec![0; header.len()];
    header.write_to(&mut bytes);
    Mask::new(key).apply(payload);
    bytes.extend_from_slice(payload);
    to.write_all(&bytes).await.is_ok()
}

async fn close(to: &mut OwnedWriteHalf, random: &mut Random) {
    let mut payload = *b"\x03\xe8bye";
    frame(to, Opcode::Close, true, &mut payload, random).await;
}

/// Sends a stream as messages: random sizes, random fragments, pings between.
async fn send_messages(
    mut to: OwnedWriteHalf,
    seed: u64,
    total: u64,
    largest: u64,
) -> OwnedWriteHalf {
    let mut random = Random(seed);
    let mut sent = 0;
    while sent < total {
        let exponent = random.below(largest.ilog2() as u64 + 1);
        let size = random.below(1 << exponent).min(total - sent);
        let fragments = if random.below(4) == 0 { 1 + random.below(5) } else { 1 };
        let mut left = size;
        for index in 0..fragments {
            let last = index + 1 == fragments;
            let length = if last { left } else { random.below(left + 1) };
            left -= length;
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            fill(seed, sent, &mut payload);
            sent += length;
            let opcode = if index == 0 { Opcode::Binary } else { Opcode::Continuation };
            assert!(frame(&mut to, opcode, last, &mut payload, &mut random).await, "cut at {sent}");
            if random.below(8) == 0 {
                frame(&mut to, Opcode::Ping, true, &mut [1, 2, 3], &mut random).await;
            }
        }
    }
    to
}

/// Receives messages until the Close: how many bytes, and the code and reason.
async fn receive_messages(from: &mut OwnedReadHalf, seed: u64, slow: bool) -> (u64, u16, String) {
    let mut machine = machine();
    let mut random = Random(seed ^ 77);
    let mut room = vec![0; 256 * 1024];
    let mut received = 0;
    loop {
        let length = match from.read(&mut room).await {
            Ok(0) => return (received, 1006, "EOF".to_owned()),
            Err(error) => return (received, 1006, error.to_string()),
            Ok(length) => length,
        };
        let mut at = 0;
        while at < length {
            let start = at;
            let (taken, event) = machine.handle_bytes(Instant::now(), &mut room[at..length]);
            at += taken;
            match event {
                Some(Event::Payload(payload)) => {
                    assert_eq!(payload.kind, Kind::Binary);
                    assert!(!payload.range.is_empty(), "an empty frame");
                    let bytes = &room[start + payload.range.start..start + payload.range.end];
                    check(seed, received, bytes);
                    received += bytes.len() as u64;
                }
                Some(Event::Close(close)) => {
                    assert_eq!(at, length, "bytes after the Close");
                    let code = close.code.map_or(1005, wsferry_proto::CloseCode::get);
                    return (received, code, close.text.into());
                }
                Some(Event::Failed(violation)) => panic!("{violation}"),
                Some(Event::Ping) | None => {}
            }
        }
        if slow && random.below(200) == 0 {
            tokio::time::sleep(Duration::from_millis(random.below(20))).await;
        }
    }
}

async fn send_bytes(to: &mut OwnedWriteHalf, seed: u64, total: u64) {
    let mut random = Random(seed);
    let mut sent = 0;
    while sent < total {
        let length = (1 + random.below(100_000)).min(total - sent);
        let mut bytes = vec![0; usize::try_from(length).unwrap()];
        fill(seed, sent, &mut bytes);
        to.write_all(&bytes).await.expect("the gateway took no more");
        sent += length;
    }
}

async fn receive_bytes(from: &mut OwnedReadHalf, seed: u64, slow: bool) -> (u64, &'static str) {
    let mut random = Random(seed ^ 55);
    let mut room = vec![0; 256 * 1024];
    let mut received = 0;
    loop {
        match from.read(&mut room).await {
            Ok(0) => return (received, "FIN"),
            Err(_) => return (received, "RST"),
            Ok(length) => {
                check(seed, received, &room[..length]);
                received += length as u64;
            }
        }
        if slow && random.below(200) == 0 {
            tokio::time::sleep(Duration::from_millis(random.below(20))).await;
        }
    }
}

const TO_TARGET: u64 = 0x1234_5678_9abc_def0;
const TO_CLIENT: u64 = 0x0fed_cba9_8765_4321;

/// A stream each way at once; the target ends first, and its Close must not cut the other way.
async fn both_ways(listener: &TcpListener, gateway: SocketAddr, total: u64, largest: u64) {
    let client = connect(gateway, 1).await;
    let (target, _) = listener.accept().await.unwrap();
    exchange(client, target, total, largest).await;
}

async fn exchange(client: TcpStream, target: TcpStream, total: u64, largest: u64) {
    let (mut from_client, mut to_client) = target.into_split();
    let (mut from_target, to_target) = client.into_split();
    let target_sends = tokio::spawn(async move {
        send_bytes(&mut to_client, TO_CLIENT, total).await;
        to_client.shutdown().await.unwrap();
        to_client
    });
    let target_receives =
        tokio::spawn(async move { receive_bytes(&mut from_client, TO_TARGET, true).await });
    let client_sends = tokio::spawn(send_messages(to_target, TO_TARGET, total, largest));
    let (received, code, reason) = receive_messages(&mut from_target, TO_CLIENT, true).await;
    assert_eq!((received, code, &*reason), (total, 1000, "Target closed"));
    let mut to_target = client_sends.await.unwrap();
    close(&mut to_target, &mut Random(1)).await;
    drop(target_sends.await.unwrap());
    assert_eq!(target_receives.await.unwrap(), (total, "FIN"));
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

async fn both(mebibytes: u64) {
    let (listener, address) = listener().await;
    let gateway = Gateway::start(&address);
    let start = Instant::now();
    both_ways(&listener, gateway.address, mebibytes << 20, 16 << 20).await;
    let seconds = start.elapsed().as_secs_f64();
    println!("{mebibytes} MiB each way: complete, {seconds:.1} s, RSS {} KiB", gateway.rss());
}

async fn many(sessions: u64) {
    let (listener, address) = listener().await;
    let gateway = Gateway::start(&address);
    let mut tasks = JoinSet::new();
    for _ in 0..sessions {
        // One after the other, so that each client knows its target; then all at once.
        let client = connect(gateway.address, 1).await;
        let (target, _) = listener.accept().await.unwrap();
        tasks.spawn(exchange(client, target, 4 << 20, 1 << 20));
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
    println!("{sessions} sessions, 4 MiB each way each: complete, RSS {} KiB", gateway.rss());
}

async fn target_closes(times: u64) {
    let (listener, address) = listener().await;
    let gateway = Gateway::start(&address);
    let mut random = Random(9);
    for _ in 0..times {
        let exponent = random.below(20);
        let total = random.below(1 << exponent);
        let client = connect(gateway.address, 1).await;
        let (target, _) = listener.accept().await.unwrap();
        let target_sends = tokio::spawn(async move {
            let (_from, mut to) = target.into_split();
            send_bytes(&mut to, TO_CLIENT, total).await; // and both halves are closed
        });
        let (mut from, mut to) = client.into_split();
        let end = receive_messages(&mut from, TO_CLIENT, false).await;
        assert_eq!(end, (total, 1000, "Target closed".to_owned()));
        close(&mut to, &mut random).await;
        target_sends.await.unwrap();
        assert_eq!(from.read_u8().await.ok(), None, "something after the Close");
    }
    println!("{times} times the target closed right after its last byte: nothing lost");
}

async fn client_closes(times: u64) {
    let (listener, address) = listener().await;
    let gateway = Gateway::start(&address);
    let mut random = Random(8);
    for _ in 0..times {
        let exponent = random.below(20);
        let total = random.below(1 << exponent);
        let client = connect(gateway.address, 1).await;
        let (target, _) = listener.accept().await.unwrap();
        let (mut from_client, _to_client) = target.into_split();
        let receives =
            tokio::spawn(async move { receive_bytes(&mut from_client, TO_TARGET, false).await });
        let (mut from, to) = client.into_split();
        let mut to = send_messages(to, TO_TARGET, total, 1 << 16).await;
        close(&mut to, &mut random).await;
        assert_eq!(receives.await.unwrap(), (total, "FIN"));
        drop(_to_client);
        let end = receive_messages(&mut from, TO_CLIENT, false).await;
        assert_eq!(end, (0, 1000, "bye".to_owned()));
    }
    println!("{times} times the client closed right after its last byte: nothing lost");
}

/// Floods `to` until the socket takes no more for good, counting.
async fn flood(mut to: OwnedWriteHalf, sent: Arc<AtomicU64>) {
    let payload = vec![7; 64 * 1024];
    while to.write_all(&payload).await.is_ok() {
        sent.fetch_add(payload.len() as u64, Ordering::Relaxed);
    }
}

async fn flood_frames(mut to: OwnedWriteHalf) {
    let mut random = Random(3);
    while frame(&mut to, Opcode::Binary, true, &mut vec![7; 64 * 1024], &mut random).await {}
}

async fn stall(seconds: u64) {
    let (listener, address) = listener().await;
    let gateway = Gateway::start(&address);
    // A session that goes on: its speed before and during the stall.
    let client = connect(gateway.address, 1).await;
    let (target, _) = listener.accept().await.unwrap();
    let (mut from_target, _to_target) = client.into_split();
    let (_from_client, to_client) = target.into_split();
    tokio::spawn(flood(to_client, Arc::default()));
    let read = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&read);
    tokio::spawn(async move {
        let mut room = vec![0; 256 * 1024];
        while let Ok(length @ 1..) = from_target.read(&mut room).await {
            counter.fetch_add(length as u64, Ordering::Relaxed);
        }
    });
    let speed = async |during: Duration| {
        let before = read.load(Ordering::Relaxed);
        tokio::time::sleep(during).await;
        (read.load(Ordering::Relaxed) - before) as f64 / during.as_secs_f64() / (1 << 20) as f64
    };
    let free = speed(Duration::from_secs(3)).await;
    let before = gateway.rss();
    let stalled = 20;
    let mut held = Vec::new();
    for _ in 0..stalled {
        let client = connect(gateway.address, 1).await;
        let (target, _) = listener.accept().await.unwrap();
        let (from_target, to_target) = client.into_split();
        let (from_client, to_client) = target.into_split();
        tokio::spawn(flood(to_client, Arc::default()));
        tokio::spawn(flood_frames(to_target));
        held.push((from_target, from_client)); // nobody reads these
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let during = speed(Duration::from_secs(3)).await;
    tokio::time::sleep(Duration::from_secs(seconds.saturating_sub(5))).await;
    let after = gateway.rss();
    // The readers come back: every session must still be there.
    let mut room = vec![0; 1 << 20];
    for (from_target, from_client) in &mut held {
        let mut total = 0;
        while total < 8 << 20 {
            let length = from_client.read(&mut room).await.expect("target side was cut");
            assert!(length > 0, "the target got FIN");
            total += length;
            let length = from_target.read(&mut room).await.expect("client side was cut");
            assert!(length > 0, "the client was closed");
        }
    }
    println!(
        "{stalled} sessions stalled both ways for {seconds} s and came back: {} KiB each; another \
         session moved {free:.0} MiB/s before and {during:.0} MiB/s during it",
        (after.saturating_sub(before)) / stalled
    );
}

/// A client that says nothing but that it is there. Only Pings come, and they are empty.
async fn answer_pings(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let mut random = Random(4);
    let mut ping = [0; 2];
    while from.read_exact(&mut ping).await.is_ok() && ping == [0x89, 0] {
        frame(&mut to, Opcode::Pong, true, &mut [], &mut random).await;
    }
}

async fn idle(sessions: u64) {
    let (listener, address) = listener().await;
    let gateway = Gateway::start(&address);
    let mut held = Vec::new();
    let mut before = 0;
    for index in 0..sessions {
        let client = connect(gateway.address, 1 + (index / 5000) as u8).await;
        let (mut target, _) = listener.accept().await.unwrap();
        let (mut from, mut to) = client.into_split();
        let mut random = Random(index);
        frame(&mut to, Opcode::Binary, true, &mut vec![1; 1000], &mut random).await;
        let mut room = [0; 1000];
        target.read_exact(&mut room).await.unwrap();
        target.write_all(&room).await.unwrap();
        from.read_exact(&mut [0; 1004]).await.unwrap(); // the header has four bytes
        tokio::spawn(answer_pings(from, to));
        held.push(target);
        if index == 99 {
            before = gateway.rss(); // what the process needs anyway
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let each = (gateway.rss() - before) as f64 / (sessions - 100) as f64;
    let cpu = gateway.cpu();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let cpu = (gateway.cpu() - cpu) / 60.0 * 100.0;
    println!(
        "{sessions} idle sessions: {each:.2} KiB of RSS each, {} KiB in all, {cpu:.2} % of a core \
         over a minute with keep-alive",
        gateway.rss()
    );
}

/// The lines of the token file.
const LINES: u64 = 100_000;

/// Starts sessions one after the other, and ends them when the target has seen them: CPU seconds of
/// the gateway for each. `target` gives the request target of a number.
async fn start_sessions(
    gateway: &Gateway,
    listener: &TcpListener,
    sessions: u64,
    target: impl Fn(u64) -> String,
) -> f64 {
    let before = gateway.cpu_of_threads();
    for number in 0..sessions {
        let client = connect_at(gateway.address, 1, &target(number)).await;
        let (mut server, _) = listener.accept().await.unwrap();
        drop(client);
        let _ = server.read_u8().await; // until the session is over
    }
    (gateway.cpu_of_threads() - before) / sessions as f64
}

async fn tokens(sessions: u64) {
    let (listener, address) = listener().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    let lines: String = (0..LINES).map(|number| format!("token-{number}: {address}\n")).collect();
    std::fs::write(&file, lines).unwrap();
    let without = Gateway::start(&address);
    let source = ["--token-plugin", "TokenFile", "--token-source", file.to_str().unwrap()];
    let with = Gateway::start_with(&source);
    let plain = |_| "/?token=token-0".to_owned(); // as long a request
    let token = |number: u64| format!("/?token=token-{}", number * 97 % LINES);
    start_sessions(&without, &listener, 200, plain).await;
    let before = with.cpu_of_threads();
    start_sessions(&with, &listener, 1, token).await;
    let reading = with.cpu_of_threads() - before;
    start_sessions(&with, &listener, 200, token).await;
    println!("the file of {LINES} lines is read once: {:.1} ms of CPU", reading * 1e3);
    let (mut all_without, mut all_with) = (0.0, 0.0);
    for round in 1..=5 {
        let (cost_without, cost_with) = if round % 2 == 0 {
            let cost = start_sessions(&with, &listener, sessions, token).await;
            (start_sessions(&without, &listener, sessions, plain).await, cost)
        } else {
            let cost = start_sessions(&without, &listener, sessions, plain).await;
            (cost, start_sessions(&with, &listener, sessions, token).await)
        };
        all_without += cost_without;
        all_with += cost_with;
        println!(
            "round {round}, {sessions} sessions each: {:.1} us of CPU without tokens, {:.1} us \
             with, ratio {:.3}",
            cost_without * 1e6,
            cost_with * 1e6,
            cost_with / cost_without
        );
    }
    let reading = reading / sessions as f64 * 5.0;
    println!(
        "all rounds: ratio {:.3}; if each round had read the file too: {:.3}",
        all_with / all_without,
        (all_with + reading) / all_without
    );
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let number = arguments.next().and_then(|text| text.parse().ok());
    match &*mode {
        "both" => both(number.unwrap_or(1024)).await,
        "many" => many(number.unwrap_or(200)).await,
        "target-closes" => target_closes(number.unwrap_or(1000)).await,
        "client-closes" => client_closes(number.unwrap_or(1000)).await,
        "stall" => stall(number.unwrap_or(60)).await,
        "idle" => idle(number.unwrap_or(5000)).await,
        "tokens" => tokens(number.unwrap_or(1000)).await,
        _ => {
            println!("modes: both, many, target-closes, client-closes, stall, idle, tokens");
            std::process::exit(2);
        }
    }
}
