//! Frames: docs/protocol.md §2, every row through a real socket.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use wsferry_proto::{KeepAlive, Kind};
use wsferry_testkit::patience::soon;
use wsferry_testkit::raw::{
    BINARY, CLOSE, CONTINUATION, FIN, Frame, PING, PONG, TEXT, close, frame, header,
};
use wsferry_testkit::targets::{self, End};

use crate::support::{Running, config_with};

/// Sends `bytes` behind a good message, at once and byte by byte: the client gets a Close with
/// `code` and then the end; the target gets the good message, `also`, and FIN.
async fn breaks(
    gateway: &Running,
    target: &mut targets::Target<(Vec<u8>, End)>,
    bytes: &[u8],
    code: u16,
    also: &[u8],
) {
    let shown = bytes.escape_ascii().to_string();
    for bytewise in [false, true] {
        let mut client = gateway.client().await;
        let bytes = [&frame(FIN | BINARY, b"good"), bytes].concat();
        if bytewise {
            client.send_bytewise(bytes).await;
        } else {
            client.send(bytes).await;
        }
        let (frames, end) = client.rest().await;
        assert_eq!(frames.last().map_or(0, Frame::code), code, "{shown}: {frames:?}");
        assert!(!frames.last().unwrap().reason().is_empty(), "{shown}");
        assert!(frames.iter().rev().skip(1).all(|frame| frame.first == FIN | PONG), "{frames:?}");
        assert_eq!(end, End::Fin, "{shown}");
        let (got, end) = target.report().await;
        let expected = [b"good", also].concat();
        assert_eq!(got.escape_ascii().to_string(), expected.escape_ascii().to_string(), "{shown}");
        assert_eq!(end, End::Fin, "{shown}");
    }
}

#[tokio::test]
async fn a_broken_rule_gets_1002_and_the_end_and_what_was_good_arrives() {
    let mut target = targets::collect().await;
    let gateway = Running::to(target.address()).await;
    let mut bad: Vec<Vec<u8>> = vec![
        vec![0x82, 0x01, b'x'],         // no mask
        vec![0x81, 0x00],               // no mask, no payload
        vec![0x88, 0x02, 0x03, 0xe8],   // a Close without a mask
        vec![0x89, 0x00],               // a Ping without a mask
        frame(FIN | CONTINUATION, b""), // nothing to continue
        frame(CONTINUATION, b"x"),
        [frame(FIN | BINARY, b""), frame(FIN | CONTINUATION, b"x")].concat(),
        frame(PING, b""), // fragmented control frames
        frame(PONG, b"x"),
        frame(CLOSE, &[3, 232]),
        vec![0x82, 0xfe, 0, 125], // lengths not in their shortest form
        vec![0x82, 0xfe, 0, 0],
        vec![0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
        vec![0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 5],
        vec![0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], // the top bit
        vec![0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0x89, 0xfe, 0, 126], // control frames over 125 bytes
        vec![0x8a, 0xff, 0, 0, 0, 0, 0, 1, 0, 0],
        frame(FIN | CLOSE, &[b'x'; 126]),
        frame(FIN | PING, &[b'x'; 126]),
        frame(FIN | CLOSE, &[3]), // half a code
    ];
    for lengths in &mut bad {
        if lengths.len() > 3 && matches!(lengths[1], 0xfe | 0xff) {
            lengths.extend([1, 2, 3, 4]); // the masking key of a header alone
        }
    }
    for opcode in [0x3, 0x4, 0x5, 0x6, 0x7, 0xb, 0xc, 0xd, 0xe, 0xf] {
        bad.push(vec![FIN | opcode]); // judged by its first byte
        bad.push(vec![opcode]);
        bad.push(frame(FIN | opcode, b"payload"));
    }
    for reserved in [0x10, 0x20, 0x40, 0x70] {
        for opcode in [TEXT, BINARY, CLOSE, PING, PONG] {
            bad.push(header(FIN | reserved | opcode, 100)); // before its payload
        }
    }
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535_u16] {
        bad.push(close(code, b""));
        bad.push(close(code, b"reason"));
    }
    for bytes in bad {
        breaks(&gateway, &mut target, &bytes, 1002, b"").await;
    }
}

