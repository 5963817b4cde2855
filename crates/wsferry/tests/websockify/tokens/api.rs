//! `BaseTokenAPI`, `JSONTokenApi`: tokens are asked of an HTTP server.

use std::net::SocketAddr;

use tempfile::tempdir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use wsferry_testkit::targets::{self, Target};

use super::{arrive, assert_refused, gateway, named};
use crate::client::{Refusal, chat};
use crate::subject::Subject;

same! {
    an_api_answers_with_the_target
    an_api_may_answer_in_json
    a_port_in_json_may_be_a_string
    an_api_may_lead_to_a_unix_socket
    what_an_api_does_not_know_is_refused
}

/// An HTTP server that answers with `body` to a path that holds `?id=first` or is `/first`, and else
/// with 404. It reports the paths that it was asked for.
async fn api(body: String) -> Target<String> {
    Target::start(move |stream| answer(stream, body.clone())).await
}

async fn answer(stream: TcpStream, body: String) -> String {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
            return String::new();
        }
    }
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let status = if path.ends_with("first") { "200 OK" } else { "404 Not Found" };
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    );
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
    let _ = stream.read_to_end(&mut Vec::new()).await;
    path
}

fn url(api: &Target<String>) -> String {
    format!("http://{}/tokens?id=%s", api.address())
}

async fn an_api_answers_with_the_target(program: Subject) {
    let one = named("one").await;
    let mut api = api(one.address().to_string()).await;
    let gateway = gateway(program, "BaseTokenAPI", &url(&api)).await;
    assert_eq!(arrive(&gateway, "/?token=first").await, "one");
    assert_eq!(api.report().await, "/tokens?id=first");
}

async fn an_api_may_answer_in_json(program: Subject) {
    let one = named("one").await;
    let port = one.address().port();
    let mut api = api(format!(r#"{{"host": "localhost", "port": {port}, "user": "me"}}"#)).await;
    let gateway = gateway(program, "JSONTokenApi", &url(&api)).await;
    assert_eq!(arrive(&gateway, "/?token=first").await, "one");
    assert_eq!(api.report().await, "/tokens?id=first");
}

async fn a_port_in_json_may_be_a_string(program: Subject) {
    let one = named("one").await;
    let port = one.address().port();
    let api = api(format!(r#"{{"port": "{port}", "host": "127.0.0.1"}}"#)).await;
    let gateway = gateway(program, "JSONTokenApi", &url(&api)).await;
    assert_eq!(arrive(&gateway, "/?token=first").await, "one");
}

async fn an_api_may_lead_to_a_unix_socket(program: Subject) {
    let folder = tempdir().unwrap();
    let socket = folder.path().join("target.sock");
    crate::unix::echo_on(&socket);
    let path = socket.display();
    for (plugin, body) in [
        ("BaseTokenAPI", format!("unix_socket:{path}")),
        ("JSONTokenApi", format!(r#"{{"host": "unix_socket", "port": "{path}"}}"#)),
    ] {
        let api = api(body).await;
        let gateway = gateway(program, plugin, &url(&api)).await;
        chat(&mut gateway.connect_to("/?token=first").await).await;
    }
}

async fn what_an_api_does_not_know_is_refused(program: Subject) {
    let one = named("one").await;
    let api = api(one.address().to_string()).await;
    let gateway = gateway(program, "BaseTokenAPI", &url(&api)).await;
    assert_refused(program, &gateway, "/?token=second").await;
    assert_refused(program, &gateway, "/").await;
}

pub(crate) async fn a_token_is_escaped_in_the_url_of_an_api(program: Subject) {
    let mut api = api("127.0.0.1:1".to_owned()).await;
    let source = format!("http://{}/tokens/%s/target", api.address());
    let gateway = gateway(program, "BaseTokenAPI", &source).await;
    assert_refused(program, &gateway, "/?token=a%2F..%2Fb%3Fc%3Dd%26e").await;
    let asked = api.report().await;
    match program {
        Subject::Websockify => assert!(asked.contains("?c=d&e"), "{asked}"),
        Subject::Wsferry => assert_eq!(asked, "/tokens/a%2F..%2Fb%3Fc%3Dd%26e/target"),
    }
}

pub(crate) async fn authentication_before_the_lookup(program: Subject) {
    let mut api = api(targets::refusing().await.to_string()).await;
    let source = url(&api);
    #[rustfmt::skip]
    let options = [
        "--token-plugin", "BaseTokenAPI", "--token-source", &source,
        "--auth-plugin", "BasicHTTPAuth", "--auth-source", "me:secret",
    ];
    let gateway = program.gate(&options, &[]).await;
    let refusal = gateway.try_connect("/?token=first", &[]).await.err();
    assert_eq!(refusal, Some(Refusal::Status(401)));
    match program {
        Subject::Websockify => assert_eq!(api.report().await, "/tokens?id=first"),
        Subject::Wsferry => {
            // What was asked before this one is let in would be reported before it.
            let right = ("Authorization", "Basic bWU6c2VjcmV0");
            gateway.try_connect("/?token=is-first", &[right]).await.unwrap();
            assert_eq!(api.report().await, "/tokens?id=is-first");
        }
    }
}

pub(crate) async fn an_api_that_is_down(program: Subject) {
    let dead: SocketAddr = targets::refusing().await;
    let gateway = gateway(program, "BaseTokenAPI", &format!("http://{dead}/%s")).await;
    let expected = match program {
        Subject::Websockify => Refusal::Ended,
        Subject::Wsferry => Refusal::Status(503),
    };
    assert_eq!(gateway.try_connect("/?token=first", &[]).await.err(), Some(expected));
}
