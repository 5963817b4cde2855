//! Several requests on one connection, of which the last one may be an upgrade.

use wsferry_testkit::raw::{BINARY, Client, FIN, HANDSHAKE, Raw, frame};
use wsferry_testkit::targets::End;

use crate::handshake::{GET, VERSION, but};
use crate::support::{Running, config_with};

#[tokio::test]
async fn a_head_that_asks_for_an_upgrade_gets_an_answer_and_the_connection_ends_or_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("index.html"), "hello").unwrap();
    let web = wsferry_gateway::web::Files::Directory(directory.path().to_owned());
    let gateway = Running::start(config_with("echo:", |config| config.web = Some(web))).await;
    let mut raw = gateway.raw().await;
    raw.send(but(&[(GET, "HEAD / HTTP/1.1")])).await;
    let answer = raw.try_answer(false).await.unwrap();
    assert_eq!(answer.status, 200);
    if answer.field("connection") == "close" {
        assert_eq!(raw.end().await, (Vec::new(), End::Fin));
    } else {
        raw.send(HANDSHAKE).await;
        assert_eq!(raw.answer().await.status, 101);
    }
}

#[tokio::test]
async fn a_second_request_on_a_connection_is_answered_and_may_be_an_upgrade() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("index.html"), "hello").unwrap();
    let web = wsferry_gateway::web::Files::Directory(directory.path().to_owned());
    let gateway = Running::start(config_with("echo:", |config| config.web = Some(web))).await;
    let get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let check = async |raw: &mut Raw| {
        for _ in 0..2 {
            assert_eq!(raw.answer().await.text(), "hello");
        }
    };
    let mut one_by_one = gateway.raw().await;
    one_by_one.send(get).await;
    assert_eq!(one_by_one.answer().await.text(), "hello");
    one_by_one.send(get).await;
    assert_eq!(one_by_one.answer().await.text(), "hello");
    one_by_one.send(HANDSHAKE).await;
    assert_eq!(one_by_one.answer().await.status, 101);

    let mut pipelined = gateway.raw().await;
    let early = frame(FIN | BINARY, b"early");
    pipelined.send([get.as_bytes(), get.as_bytes(), HANDSHAKE.as_bytes(), &early].concat()).await;
    check(&mut pipelined).await;
    assert_eq!(pipelined.answer().await.status, 101);
    let mut client: Client = pipelined.into_client();
    assert_eq!(client.payload(5).await, b"early");
}

#[tokio::test]
async fn a_file_that_is_still_being_sent_arrives_whole_before_the_101_of_the_upgrade_behind_it() {
    let directory = tempfile::tempdir().unwrap();
    let file: Vec<u8> = (0..1 << 21).flat_map(u32::to_be_bytes).collect();
    std::fs::write(directory.path().join("large"), &file).unwrap();
    let web = wsferry_gateway::web::Files::Directory(directory.path().to_owned());
    let gateway = Running::start(config_with("echo:", |config| config.web = Some(web))).await;
    let get = "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut raw = gateway.raw().await;
    let early = frame(FIN | BINARY, b"early");
    raw.send([get.as_bytes(), get.as_bytes(), HANDSHAKE.as_bytes(), &early].concat()).await;
    for _ in 0..2 {
        assert!(raw.answer().await.body == file);
    }
    assert_eq!(raw.answer().await.status, 101);
    assert_eq!(raw.into_client().payload(5).await, b"early");
}

#[tokio::test]
async fn an_upgrade_behind_a_request_is_refused_as_a_first_one_is() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("index.html"), "hello").unwrap();
    let web = wsferry_gateway::web::Files::Directory(directory.path().to_owned());
    let gateway = Running::start(config_with("echo:", |config| config.web = Some(web))).await;
    let get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let refused = but(&[(VERSION, "Sec-WebSocket-Version: 8")]);
    let first = gateway.ask(&refused).await;
    let mut raw = gateway.raw().await;
    raw.send([get, &refused, get, HANDSHAKE].concat()).await;
    assert_eq!(raw.answer().await.text(), "hello");
    let second = raw.answer().await;
    assert_eq!((second.status, second.text()), (426, first.text()));
    assert!(second.has("date") && second.field("connection").contains("close"), "{second:?}");
    assert_eq!(raw.end().await, (Vec::new(), End::Fin));
}