#[tokio::test]
async fn a_message_inside_another_gets_1002() {
    let mut target = targets::collect().await;
    let gateway = Running::to(target.address()).await;
    for (first, second) in [(TEXT, TEXT), (TEXT, BINARY), (BINARY, TEXT), (BINARY, BINARY)] {
        let bytes = [frame(first, b"begun"), frame(FIN | second, b"x")].concat();
        breaks(&gateway, &mut target, &bytes, 1002, b"begun").await;
        let bytes = [frame(first, b""), frame(second, b"x")].concat();
        breaks(&gateway, &mut target, &bytes, 1002, b"").await;
    }
    let fragments = [frame(BINARY, b"a"), frame(CONTINUATION, b"b"), frame(FIN | PING, b"p")];
    let bytes = [fragments.concat(), frame(FIN | 0x40 | CONTINUATION, b"c")].concat();
    breaks(&gateway, &mut target, &bytes, 1002, b"ab").await;
}

#[tokio::test]
async fn text_and_reasons_that_are_not_utf_8_get_1007() {
    let mut target = targets::collect().await;
    let gateway = Running::to(target.address()).await;
    for (bytes, also) in [
        (frame(FIN | TEXT, b"ok \xff"), &b"ok "[..]),
        (frame(FIN | TEXT, b"\xc0\xaf"), b""),
        (frame(FIN | TEXT, b"\xed\xa0\x80"), b"\xed"), // the second byte is the one that is wrong
        (frame(FIN | TEXT, b"\xf4\x90\x80\x80"), b"\xf4"),
        (frame(TEXT, b"\xf8"), b""),
        ([frame(TEXT, b"a"), frame(FIN | CONTINUATION, b"\x80")].concat(), b"a"),
        (close(1000, b"\xff"), b""),
        (close(1000, b"ok \xe2\x82"), b""),
    ] {
        breaks(&gateway, &mut target, &bytes, 1007, also).await;
    }
}

#[tokio::test]
async fn text_that_ends_inside_a_character_gets_1007() {
    let mut target = targets::collect().await;
    let gateway = Running::to(target.address()).await;
    for bytes in [
        frame(FIN | TEXT, "a€".split_at(1).0.as_bytes()),
        frame(FIN | TEXT, b"a\xe2\x82"),
        [frame(TEXT, b"a\xe2"), frame(CONTINUATION, b"\x82"), frame(FIN, b"")].concat(),
    ]
    .into_iter()
    .skip(1)
    {
        let mut client = gateway.client().await;
        client.send(bytes).await;
        let (frames, end) = client.rest().await;
        assert_eq!((frames.len(), frames[0].code(), end), (1, 1007, End::Fin));
        let (got, end) = target.report().await;
        assert!(b"a\xe2\x82".starts_with(&got) && !got.is_empty(), "{got:?}");
        assert_eq!(end, End::Fin);
    }
}

#[tokio::test]
async fn a_character_may_be_cut_by_fragments_and_by_packets() {
    let mut target = targets::collect().await;
    let gateway = Running::to(target.address()).await;
    let text = "aé€😀\u{10ffff}";
    let mut client = gateway.client().await;
    let bytes = text.as_bytes();
    let mut frames = frame(TEXT, b"");
    for byte in bytes {
        frames.extend(frame(CONTINUATION, &[*byte]));
        frames.extend(frame(FIN | PING, b"!"));
    }
    frames.extend(frame(FIN | CONTINUATION, b""));
    client.send_bytewise(&frames).await;
    client.send(close(1000, "ä".as_bytes())).await;
    let (frames, _) = client.rest().await;
    assert_eq!(frames.len(), bytes.len() + 1);
    assert_eq!(target.report().await, (bytes.to_vec(), End::Fin));
}

