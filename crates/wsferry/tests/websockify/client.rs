//! A WebSocket client written by others, on any stream.

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use wsferry_testkit::patience::soon;

/// What a client can be on.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Transport for S {}

/// A client that was let in.
pub(crate) type Client = WebSocketStream<Box<dyn Transport>>;

/// Why a client was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// By an answer of HTTP.
    Status(u16),
    /// The connection ended without an answer.
    Ended,
}

/// Makes a client of a stream.
pub(crate) async fn upgrade(
    stream: impl Transport + 'static,
    port: u16,
    path: &str,
    fields: &[(&str, &str)],
) -> Result<Client, Refusal> {
    let mut request = format!("ws://127.0.0.1:{port}{path}").into_client_request().unwrap();
    for (name, value) in fields {
        let name = HeaderName::try_from(*name).unwrap();
        request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    }
    let stream: Box<dyn Transport> = Box::new(stream);
    let config = WebSocketConfig::default().max_frame_size(None).max_message_size(None);
    match soon(client_async_with_config(request, stream, Some(config))).await {
        Ok((client, _)) => Ok(client),
        Err(Error::Http(response)) => Err(Refusal::Status(response.status().as_u16())),
        Err(Error::Io(_) | Error::Protocol(_)) => Err(Refusal::Ended),
        Err(error) => panic!("the handshake failed: {error}"),
    }
}

/// Sends bytes as a message.
pub(crate) async fn say(client: &mut Client, bytes: &[u8]) {
    soon(client.send(Message::binary(bytes.to_vec()))).await.expect("the connection is open");
}

/// Reads binary messages until as many bytes came as are expected, and compares.
pub(crate) async fn hear(client: &mut Client, expected: &[u8]) {
    let mut heard = Vec::new();
    while heard.len() < expected.len() {
        match soon(client.next()).await {
            Some(Ok(Message::Binary(bytes))) => heard.extend_from_slice(&bytes),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            other => panic!("{other:?} came after {} of {}", heard.len(), expected.len()),
        }
    }
    assert!(heard == expected, "{:?}", String::from_utf8_lossy(&heard[..heard.len().min(200)]));
}

/// Has the target, which echoes, say something back.
pub(crate) async fn chat(client: &mut Client) {
    say(client, b"hello").await;
    hear(client, b"hello").await;
}

/// Waits for the Close: its code and reason, `(1005, "")` if it has none.
pub(crate) async fn hear_close(client: &mut Client) -> (u16, String) {
    loop {
        match soon(client.next()).await {
            Some(Ok(Message::Close(Some(close)))) => {
                return (close.code.into(), close.reason.to_string());
            }
            Some(Ok(Message::Close(None))) => return (1005, String::new()),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            other => panic!("{other:?} came instead of a Close"),
        }
    }
}

/// Closes, and gives what the other side answers.
pub(crate) async fn close(client: &mut Client, code: u16, reason: &str) -> (u16, String) {
    let close = CloseFrame { code: code.into(), reason: reason.into() };
    soon(client.close(Some(close))).await.expect("the connection is open");
    hear_close(client).await
}

/// Leaves as a page does.
pub(crate) async fn leave(mut client: Client) {
    assert_eq!(close(&mut client, 1000, "").await.0, 1000);
}
