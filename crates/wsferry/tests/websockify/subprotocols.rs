//! Which subprotocol is chosen. Asked by hand: a good client would not let a wrong one pass.

use wsferry_testkit::raw::Raw;
use wsferry_testkit::targets;

use crate::subject::{Gateway, Subject};

same! {
    binary_is_chosen_wherever_it_stands
    none_is_chosen_when_none_is_offered
}

async fn binary_is_chosen_wherever_it_stands(program: Subject) {
    let gateway = gateway(program).await;
    for offer in ["binary", "base64,binary", "binary,base64", "foo,binary,bar"] {
        let chosen = offering(&gateway, Some(offer)).await;
        assert_eq!(chosen, (101, Some("binary".to_owned())), "{offer}");
    }
}

async fn none_is_chosen_when_none_is_offered(program: Subject) {
    assert_eq!(offering(&gateway(program).await, None).await, (101, None));
}

pub(crate) async fn binary_behind_a_blank(program: Subject) {
    let gateway = gateway(program).await;
    for offer in ["base64, binary", "foo, binary"] {
        let expected = match program {
            Subject::Websockify => (400, None),
            Subject::Wsferry => (101, Some("binary".to_owned())),
        };
        assert_eq!(offering(&gateway, Some(offer)).await, expected, "{offer}");
    }
}

pub(crate) async fn another_one_than_binary(program: Subject) {
    let expected = match program {
        Subject::Websockify => (400, None),
        Subject::Wsferry => (101, Some("mqtt".to_owned())),
    };
    assert_eq!(offering(&gateway(program).await, Some("mqtt")).await, expected);
}

async fn gateway(program: Subject) -> Gateway {
    program.gate_to(targets::refusing().await, &[]).await
}

/// The status of a handshake that offers subprotocols, and the one that is chosen.
async fn offering(gateway: &Gateway, offer: Option<&str>) -> (u16, Option<String>) {
    let mut raw = Raw::connect(gateway.address()).await;
    let offer = offer.map(|offer| format!("Sec-WebSocket-Protocol: {offer}\r\n"));
    raw.send(format!(
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{}\r\n",
        offer.unwrap_or_default()
    ))
    .await;
    let answer = raw.answer().await;
    let name = "sec-websocket-protocol";
    (answer.status, answer.has(name).then(|| answer.field(name).to_owned()))
}