#[tokio::test]
async fn every_code_that_may_travel_is_echoed_with_its_reason() {
    let gateway = Running::to(targets::echo().await.address()).await;
    let mut codes: Vec<u16> = (1000..=1003).chain(1007..=1014).collect();
    codes.extend([3000, 3999, 4000, 4999]);
    for code in codes {
        for reason in ["", "because", &"é".repeat(61)] {
            let mut client = gateway.client().await;
            client.send(close(code, reason.as_bytes())).await;
            assert_eq!(client.rest().await, (vec![Frame::close(code, reason)], End::Fin));
        }
    }
    let mut client = gateway.client().await;
    client.send_frame(FIN | CLOSE, b"").await;
    assert_eq!(client.rest().await, (vec![Frame::new(FIN | CLOSE, b"")], End::Fin));
}

#[tokio::test]
async fn pings_are_answered_in_order_and_pongs_ignored() {
    let gateway = Running::to(targets::echo().await.address()).await;
    let mut client = gateway.client().await;
    for length in [0, 1, 124, 125] {
        client.send_frame(FIN | PING, vec![b'p'; length]).await;
        assert_eq!(client.frame().await, Frame::new(FIN | PONG, vec![b'p'; length]));
        client.send_frame(FIN | PONG, vec![b'q'; length]).await;
    }
    client.send([frame(BINARY, b"a"), frame(FIN | PING, b"inside")].concat()).await;
    let mut frames = [client.frame().await, client.frame().await];
    frames.sort_by_key(|frame| frame.first);
    assert_eq!(frames[0], Frame::new(FIN | BINARY, b"a"));
    assert_eq!(frames[1], Frame::new(FIN | PONG, b"inside"));
    client.send_frame(FIN | CONTINUATION, b"b").await;
    assert_eq!(client.payload(1).await, b"b");
}

#[tokio::test]
async fn many_pings_at_once_are_all_answered_and_what_follows_them_goes_on() {
    let gateway = Running::to(targets::echo().await.address()).await;
    for (count, length) in [(20_u8, 125), (200, 60), (250, 0), (250, 125)] {
        let mut client = gateway.client().await;
        let payload = |number: u8| vec![number; length];
        let mut bytes: Vec<u8> =
            (0..count).flat_map(|number| frame(FIN | PING, &payload(number))).collect();
        bytes.extend(frame(FIN | BINARY, b"behind"));
        client.send(bytes).await;
        for number in 0..count {
            assert_eq!(client.frame().await, Frame::new(FIN | PONG, payload(number)));
        }
        assert_eq!(client.payload(6).await, b"behind");
    }
}

#[tokio::test]
async fn a_client_that_pings_and_never_reads_is_held_back_and_loses_nothing() {
    let gateway = Running::to(targets::echo().await.address()).await;
    let (mut frames, mut write) = gateway.client().await.split();
    let count = 100_000_u32;
    let writing = tokio::spawn(async move {
        for number in 0..count {
            write.write_all(&frame(FIN | PING, &number.to_be_bytes().repeat(30))).await.unwrap();
        }
        write
    });
    for number in 0..count {
        let frame = soon(frames.next()).await.unwrap();
        assert_eq!(frame.payload, number.to_be_bytes().repeat(30));
    }
    soon(writing).await.unwrap();
}

#[tokio::test]
async fn empty_frames_and_fragments_write_nothing_and_come_back_as_nothing() {
    let mut target = targets::by_hand().await;
    let gateway = Running::to(target.address()).await;
    let mut client = gateway.client().await;
    let mut stream = target.report().await;
    for bytes in [
        frame(FIN | BINARY, b""),
        frame(FIN | TEXT, b""),
        frame(TEXT, b""),
        frame(CONTINUATION, b""),
        frame(FIN | CONTINUATION, b""),
        frame(FIN | PING, b"ping"),
    ] {
        client.send(bytes).await;
    }
    assert_eq!(client.frame().await, Frame::new(FIN | PONG, b"ping"));
    client.send(frame(FIN | BINARY, b"x")).await;
    let mut room = [0; 10];
    assert_eq!(soon(tokio::io::AsyncReadExt::read(&mut stream, &mut room)).await.unwrap(), 1);
    stream.write_all(b"y").await.unwrap();
    assert_eq!(client.frame().await, Frame::new(FIN | BINARY, b"y"));
    drop(stream);
    assert_eq!(client.frame().await, Frame::close(1000, "Target closed"));
}

