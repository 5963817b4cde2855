//! Which subprotocol and which extensions a handshake gets: docs/protocol.md §1.

use tokio::io::AsyncWriteExt;
use wsferry_proto::Kind;
use wsferry_testkit::raw::{BINARY, FIN, TEXT};
use wsferry_testkit::targets;

use crate::handshake::{and, check, gateway};
use crate::support::{Running, config_with};

#[tokio::test]
async fn an_empty_subprotocol_field_is_as_good_as_none() {
    let gateway = gateway().await;
    for lines in [
        &["Sec-WebSocket-Protocol:"][..],
        &["Sec-WebSocket-Protocol: \t "],
        &["Sec-WebSocket-Protocol:", "Sec-WebSocket-Protocol: "],
    ] {
        let answer = check(&gateway, and(lines), 101, false).await;
        assert!(!answer.has("sec-websocket-protocol"), "{lines:?}");
    }
}

#[tokio::test]
async fn a_subprotocol_that_no_byte_stream_keeps_is_left_out_unless_it_is_named() {
    let gateway = gateway().await;
    let offer = |offered: &str| and(&[&format!("Sec-WebSocket-Protocol: {offered}")]);
    for promise in ["xmpp", "text.ircv3.net", "graphql-transport-ws", "wamp.2.json"] {
        let answer = check(&gateway, offer(promise), 400, true).await;
        assert!(answer.text().contains("--subprotocol"), "{}", answer.text());
        let answer = check(&gateway, offer(&format!("{promise}, mqtt")), 101, false).await;
        assert_eq!(answer.field("sec-websocket-protocol"), "mqtt");
    }
    let change = |config: &mut crate::config::Config| {
        config.subprotocols = vec!["text.ircv3.net".parse().unwrap()];
    };
    let gateway = Running::start(config_with("echo:", change)).await;
    let answer = check(&gateway, offer("binary.ircv3.net, text.ircv3.net"), 101, false).await;
    assert_eq!(answer.field("sec-websocket-protocol"), "text.ircv3.net");
    check(&gateway, offer("xmpp"), 400, true).await;
}

#[tokio::test]
async fn the_subprotocols_text_and_binary_mean_what_they_say_for_that_client() {
    for send in [Kind::Binary, Kind::Text] {
        let mut target = targets::by_hand().await;
        let change = |config: &mut crate::config::Config| config.session.relay.send = send;
        let gateway = Running::start(config_with(target.address(), change)).await;
        for (line, first) in [
            ("Sec-WebSocket-Protocol: text", FIN | TEXT),
            ("Sec-WebSocket-Protocol: binary", FIN | BINARY),
            ("Sec-WebSocket-Protocol: text, binary", FIN | BINARY),
            ("X: y", FIN | if send == Kind::Text { TEXT } else { BINARY }),
        ] {
            let mut raw = gateway.raw().await;
            raw.send(and(&[line])).await;
            assert_eq!(raw.answer().await.status, 101);
            let mut connection = target.report().await;
            connection.write_all("h\u{e9}".as_bytes()).await.unwrap();
            let frame = raw.into_client().frame().await;
            assert_eq!((frame.first, &frame.payload[..]), (first, "h\u{e9}".as_bytes()), "{line}");
        }
    }
}

#[tokio::test]
async fn the_subprotocol_is_binary_or_the_first_one_that_was_offered() {
    let gateway = gateway().await;
    for (offered, chosen) in [
        (&["Sec-WebSocket-Protocol: binary"][..], "binary"),
        (&["sec-websocket-protocol:  binary  "], "binary"),
        (&["Sec-WebSocket-Protocol: mqtt"], "mqtt"),
        (&["Sec-WebSocket-Protocol: mqtt, binary"], "binary"),
        (&["Sec-WebSocket-Protocol: mqtt,binary,foo"], "binary"),
        (&["Sec-WebSocket-Protocol: mqtt", "Sec-WebSocket-Protocol: binary"], "binary"),
        (&["Sec-WebSocket-Protocol: mqtt , mqttv3.1"], "mqtt"),
        (&["Sec-WebSocket-Protocol: , ,foo,"], "foo"),
        (&["Sec-WebSocket-Protocol: base64, mqtt"], "mqtt"),
        (&["Sec-WebSocket-Protocol: base64, binary"], "binary"),
        (&["Sec-WebSocket-Protocol: BINARY"], "BINARY"),
        (&["Sec-WebSocket-Protocol: v1.foo!#$%&'*+-.^_`|~"], "v1.foo!#$%&'*+-.^_`|~"),
    ] {
        let answer = check(&gateway, and(offered), 101, false).await;
        assert_eq!(answer.field("sec-websocket-protocol"), chosen, "{offered:?}");
    }
}

#[tokio::test]
async fn subprotocols_that_are_no_tokens_and_base64_alone_get_400() {
    let gateway = gateway().await;
    for offered in
        ["a b", "a;b", "a/b", "\"a\"", "a=b", "b\u{e4}", "a@b", "a, b c", ",", ", ,", "(a)"]
    {
        check(&gateway, and(&[&format!("Sec-WebSocket-Protocol: {offered}")]), 400, true).await;
    }
    let answer = check(&gateway, and(&["Sec-WebSocket-Protocol: base64"]), 400, true).await;
    assert!(answer.text().contains("base64"), "{}", answer.text());
}

#[tokio::test]
async fn extensions_are_declined_by_silence_and_malformed_ones_get_400() {
    let gateway = gateway().await;
    for extensions in [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=15, x-webkit-deflate-frame",
        "foo; bar=\"baz\"; qux",
    ] {
        let line = format!("Sec-WebSocket-Extensions: {extensions}");
        let answer = check(&gateway, and(&[&line]), 101, false).await;
        assert!(!answer.has("sec-websocket-extensions"));
    }
    for extensions in ["", ";", "foo bar", "foo;", "foo; =1", "foo; a=", "foo; a=\"b c\"", "foo/"] {
        let line = format!("Sec-WebSocket-Extensions: {extensions}");
        check(&gateway, and(&[&line]), 400, true).await;
    }
}
