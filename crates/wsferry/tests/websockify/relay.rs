//! Bytes in both directions, and how a session ends.

use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use wsferry_testkit::patience::soon;
use wsferry_testkit::program::ReservedPort;
use wsferry_testkit::raw::{
    BINARY, CONTINUATION, Client as RawClient, FIN, close as close_frame, frame,
};
use wsferry_testkit::stream::Pattern;
use wsferry_testkit::targets::{self, End, Target};

use crate::client::{Refusal, chat, close, hear, hear_close, leave, say};
use crate::subject::{Gateway, Subject};

same! {
    bytes_go_both_ways_unchanged
    fragments_are_one_message
    any_path_is_an_upgrade
    targets_may_be_names_and_ipv6
    the_clients_close_code_and_reason_are_echoed
    a_close_without_a_code_is_echoed
    all_bytes_before_a_close_reach_the_target
    a_client_that_is_lost_ends_the_target
    a_target_that_refuses_is_told_after_the_handshake
    a_target_that_ends_is_told_behind_its_last_byte
    what_the_target_wrote_at_once_is_one_message_of_64_kib_at_most
    pings_are_answered
    heartbeats_are_sent
    a_frame_without_a_mask_is_a_protocol_error
    several_clients_at_once
}

async fn bytes_go_both_ways_unchanged(program: Subject) {
    let target = targets::echo().await;
    let gateway = program.gate_to(target.address(), &[]).await;
    let mut client = gateway.connect().await;
    for length in [1, 125, 126, 65535, 65536, 300_000] {
        let bytes = Pattern::new(length as u64).bytes(0, length);
        say(&mut client, &bytes).await;
        hear(&mut client, &bytes).await;
    }
    leave(client).await;
}

async fn fragments_are_one_message(program: Subject) {
    let mut target = targets::collect().await;
    let gateway = program.gate_to(target.address(), &[]).await;
    let mut client = RawClient::open(gateway.address()).await;
    client.send(frame(BINARY, b"one ")).await;
    client.send(frame(CONTINUATION, b"two ")).await;
    client.send(frame(FIN | CONTINUATION, b"three")).await;
    client.send(close_frame(1000, b"")).await;
    assert_eq!(target.report().await, (b"one two three".to_vec(), End::Fin));
}

async fn any_path_is_an_upgrade(program: Subject) {
    let target = targets::echo().await;
    let gateway = program.gate_to(target.address(), &[]).await;
    for path in ["/", "/websockify", "/a/b.html?c=d&e", "/%7Ename"] {
        chat(&mut gateway.connect_to(path).await).await;
    }
}

async fn targets_may_be_names_and_ipv6(program: Subject) {
    let by_name = targets::echo().await;
    let gateway = program.gate(&[], &[&format!("localhost:{}", by_name.address().port())]).await;
    chat(&mut gateway.connect().await).await;

    let by_ipv6 = Target::start_on("[::1]:0", targets::echoing).await;
    let gateway = program.gate_to(by_ipv6.address(), &[]).await;
    chat(&mut gateway.connect().await).await;
}

async fn the_clients_close_code_and_reason_are_echoed(program: Subject) {
    let target = targets::echo().await;
    let gateway = program.gate_to(target.address(), &[]).await;
    for (code, reason) in [(1000, ""), (1001, "going"), (3000, "Grüße"), (4999, "own")] {
        let mut client = gateway.connect().await;
        assert_eq!(close(&mut client, code, reason).await, (code, reason.to_owned()));
    }
}

async fn a_close_without_a_code_is_echoed(program: Subject) {
    let target = targets::echo().await;
    let gateway = program.gate_to(target.address(), &[]).await;
    let mut client = gateway.connect().await;
    soon(client.close(None)).await.unwrap();
    assert_eq!(hear_close(&mut client).await, (1005, String::new()));
}

async fn all_bytes_before_a_close_reach_the_target(program: Subject) {
    let mut target = targets::collect().await;
    let gateway = program.gate_to(target.address(), &[]).await;
    let mut client = gateway.connect().await;
    let bytes = Pattern::new(1).bytes(0, 200_000);
    for piece in bytes.chunks(10_000) {
        say(&mut client, piece).await;
    }
    leave(client).await;
    let (read, end) = target.report().await;
    assert!(read == bytes, "{} bytes came", read.len());
    assert_eq!(end, End::Fin);
}

async fn a_client_that_is_lost_ends_the_target(program: Subject) {
    let mut target = targets::collect().await;
    let gateway = program.gate_to(target.address(), &[]).await;
    let mut client = gateway.connect().await;
    say(&mut client, b"last words").await;
    drop(client);
    assert_eq!(target.report().await, (b"last words".to_vec(), End::Fin));
}

async fn a_target_that_refuses_is_told_after_the_handshake(program: Subject) {
    let gateway = program.gate_to(targets::refusing().await, &[]).await;
    let mut client = gateway.connect().await;
    let (code, reason) = hear_close(&mut client).await;
    assert_eq!(code, 1011);
    assert!(reason.starts_with("Failed to connect to downstream server"), "{reason}");
}

