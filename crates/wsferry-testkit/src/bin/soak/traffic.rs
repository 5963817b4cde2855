//! What clients and targets do: connect, send and receive streams of which every byte is checked.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use wsferry_frames::{FIN, close_payload};
use wsferry_proto::{Connection, Event, Kind, Opcode, Role, Settings};
use wsferry_testkit::stream::{Checker, Dice, Pattern};

pub(crate) async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

pub(crate) async fn connect(gateway: SocketAddr, source: u8) -> TcpStream {
    connect_at(gateway, source, "/").await
}

/// Connects with a request target.
pub(crate) async fn connect_at(gateway: SocketAddr, source: u8, target: &str) -> TcpStream {
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

pub(crate) async fn frame(
    to: &mut OwnedWriteHalf,
    opcode: Opcode,
    fin: bool,
    payload: &[u8],
    dice: &mut Dice,
) -> bool {
    let key = (dice.roll(1 << 32) as u32).to_le_bytes();
    let first = opcode.bits() | if fin { FIN } else { 0 };
    let bytes = wsferry_frames::frame(first, Some(key), payload);
    to.write_all(&bytes).await.is_ok()
}

pub(crate) async fn close(to: &mut OwnedWriteHalf, dice: &mut Dice) {
    frame(to, Opcode::Close, true, &close_payload(1000, b"bye"), dice).await;
}

/// Sends a stream as messages: random sizes, random fragments, pings between.
pub(crate) async fn send_messages(
    mut to: OwnedWriteHalf,
    pattern: Pattern,
    total: u64,
    largest: u64,
) -> OwnedWriteHalf {
    let mut dice = Dice::new(total);
    let mut sent = 0;
    while sent < total {
        let exponent = dice.roll(largest.ilog2() as u64 + 1);
        let size = dice.roll(1 << exponent).min(total - sent);
        let fragments = if dice.roll(4) == 0 { 1 + dice.roll(5) } else { 1 };
        let mut left = size;
        for index in 0..fragments {
            let last = index + 1 == fragments;
            let length = if last { left } else { dice.roll(left + 1) };
            left -= length;
            let payload = pattern.bytes(sent, usize::try_from(length).unwrap());
            sent += length;
            let opcode = if index == 0 { Opcode::Binary } else { Opcode::Continuation };
            assert!(frame(&mut to, opcode, last, &payload, &mut dice).await, "cut at {sent}");
            if dice.roll(8) == 0 {
                frame(&mut to, Opcode::Ping, true, &[1, 2, 3], &mut dice).await;
            }
        }
    }
    to
}

/// Receives messages until the Close: how many bytes, and the code and reason.
pub(crate) async fn receive_messages(
    from: &mut OwnedReadHalf,
    pattern: Pattern,
    slow: bool,
) -> (u64, u16, String) {
    let mut machine = machine();
    let mut dice = Dice::new(77);
    let mut room = vec![0; 256 * 1024];
    let mut checker = Checker::new(pattern);
    loop {
        let length = match from.read(&mut room).await {
            Ok(0) => return (checker.at(), 1006, "EOF".to_owned()),
            Err(error) => return (checker.at(), 1006, error.to_string()),
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
                    checker.take(bytes);
                }
                Some(Event::Close(close)) => {
                    assert_eq!(at, length, "bytes after the Close");
                    let code = close.code.map_or(1005, wsferry_proto::CloseCode::get);
                    return (checker.at(), code, close.text.into());
                }
                Some(Event::Failed(violation)) => panic!("{violation}"),
                Some(Event::Ping) | None => {}
            }
        }
        if slow && dice.roll(200) == 0 {
            tokio::time::sleep(Duration::from_millis(dice.roll(20))).await;
        }
    }
}

pub(crate) async fn send_bytes(to: &mut OwnedWriteHalf, pattern: Pattern, total: u64) {
    let mut dice = Dice::new(total);
    let mut sent = 0;
    while sent < total {
        let length = (1 + dice.roll(100_000)).min(total - sent);
        let bytes = pattern.bytes(sent, usize::try_from(length).unwrap());
        to.write_all(&bytes).await.expect("the gateway took no more");
        sent += length;
    }
}

pub(crate) async fn receive_bytes(
    from: &mut OwnedReadHalf,
    pattern: Pattern,
    slow: bool,
) -> (u64, &'static str) {
    let mut dice = Dice::new(55);
    let mut room = vec![0; 256 * 1024];
    let mut checker = Checker::new(pattern);
    loop {
        match from.read(&mut room).await {
            Ok(0) => return (checker.at(), "FIN"),
            Err(_) => return (checker.at(), "RST"),
            Ok(length) => {
                checker.take(&room[..length]);
            }
        }
        if slow && dice.roll(200) == 0 {
            tokio::time::sleep(Duration::from_millis(dice.roll(20))).await;
        }
    }
}
