//! The built-in target `echo:` answers message for message with the same type.

use tokio::io::AsyncWriteExt;
use wsferry_testkit::patience::soon;
use wsferry_testkit::raw::{
    BINARY, CONTINUATION, FIN, Frame, Frames, HANDSHAKE, PING, TEXT, close, frame,
};
use wsferry_testkit::stream::{Dice, Pattern};
use wsferry_testkit::targets::End;

use crate::support::{Running, config_with};

/// The next message: its type and its payload. Control frames between its fragments are given back
/// too.
async fn message(
    frames: &mut Frames<impl tokio::io::AsyncRead + Unpin>,
) -> (u8, Vec<u8>, Vec<Frame>) {
    let (mut opcode, mut all, mut between) = (None, Vec::new(), Vec::new());
    loop {
        let frame = soon(frames.next()).await.unwrap();
        if frame.first & 0x08 != 0 {
            between.push(frame);
            continue;
        }
        match opcode {
            None => opcode = Some(frame.first & 0x0f),
            Some(_) => assert_eq!(frame.first & 0x7f, CONTINUATION),
        }
        all.extend(&frame.payload);
        if frame.first & FIN != 0 {
            return (opcode.unwrap(), all, between);
        }
    }
}

#[tokio::test]
async fn each_message_comes_back_with_its_type_and_its_length() {
    let gateway = Running::to("echo:").await;
    let (mut frames, mut write) = gateway.client().await.split();
    for length in [0, 1, 125, 126, 127, 65_535, 65_536, 300_000] {
        for opcode in [TEXT, BINARY] {
            let payload = vec![b'a'; length];
            let sent = frame(FIN | opcode, &payload);
            let send = async { write.write_all(&sent).await.unwrap() };
            let (got, ()) = tokio::join!(message(&mut frames), send);
            assert!(got == (opcode, payload, vec![]), "{length} bytes");
        }
    }
}

#[tokio::test]
async fn a_fragmented_message_comes_back_as_one_message() {
    let gateway = Running::to("echo:").await;
    let mut client = gateway.client().await;
    for opcode in [TEXT, BINARY] {
        client.send_frame(opcode, b"one ").await;
        client.send_frame(CONTINUATION, b"").await;
        client.send_frame(FIN | PING, b"ping").await;
        client.send_frame(CONTINUATION, b"two ").await;
        client.send_frame(FIN | CONTINUATION, b"three").await;
        client.send_frame(FIN | opcode, b"next").await;
        let (mut frames, write) = client.split();
        let (kind, all, between) = message(&mut frames).await;
        assert_eq!((kind, &all[..]), (opcode, &b"one two three"[..]));
        assert_eq!(between, [Frame::new(0x8a, b"ping")]);
        assert_eq!(message(&mut frames).await, (opcode, b"next".to_vec(), vec![]));
        client = wsferry_testkit::raw::Client::joined(frames, write);
    }
}

#[tokio::test]
async fn many_messages_of_random_sizes_come_back_in_order() {
    let gateway = Running::to("echo:").await;
    let (mut frames, mut write) = gateway.client().await.split();
    let sizes = || {
        let mut dice = Dice::new(70);
        std::iter::repeat_with(move || dice.size(100_000)).take(100)
    };
    let writing = tokio::spawn(async move {
        for size in sizes() {
            write.write_all(&frame(FIN | BINARY, &Pattern::new(3).bytes(0, size))).await.unwrap();
        }
        write.write_all(&close(1000, b"done")).await.unwrap();
        write
    });
    for size in sizes() {
        assert!(message(&mut frames).await.1 == Pattern::new(3).bytes(0, size));
    }
    assert_eq!(soon(frames.next()).await, Ok(Frame::close(1000, "done")));
    assert_eq!(soon(frames.next()).await, Err(End::Fin));
    soon(writing).await.unwrap();
}

#[tokio::test]
async fn messages_behind_the_handshake_come_back_too() {
    let gateway = Running::to("echo:").await;
    let mut raw = gateway.raw().await;
    let frames = [frame(FIN | TEXT, b"early"), frame(FIN | BINARY, &[7; 3000])].concat();
    raw.send([HANDSHAKE.as_bytes(), &frames].concat()).await;
    assert_eq!(raw.answer().await.status, 101);
    let (mut frames, _write) = raw.into_client().split();
    assert_eq!(message(&mut frames).await, (TEXT, b"early".to_vec(), vec![]));
    assert_eq!(message(&mut frames).await, (BINARY, vec![7; 3000], vec![]));
}

#[tokio::test]
async fn a_broken_rule_ends_an_echo_like_any_session() {
    let gateway = Running::to("echo:").await;
    for (bytes, code) in [
        (vec![0x82, 0x01, b'x'], 1002),
        (frame(FIN | TEXT, b"\xff"), 1007),
        (close(1005, b""), 1002),
        (frame(FIN | 0x40 | BINARY, b"x"), 1002),
    ] {
        let mut client = gateway.client().await;
        client.send([frame(FIN | TEXT, b"good"), bytes].concat()).await;
        let (frames, end) = client.rest().await;
        assert_eq!(frames[0], Frame::new(FIN | TEXT, b"good"));
        assert_eq!((frames[1].code(), frames.len(), end), (code, 2, End::Fin));
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_after_the_write_timeout_without_any_other_timer() {
    // No keep-alive: nothing but the stall itself wakes the session.
    let change = |config: &mut crate::config::Config| {
        config.session.relay.write_timeout = Some(std::time::Duration::from_millis(500));
    };
    let gateway = Running::start(config_with("echo:", change)).await;
    let mut client = gateway.client().await.into_stream();
    let message = frame(FIN | BINARY, &[b'x'; 60_000]);
    soon(async { while client.write_all(&message).await.is_ok() {} }).await;
}
