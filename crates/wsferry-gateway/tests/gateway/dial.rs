//! Targets by name and by address.

use tokio::net::TcpListener;
use wsferry_gateway::config::ListenAddress;
use wsferry_testkit::raw::{BINARY, FIN};
use wsferry_testkit::targets::{self, Target};

use crate::support::Running;

async fn round_trip(target: String) {
    let gateway = Running::to(target).await;
    let mut client = gateway.client().await;
    client.send_frame(FIN | BINARY, b"hello").await;
    assert_eq!(client.payload(5).await, b"hello");
}

#[tokio::test]
async fn a_target_on_ipv4_is_reached_by_address_and_by_name() {
    let port = targets::echo().await.address().port();
    round_trip(format!("127.0.0.1:{port}")).await;
    round_trip(format!("localhost:{port}")).await;
    round_trip(format!("LOCALHOST.:{port}")).await;
}

#[tokio::test]
async fn a_target_on_ipv6_is_reached_by_address() {
    let port = Target::start_on("[::1]:0", targets::echoing).await.address().port();
    round_trip(format!("[::1]:{port}")).await;
}

#[tokio::test]
async fn a_name_with_two_families_reaches_the_one_that_listens() {
    let families: Vec<bool> = tokio::net::lookup_host(("localhost", 1))
        .await
        .unwrap()
        .map(|address| address.is_ipv6())
        .collect();
    for (is_ipv6, address) in [(false, "127.0.0.1:0"), (true, "[::1]:0")] {
        if families.contains(&is_ipv6) {
            let port = Target::start_on(address, targets::echoing).await.address().port();
            round_trip(format!("localhost:{port}")).await;
        }
    }
    assert!(!families.is_empty());
}

#[tokio::test]
async fn a_gateway_without_a_host_listens_on_both_families() {
    let mut config = crate::support::config(targets::echo().await.address());
    config.listen = ":0".parse::<ListenAddress>().unwrap().into();
    let gateway = Running::start(config).await;
    let port = gateway.address().port();
    for address in [format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        let mut client = wsferry_testkit::raw::Client::open(address.parse().unwrap()).await;
        client.send_frame(FIN | BINARY, b"hello").await;
        assert_eq!(client.payload(5).await, b"hello");
    }
}

#[tokio::test]
async fn a_port_in_use_and_a_name_without_an_address_are_told_before_the_first_client() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = crate::support::config("echo:");
    let taken = taken.local_addr().unwrap().to_string();
    config.listen = taken.parse::<ListenAddress>().unwrap().into();
    let error = wsferry_gateway::gateway::Gateway::bind(config).await.unwrap_err().to_string();
    assert!(error.contains("in use"), "{error}");
    let config = crate::support::config("no-such-host.invalid:1");
    let error = wsferry_gateway::gateway::Gateway::bind(config).await.unwrap_err().to_string();
    assert!(error.contains("does not resolve"), "{error}");
}
