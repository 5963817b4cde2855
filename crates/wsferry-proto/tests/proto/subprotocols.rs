//! Which subprotocol a handshake is answered with (RFC 6455 §4.2.2).

use http::{Method, Version};
use wsferry_proto::Kind;
use wsferry_proto::handshake::{self, Verdict};

use crate::handshake::{GOOD, judge, map, status, upgrade, with};

#[test]
fn the_subprotocol_is_binary_when_offered_and_else_the_first_one() {
    let offers: [(&[&str], &str); 12] = [
        (&["binary"], "binary"),
        (&["binary, base64"], "binary"),
        (&["base64, binary"], "binary"),
        (&["base64", "binary"], "binary"),
        (&["mqtt, binary"], "binary"),
        (&["mqtt", "binary"], "binary"),
        (&["mqtt"], "mqtt"),
        (&["mqttv3.1,mqtt"], "mqttv3.1"),
        (&["base64, chat"], "chat"),
        (&[" , \tchat\t ,, "], "chat"),
        (&["Binary"], "Binary"), // names of subprotocols have a case (RFC 6455 §4.2.2)
        (&["BASE64"], "BASE64"),
    ];
    for (offered, chosen) in offers {
        let upgrade = upgrade(&with("Sec-WebSocket-Protocol", offered));
        assert_eq!(upgrade.subprotocol.unwrap(), chosen, "{offered:?}");
    }
}

#[test]
fn a_subprotocol_that_is_not_a_token_or_only_base64_is_bad() {
    let offers: [&[&str]; 11] = [
        &["base64"],
        &["base64, base64"],
        &[","],
        &["", " , "],
        &["a b"],
        &["binary, a b"],
        &["binary", "a;b"],
        &["\"binary\""],
        &["a/b"],
        &["caf\u{e9}"],
        &["a=b"],
    ];
    for offered in offers {
        assert_eq!(status(&with("Sec-WebSocket-Protocol", offered)), 400, "{offered:?}");
    }
    let base64 = judge(&with("Sec-WebSocket-Protocol", &["base64"])).unwrap_err();
    assert!(base64.reason.contains("base64"), "{}", base64.reason);
}

#[test]
fn an_empty_subprotocol_field_is_as_good_as_none() {
    let offers: [&[&str]; 4] = [&[""], &["\t "], &["", ""], &[]];
    for offered in offers {
        assert_eq!(upgrade(&with("Sec-WebSocket-Protocol", offered)).subprotocol, None);
    }
    let beside = upgrade(&with("Sec-WebSocket-Protocol", &["", "mqtt"]));
    assert_eq!(beside.subprotocol.unwrap(), "mqtt");
}

const PROMISES: [&str; 7] = [
    "xmpp",
    "text.ircv3.net",
    "binary.ircv3.net",
    "graphql-ws",
    "graphql-transport-ws",
    "wamp.2.json",
    "wamp.2.msgpack",
];

#[test]
fn a_subprotocol_that_promises_more_than_a_byte_stream_is_left_out() {
    for promise in PROMISES {
        let alone = judge(&with("Sec-WebSocket-Protocol", &[promise])).unwrap_err();
        assert_eq!(alone.status.as_u16(), 400, "{promise}");
        assert!(alone.reason.contains("--subprotocol"), "{}", alone.reason);
        let with_base64 = format!("base64, {promise}");
        assert_eq!(status(&with("Sec-WebSocket-Protocol", &[&with_base64])), 400, "{promise}");
        for other in ["binary", "mqtt", "v12.stomp", "text", "chat"] {
            for offered in [format!("{promise}, {other}"), format!("{other}, {promise}")] {
                let upgrade = upgrade(&with("Sec-WebSocket-Protocol", &[&offered]));
                assert_eq!(upgrade.subprotocol.unwrap(), other, "{offered}");
            }
        }
    }
    for like_it in ["xmpp2", "XMPP", "wamp", "v10.stomp", "v11.stomp", "ircv3.net"] {
        let upgrade = upgrade(&with("Sec-WebSocket-Protocol", &[like_it]));
        assert_eq!(upgrade.subprotocol.unwrap(), like_it);
    }
}

#[test]
fn a_subprotocol_that_the_target_speaks_is_accepted() {
    for promise in PROMISES {
        let spoken = [promise.parse().unwrap()];
        let judge = |offered: &str| {
            let headers = map(&with("Sec-WebSocket-Protocol", &[offered]));
            match handshake::judge(&Method::GET, Version::HTTP_11, &headers, &spoken) {
                Ok(Verdict::Upgrade(upgrade)) => upgrade.subprotocol.unwrap(),
                other => panic!("{other:?} for {offered}"),
            }
        };
        assert_eq!(judge(promise), promise);
        assert_eq!(judge(&format!("base64, {promise}, mqtt")), promise);
        assert_eq!(judge(&format!("{promise}, binary")), "binary");
    }
    for text in ["", "base64", "a b", "a,b", "\u{e9}"] {
        let error = text.parse::<handshake::Subprotocol>().unwrap_err().to_string();
        assert!(error.contains("expected the name of a subprotocol"), "{text:?}: {error}");
    }
}

#[test]
fn the_subprotocols_text_and_binary_say_what_frames_are_sent() {
    for (offered, send) in [
        ("text", Some(Kind::Text)),
        ("binary", Some(Kind::Binary)),
        ("text, binary", Some(Kind::Binary)),
        ("text, mqtt", Some(Kind::Text)),
        ("base64, text", Some(Kind::Text)),
        ("mqtt, text", None),
        ("TEXT", None),
    ] {
        assert_eq!(upgrade(&with("Sec-WebSocket-Protocol", &[offered])).send, send, "{offered}");
    }
    assert_eq!(upgrade(&GOOD).send, None);
}
