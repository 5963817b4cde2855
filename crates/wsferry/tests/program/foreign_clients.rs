//! Clients written by others: round trips of 0 bytes to 16 MiB, in text and binary, against the
//! built-in echo and against a TCP server.

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use wsferry_testkit::clients::{Client, Echo, Verdict};
use wsferry_testkit::cpp::plain_server;
use wsferry_testkit::patience::soon;
use wsferry_testkit::program::Program;

use crate::support::{connect, leave, wsferry};

const SIZES: [usize; 8] = [0, 1, 125, 126, 127, 65535, 65536, 16 << 20];

/// A gateway, and what must live as long.
async fn gateway(echo: Echo) -> (Program, Option<Program>, String) {
    let (server, target) = match echo {
        Echo::Messages => (None, "echo:".to_owned()),
        Echo::Bytes => {
            let (server, port) = plain_server(0).await;
            (Some(server), format!("127.0.0.1:{port}"))
        }
    };
    let program = wsferry(&["127.0.0.1:0", &target]);
    let url = format!("ws://127.0.0.1:{}/", program.port().await);
    (program, server, url)
}

async fn assert_round_trips(client: Client, echo: Echo) {
    let (_program, _server, url) = gateway(echo).await;
    if let Verdict::Skipped(why) = client.make_round_trips(&url, echo).await {
        println!("{why}");
    }
}

#[tokio::test]
async fn ws_from_npm_gets_every_message_back() {
    assert_round_trips(Client::Ws, Echo::Messages).await;
}

#[tokio::test]
async fn ws_from_npm_gets_every_byte_back_from_a_tcp_server() {
    assert_round_trips(Client::Ws, Echo::Bytes).await;
}

#[tokio::test]
async fn websockets_from_pypi_gets_every_message_back() {
    assert_round_trips(Client::Websockets, Echo::Messages).await;
}

#[tokio::test]
async fn websockets_from_pypi_gets_every_byte_back_from_a_tcp_server() {
    assert_round_trips(Client::Websockets, Echo::Bytes).await;
}

#[tokio::test]
async fn websocket_client_from_pypi_gets_every_message_back() {
    assert_round_trips(Client::WebsocketClient, Echo::Messages).await;
}

#[tokio::test]
async fn websocket_client_from_pypi_gets_every_byte_back_from_a_tcp_server() {
    assert_round_trips(Client::WebsocketClient, Echo::Bytes).await;
}

#[tokio::test]
async fn curl_gets_every_message_back() {
    assert_round_trips(Client::Curl, Echo::Messages).await;
}

#[tokio::test]
async fn curl_gets_every_byte_back_from_a_tcp_server() {
    assert_round_trips(Client::Curl, Echo::Bytes).await;
}

/// Characters of one to four bytes, cut by whatever there is to cut them.
fn text_of(size: usize) -> String {
    let pattern = "aé€𐍈";
    pattern.repeat(size / pattern.len()) + &"x".repeat(size % pattern.len())
}

fn binary_of(size: usize) -> Vec<u8> {
    (0..251).cycle().take(size).collect()
}

fn messages() -> impl Iterator<Item = Message> {
    SIZES.iter().flat_map(|&size| [Message::text(text_of(size)), Message::binary(binary_of(size))])
}

/// Sends each message and takes its answer at once: whoever echoes stops reading when its answers are
/// not taken. `is_complete` says whether what came is all of the answer.
async fn assert_tungstenite_round_trips(
    program: &Program,
    is_complete: impl Fn(&Message, &[Message]) -> bool,
) {
    let mut client = connect(program.port().await).await;
    for message in messages() {
        let expected = message.clone();
        let mut answer = Vec::new();
        let (mut sink, mut stream) = (&mut client).split();
        let receive = async {
            while !is_complete(&expected, &answer) {
                match stream.next().await {
                    Some(Ok(part @ (Message::Text(_) | Message::Binary(_)))) => answer.push(part),
                    other => panic!("{other:?} came as an answer to {} bytes", expected.len()),
                }
            }
        };
        let (sent, ()) = soon(async { tokio::join!(sink.send(message), receive) }).await;
        sent.unwrap();
        let bytes: Vec<u8> = answer.iter().flat_map(|part| part.clone().into_data()).collect();
        assert!(bytes == expected.into_data(), "{} bytes of an answer differ", bytes.len());
    }
    leave(client).await;
}

#[tokio::test]
async fn tokio_tungstenite_gets_every_message_back() {
    let (program, _server, _) = gateway(Echo::Messages).await;
    assert_tungstenite_round_trips(&program, |message, answer| {
        assert!(answer.iter().all(|part| part.is_text() == message.is_text()), "the type differs");
        answer.len() == 1
    })
    .await;
}

#[tokio::test]
async fn tokio_tungstenite_gets_every_byte_back_from_a_tcp_server() {
    let (program, _server, _) = gateway(Echo::Bytes).await;
    assert_tungstenite_round_trips(&program, |message, answer| {
        assert!(answer.iter().all(|part| part.is_binary() && !part.is_empty()), "{answer:?}");
        answer.iter().map(Message::len).sum::<usize>() >= message.len()
    })
    .await;
}