async fn a_target_that_ends_is_told_behind_its_last_byte(program: Subject) {
    let bytes = Pattern::new(2).bytes(0, 200_000);
    let sent = bytes.clone();
    let target = Target::start(move |mut stream| {
        let sent = sent.clone();
        async move {
            stream.write_all(&sent).await.unwrap();
            stream.shutdown().await.unwrap();
            targets::read_all(stream).await;
        }
    });
    let gateway = program.gate_to(target.await.address(), &[]).await;
    let mut client = gateway.connect().await;
    hear(&mut client, &bytes).await;
    assert_eq!(hear_close(&mut client).await, (1000, "Target closed".to_owned()));
}

async fn what_the_target_wrote_at_once_is_one_message_of_64_kib_at_most(program: Subject) {
    let mut target = targets::by_hand().await;
    let gateway = program.gate_to(target.address(), &[]).await;
    let mut client = gateway.connect().await;
    let mut stream = target.report().await;
    for length in [20_000, 16_385, 50_000, 20_000] {
        let bytes = Pattern::new(length as u64).bytes(0, length);
        soon(stream.write_all(&bytes)).await.unwrap();
        assert_eq!(soon(client.next()).await.unwrap().unwrap(), Message::binary(bytes));
    }
    let bytes = Pattern::new(1).bytes(0, 4 << 20);
    let writing = tokio::spawn({
        let bytes = bytes.clone();
        async move { stream.write_all(&bytes).await.unwrap() }
    });
    let mut got = Vec::new();
    while got.len() < bytes.len() {
        let message = soon(client.next()).await.unwrap().unwrap().into_data();
        assert!(message.len() <= 65_536, "{} bytes", message.len());
        got.extend_from_slice(&message);
    }
    assert!(got == bytes);
    writing.await.unwrap();
}

async fn pings_are_answered(program: Subject) {
    let target = targets::echo().await;
    let gateway = program.gate_to(target.address(), &[]).await;
    let mut client = gateway.connect().await;
    let payload = Bytes::from_static(b"are you there?");
    soon(client.send(Message::Ping(payload.clone()))).await.unwrap();
    assert_eq!(soon(client.next()).await.unwrap().unwrap(), Message::Pong(payload));
}

async fn heartbeats_are_sent(program: Subject) {
    let target = targets::echo().await;
    let gateway = program.gate_to(target.address(), &["--heartbeat", "1"]).await;
    let mut client = gateway.connect().await;
    assert!(matches!(soon(client.next()).await, Some(Ok(Message::Ping(_)))));
    chat(&mut client).await;
}

async fn a_frame_without_a_mask_is_a_protocol_error(program: Subject) {
    let target = targets::echo().await;
    let gateway = program.gate_to(target.address(), &[]).await;
    let mut client = RawClient::open(gateway.address()).await;
    client.send(b"\x82\x05hello").await;
    let frame = client.frame().await;
    assert_eq!(frame.code(), 1002, "{frame:?}");
}

async fn several_clients_at_once(program: Subject) {
    let target = targets::echo().await;
    let gateway = program.gate_to(target.address(), &[]).await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(gateway.connect().await);
    }
    for (number, client) in clients.iter_mut().enumerate() {
        say(client, &[number as u8; 3]).await;
    }
    for (number, client) in clients.iter_mut().enumerate() {
        hear(client, &[number as u8; 3]).await;
    }
}

pub(crate) async fn text_messages(program: Subject) {
    let target = targets::echo().await;
    let gateway = program.gate_to(target.address(), &[]).await;
    let mut client = gateway.connect().await;
    soon(client.send(Message::text("hello"))).await.unwrap();
    match program {
        Subject::Websockify => assert_eq!(hear_close(&mut client).await.0, 1003),
        Subject::Wsferry => hear(&mut client, b"hello").await,
    }
}

pub(crate) async fn an_origin_of_another_host(program: Subject) {
    let target = targets::echo().await;
    let gateway = program.gate_to(target.address(), &[]).await;
    let result = gateway.try_connect("/", &[("Origin", "https://elsewhere.example")]).await;
    match program {
        Subject::Websockify => chat(&mut result.unwrap()).await,
        Subject::Wsferry => assert_eq!(result.err(), Some(Refusal::Status(403))),
    }
    let own = format!("http://127.0.0.1:{}", gateway.port());
    chat(&mut gateway.try_connect("/", &[("Origin", &own)]).await.unwrap()).await;
}

pub(crate) async fn a_host_that_is_not_known(program: Subject) {
    let target = targets::echo().await;
    let on_loopback = program.gate_to(target.address(), &[]).await;
    let port = ReservedPort::new();
    let words = [port.number().to_string(), target.address().to_string()];
    let on_all_addresses = Gateway::listening(program.start(&words), port).await;
    for gateway in [on_loopback, on_all_addresses] {
        let result = gateway.try_connect("/", &[("Host", "elsewhere.example")]).await;
        match program {
            Subject::Websockify => chat(&mut result.unwrap()).await,
            Subject::Wsferry => assert_eq!(result.err(), Some(Refusal::Status(403))),
        }
    }
}