#[tokio::test]
async fn a_frame_of_a_terabyte_streams() {
    let gateway = Running::to(targets::echo().await.address()).await;
    let mut client = gateway.client().await;
    client.send(header(FIN | BINARY, 1 << 40)).await;
    let payload: Vec<u8> = (0..100_u8).collect();
    let sent: Vec<u8> = frame(FIN | BINARY, &payload)[6..].to_vec();
    client.send(sent).await;
    assert_eq!(client.payload(100).await, payload);
}

#[tokio::test]
async fn every_border_of_a_length_passes_in_both_types() {
    let gateway = Running::to(targets::echo().await.address()).await;
    let mut client = gateway.client().await;
    for length in [0, 1, 2, 125, 126, 127, 128, 65_535, 65_536, 65_537, 1 << 20] {
        for opcode in [TEXT, BINARY] {
            let payload = vec![b'a' + opcode; length];
            let (mut reader, mut write) = client.split();
            let sent = frame(FIN | opcode, &payload);
            let writing = tokio::spawn(async move {
                write.write_all(&sent).await.unwrap();
                write
            });
            let mut got = Vec::new();
            while got.len() < length {
                let frame = soon(reader.next()).await.unwrap();
                assert_eq!(frame.first, FIN | BINARY);
                got.extend(frame.payload);
            }
            assert!(got == payload, "{length} bytes");
            let write = soon(writing).await.unwrap();
            client = wsferry_testkit::raw::Client::joined(reader, write);
        }
    }
}

#[tokio::test]
async fn text_is_accepted_by_default_and_comes_out_as_bytes() {
    let mut target = targets::collect().await;
    let gateway = Running::to(target.address()).await;
    let mut client = gateway.client().await;
    client.send_frame(FIN | TEXT, "hi ä").await;
    client.send(close(1000, b"")).await;
    assert_eq!(client.rest().await.1, End::Fin);
    assert_eq!(target.report().await, ("hi ä".into(), End::Fin));
}

#[tokio::test]
async fn where_text_is_not_accepted_it_gets_1003() {
    let mut target = targets::collect().await;
    let change = |config: &mut crate::config::Config| config.session.relay.accept_text = false;
    let gateway = Running::start(config_with(target.address(), change)).await;
    for bytes in [frame(FIN | TEXT, b"hi"), frame(TEXT, b""), vec![FIN | TEXT]] {
        breaks(&gateway, &mut target, &bytes, 1003, b"").await;
    }
}

async fn sending_text(target: &targets::Target<tokio::net::TcpStream>) -> Running {
    let change = |config: &mut crate::config::Config| config.session.relay.send = Kind::Text;
    Running::start(config_with(target.address(), change)).await
}

