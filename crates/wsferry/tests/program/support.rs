//! What the modules have in common: the program, a client, a page.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use futures_util::{SinkExt, StreamExt};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use wsferry_testkit::patience::soon;
use wsferry_testkit::program::Program;

/// The page and the server that people copy.
pub(crate) const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../demo");

/// A client written by others.
pub(crate) type Client<S = TcpStream> = WebSocketStream<S>;

/// Starts the program that was built for this test.
pub(crate) fn wsferry(arguments: &[&str]) -> Program {
    Program::start(env!("CARGO_BIN_EXE_wsferry"), arguments)
}

/// Connects as a program does: without an Origin.
pub(crate) async fn connect(port: u16) -> Client {
    try_connect(port, None).await.expect("the handshake is accepted")
}

/// Connects as a page of `origin` does: a client, or the status of the refusal.
pub(crate) async fn try_connect(port: u16, origin: Option<&str>) -> Result<Client, StatusCode> {
    let mut request = format!("ws://127.0.0.1:{port}/").into_client_request().unwrap();
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", HeaderValue::from_str(origin).unwrap());
    }
    let stream = soon(TcpStream::connect(("127.0.0.1", port))).await.expect("it listens");
    upgrade(stream, request).await
}

/// Connects by a Unix socket, as a reverse proxy does for a page of `host`.
#[cfg(unix)]
pub(crate) async fn connect_unix(path: &Path, host: &str) -> Client<tokio::net::UnixStream> {
    let request = format!("ws://{host}/").into_client_request().unwrap();
    let stream = soon(tokio::net::UnixStream::connect(path)).await.expect("it listens");
    upgrade(stream, request).await.expect("the handshake is accepted")
}

/// Makes a handshake: a client, or the status of the refusal.
pub(crate) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    request: impl IntoClientRequest + Unpin,
) -> Result<Client<S>, StatusCode> {
    let config = WebSocketConfig::default().max_frame_size(None).max_message_size(None);
    match soon(client_async_with_config(request, stream, Some(config))).await {
        Ok((client, _)) => Ok(client),
        Err(Error::Http(response)) => Err(response.status()),
        Err(error) => panic!("the handshake failed: {error}"),
    }
}

/// Says something as text.
pub(crate) async fn say<S: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<S>, text: &str) {
    soon(client.send(Message::text(text))).await.expect("the connection is open");
}

/// Reads binary messages until as many bytes came as `expected` has, and compares.
pub(crate) async fn hear<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut Client<S>,
    expected: &str,
) {
    let mut heard = Vec::new();
    while heard.len() < expected.len() {
        match soon(client.next()).await {
            Some(Ok(Message::Binary(bytes))) => heard.extend_from_slice(&bytes),
            other => panic!("{other:?} came instead of {expected:?}"),
        }
    }
    assert_eq!(String::from_utf8(heard).unwrap(), expected);
}

/// Reads to the Close, and leaves: its code and reason.
pub(crate) async fn hear_close<S: AsyncRead + AsyncWrite + Unpin>(
    mut client: Client<S>,
) -> (u16, String) {
    let close = match soon(client.next()).await {
        Some(Ok(Message::Close(Some(close)))) => close,
        other => panic!("{other:?} came instead of a Close"),
    };
    assert!(soon(client.next()).await.is_none(), "nothing comes behind a Close");
    (close.code.into(), close.reason.to_string())
}

/// Closes as a page does, and waits until the other side has done so too.
pub(crate) async fn leave<S: AsyncRead + AsyncWrite + Unpin>(mut client: Client<S>) {
    let close = CloseFrame { code: 1000.into(), reason: "".into() };
    soon(client.close(Some(close))).await.expect("the connection is open");
    assert_eq!(hear_close(client).await, (1000, String::new()));
}

/// The client's own address, as the log names it.
pub(crate) fn address(client: &Client) -> SocketAddr {
    client.get_ref().local_addr().unwrap()
}

/// Sends bytes and reads whatever comes until the connection ends.
pub(crate) async fn exchange(port: u16, bytes: &[u8]) -> String {
    let mut stream = soon(TcpStream::connect(("127.0.0.1", port))).await.expect("it listens");
    let mut answer = Vec::new();
    // A refusal may come, and the connection end, before everything was sent.
    let _ = soon(stream.write_all(bytes)).await;
    let _ = soon(stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Loads a file as `http://127.0.0.1:PORT/…`: the whole answer.
pub(crate) async fn get(port: u16, path: &str) -> String {
    let host = format!("Host: 127.0.0.1:{port}\r\n");
    let request = format!("GET {path} HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
    exchange(port, request.as_bytes()).await
}

/// A directory with a page in it.
pub(crate) fn site(page: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("there is room for a page");
    fs::write(folder.path().join("index.html"), page).expect("there is room for a page");
    folder
}

/// A path as an argument.
pub(crate) fn spell(path: &Path) -> &str {
    path.to_str().expect("the paths of tests are UTF-8")
}

/// Reads a text message, as `echo:` sends it back, and compares.
pub(crate) async fn hear_text<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut Client<S>,
    expected: &str,
) {
    let message = soon(client.next()).await.expect("the connection is open").unwrap();
    assert_eq!(message, Message::text(expected));
}
