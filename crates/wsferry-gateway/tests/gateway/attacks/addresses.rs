//! `--allow-address`: a client names its target, and only those of the list are dialled.

use wsferry_gateway::address::Address;
use wsferry_gateway::route::DestinationSettings;
use wsferry_gateway::route::Dial;
use wsferry_testkit::targets;

use super::{handshake, without_date};
use crate::support::{Running, config_with};

#[tokio::test]
async fn only_an_address_of_the_list_is_dialled_however_it_is_written() {
    let mut target = targets::by_hand().await;
    let port = target.address().port();
    let other = targets::by_hand().await;
    let other_port = other.address().port();
    let listed = [format!("localhost:{port}"), format!("127.0.0.1:{port}")];
    let listed: Vec<Address> = listed.iter().map(|text| text.parse().unwrap()).collect();
    let gateway = Running::start(config_with("echo:", |config| {
        config.route = DestinationSettings::Listed(listed);
        config.dial = Dial::BeforeAccept;
    }))
    .await;
    let ask =
        async |query: &str| without_date(gateway.ask(handshake(&format!("/v1?{query}"))).await);
    let refusal = ask("").await;
    assert_eq!(refusal.status, 403);
    assert!(refusal.text().contains("address") && !refusal.text().contains("token"));
    for address in [
        // Places that are not on the list.
        format!("127.0.0.1:{other_port}"),
        format!("localhost:{other_port}"),
        format!("127.0.0.2:{port}"),
        format!("[::1]:{port}"),
        format!("0.0.0.0:{port}"),
        format!("[::]:{port}"),
        "echo:".to_owned(),
        "unix_socket:/run/x".to_owned(),
        // The place that is on the list, by names that are not.
        format!("127.1:{port}"),
        format!("2130706433:{port}"),
        format!("0x7f.0.0.1:{port}"),
        format!("0177.0.0.1:{port}"),
        format!("127.0.0.1.:{port}"),
        format!("127.000.000.001:{port}"),
        format!("[127.0.0.1]:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("[::ffff:7f00:1]:{port}"),
        format!("[::127.0.0.1]:{port}"),
        format!("[::1%25lo]:{port}"),
        format!("localhost.localdomain:{port}"),
        format!("a.localhost:{port}"),
        format!("localhost..:{port}"),
        // What other readers of URLs take apart in another way.
        format!("127.0.0.1:{port}:{other_port}"),
        format!("127.0.0.1:{other_port}:{port}"),
        format!("127.0.0.1:{other_port}@127.0.0.1:{port}"),
        format!("user@127.0.0.1:{port}"),
        format!("127.0.0.1:{port}@127.0.0.1:{other_port}"),
        format!("127.0.0.1:{port}%23@127.0.0.1:{other_port}"),
        format!("127.0.0.1:{port}%2f"),
        format!("127.0.0.1:{port}%00"),
        format!("127.0.0.1:{port}%0a"),
        format!("127.0.0.1%00.evil.example:{port}"),
        format!("127.0.0.1:{port}+"),
        format!("%20127.0.0.1:{port}"),
        format!("//127.0.0.1:{port}"),
        format!("tcp://127.0.0.1:{port}"),
        format!("127.0.0.1:0{port}0"),
        format!("127.0.0.1:{}", u32::from(port) + 65_536),
        format!("127.0.0.1:%2b{port}"),
        format!("127%252e0.0.1:{port}"),
        format!("%ef%bc%91%ef%bc%92%ef%bc%97.0.0.1:{port}"), // wide digits
        format!("127\u{3002}0\u{3002}0\u{3002}1:{port}").replace('\u{3002}', "%e3%80%82"),
        "127.0.0.1".to_owned(),
        "127.0.0.1:".to_owned(),
        String::new(),
    ] {
        assert_eq!(ask(&format!("address={address}")).await, refusal, "{address}");
    }
    for query in [
        format!("address=127.0.0.1:{port}&address=127.0.0.1:{port}"),
        format!("address=127.0.0.1:{port}&address="),
        format!("address=127.0.0.1:{port}&%61ddress=127.0.0.1:{other_port}"),
        format!("Address=127.0.0.1:{port}"),
        format!("x=1;address=127.0.0.1:{port}"),
        format!("token=127.0.0.1:{port}"),
    ] {
        assert_eq!(ask(&query).await, refusal, "{query}");
    }
    assert!(!target.has_report() && !other.has_report());
    for address in [
        format!("127.0.0.1:{port}"),
        format!("%31%32%37.0.0.1%3A{port}"),
        format!("localhost:{port}"),
        format!("LOCALHOST.:{port}"), // the same name (RFC 4343, RFC 1034 §3.1)
    ] {
        assert_eq!(ask(&format!("address={address}")).await.status, 101, "{address}");
        drop(target.report().await);
    }
}

/// As with an auth service that should have named a target, and did not: no list is spoken of.
#[tokio::test]
async fn without_a_list_the_client_is_told_that_there_is_no_target() {
    let gateway = Running::start(config_with("echo:", |config| {
        config.route = DestinationSettings::Listed(Vec::new());
    }))
    .await;
    let refusal = gateway.ask(handshake("/?address=localhost:5000")).await;
    assert_eq!((refusal.status, &*refusal.text()), (403, "no target for this client\n"));
}