#[tokio::test]
async fn bytes_sent_as_text_are_cut_only_between_characters() {
    let mut target = targets::by_hand().await;
    let gateway = sending_text(&target).await;
    let mut client = gateway.client().await;
    let mut stream = target.report().await;
    stream.set_nodelay(true).unwrap();
    let text = "aé€😀ж".repeat(4000);
    let sent = text.clone();
    let writing = tokio::spawn(async move {
        let (first, rest) = sent.as_bytes().split_at(100);
        for byte in first {
            stream.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        stream.write_all(rest).await.unwrap();
    });
    let mut got = String::new();
    let end = loop {
        let frame = client.frame().await;
        if frame.first != FIN | TEXT {
            break frame;
        }
        assert!(!frame.payload.is_empty());
        got += std::str::from_utf8(&frame.payload).unwrap();
    };
    assert_eq!(end, Frame::close(1000, "Target closed"));
    assert!(got == text);
    writing.await.unwrap();
}

#[tokio::test]
async fn bytes_sent_as_text_that_are_none_get_1011_behind_the_good_ones() {
    for bad in [&b"good\xff"[..], b"good\xc3", b"good\xe2\x82", b"good\xed\xa0\x80more"] {
        let mut target = targets::by_hand().await;
        let gateway = sending_text(&target).await;
        let client = gateway.client().await;
        let mut stream = target.report().await;
        stream.write_all(bad).await.unwrap();
        drop(stream);
        let (frames, end) = client.leave().await;
        assert_eq!(frames[0], Frame::new(FIN | TEXT, b"good"), "{bad:?}");
        assert_eq!((frames[1].code(), frames.len(), end), (1011, 2, End::Fin), "{bad:?}");
    }
}

async fn pinging(target: std::net::SocketAddr, interval: u64, timeout: u64) -> Running {
    let keep_alive = KeepAlive {
        interval: Duration::from_millis(interval),
        timeout: Duration::from_millis(timeout),
    };
    let change = |config: &mut crate::config::Config| {
        config.session.relay.keep_alive = Some(keep_alive);
    };
    Running::start(config_with(target, change)).await
}

#[tokio::test]
async fn a_silent_client_is_pinged_again_and_again() {
    let gateway = pinging(targets::echo().await.address(), 50, 20_000).await;
    let mut client = gateway.client().await;
    for _ in 0..5 {
        assert_eq!(client.frame().await.first, FIN | PING);
        client.send_frame(FIN | PONG, b"").await;
    }
}

#[tokio::test]
async fn a_client_that_gives_no_sign_of_life_gets_1011_and_its_target_fin() {
    let mut target = targets::collect().await;
    let gateway = pinging(target.address(), 50, 200).await;
    let mut client = gateway.client().await;
    client.send_frame(FIN | BINARY, b"last words").await;
    let (frames, _) = client.rest().await;
    assert_eq!(frames[0].first, FIN | PING);
    assert_eq!(frames[1], Frame::close(1011, "keepalive timeout"));
    assert_eq!(frames.len(), 2);
    assert_eq!(target.report().await, (b"last words".to_vec(), End::Fin));
}

#[tokio::test]
async fn data_is_a_sign_of_life_as_good_as_a_pong() {
    let gateway = pinging(targets::echo().await.address(), 100, 2000).await;
    let mut client = gateway.client().await;
    for _ in 0..25 {
        assert_eq!(client.frame().await.first, FIN | PING);
        client.send_frame(FIN | BINARY, b"x").await;
        assert_eq!(client.payload(1).await, b"x");
    }
}

#[tokio::test]
async fn a_client_that_is_held_back_is_not_dropped() {
    let mut target = targets::by_hand().await;
    let gateway = pinging(target.address(), 50, 200).await;
    let (mut frames, mut write) = gateway.client().await.split();
    let mut stream = target.report().await;
    // The target reads nothing, so neither does the gateway, and the Pongs lie in the sockets.
    let payload = vec![b'x'; 1 << 20];
    let sent = frame(FIN | BINARY, &payload).repeat(16);
    let writing = tokio::spawn(async move {
        soon(write.write_all(&sent)).await.unwrap();
        soon(write.write_all(&close(1000, b"done"))).await.unwrap();
        write
    });
    // A clock: clients that are dropped while this one is not.
    for _ in 0..4 {
        let silent = gateway.client().await;
        assert_eq!(silent.rest().await.0.last().unwrap().code(), 1011);
        drop(target.report().await);
    }
    let reading = tokio::spawn(async move {
        let mut all = Vec::new();
        let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut all).await;
        (all.len(), read.is_ok())
    });
    let end = loop {
        match soon(frames.next()).await.unwrap() {
            frame if frame.first == FIN | PING => {}
            frame => break frame,
        }
    };
    assert_eq!(end, Frame::close(1000, "done"));
    assert_eq!(soon(reading).await.unwrap(), (16 << 20, true));
    soon(writing).await.unwrap();
}
