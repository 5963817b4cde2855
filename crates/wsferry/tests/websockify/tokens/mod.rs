//! Token plug-ins: which target a client reaches by its token.

mod api;
mod files;
mod jwt;
mod redis;
mod sockets;

use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use wsferry_testkit::patience::soon;
use wsferry_testkit::targets::{self, Target};

pub(crate) use api::{
    a_token_is_escaped_in_the_url_of_an_api, an_api_that_is_down, authentication_before_the_lookup,
};
pub(crate) use files::{
    a_read_only_file_that_changes, a_token_and_another_one,
    an_ipv6_target_of_a_file_named_as_the_token, an_ipv6_target_of_a_token_file, an_unknown_token,
};
pub(crate) use jwt::encrypted_tokens;
pub(crate) use redis::{an_ipv6_target_of_redis, redis_is_down};
pub(crate) use sockets::a_path_is_no_token_of_a_socket_directory;

use crate::client::{Client, Refusal, leave};
use crate::subject::{Gateway, Subject};

/// A gateway with a token plug-in.
async fn gateway(program: Subject, plugin: &str, source: &str) -> Gateway {
    program.gate(&["--token-plugin", plugin, "--token-source", source], &[]).await
}

/// A target that says its name and then echoes, so that a client knows where it is.
async fn named(name: &'static str) -> Target<()> {
    Target::start(move |stream| greet(stream, name)).await
}

/// The same on IPv6.
async fn named_on_ipv6(name: &'static str) -> Target<()> {
    Target::start_on("[::1]:0", move |stream| greet(stream, name)).await
}

async fn greet(mut stream: TcpStream, name: &'static str) {
    let _ = stream.write_all(name.as_bytes()).await; // a client may be gone at once
    targets::echoing(stream).await;
}

/// Connects to a path, and says at which target it arrived.
async fn arrive(gateway: &Gateway, path: &str) -> String {
    arrived(gateway.connect_to(path).await).await
}

async fn arrived(mut client: Client) -> String {
    match soon(client.next()).await {
        Some(Ok(Message::Binary(name))) => {
            leave(client).await;
            String::from_utf8(name.to_vec()).expect("a name")
        }
        other => panic!("{other:?} came instead of the target's name"),
    }
}

/// Connects to a path and is refused, each program in its way.
async fn assert_refused(program: Subject, gateway: &Gateway, path: &str) {
    let expected = match program {
        Subject::Websockify => Refusal::Ended,
        Subject::Wsferry => Refusal::Status(403),
    };
    let refusal = gateway.try_connect(path, &[]).await.err();
    assert_eq!(refusal, Some(expected), "{path}");
}
