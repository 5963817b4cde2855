//! A program in C on Berkeley sockets, compiled by Emscripten, in a browser: its peer is a server in C++.

use serde_json::json;
use wsferry_testkit::browser::Browser;
use wsferry_testkit::cpp::{demo_server, plain_server};
use wsferry_testkit::emscripten::socket_client;
use wsferry_testkit::program::Program;

use crate::support::{site, spell, wsferry};

/// Runs the program against a server, with what the page is asked for: what it printed.
async fn printed(target: u16, query: &str) -> (Program, Browser, String) {
    let site = site(include_str!("pages/socket-client.html"), &[("c", &socket_client())]);
    let target = format!("127.0.0.1:{target}");
    let (program, port) = wsferry(&["--web", spell(site.path()), "127.0.0.1:0", &target]).await;
    let browser = Browser::start().await;
    browser.open(&format!("http://127.0.0.1:{port}/?{query}")).await;
    browser.until("document.querySelector('#printed').textContent.includes(' bytes\\n')").await;
    let printed = browser.run("return document.querySelector('#printed').textContent").await;
    (program, browser, printed.as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_program_in_c_talks_to_a_server_in_cpp_from_within_the_browser() {
    let (server, target) = demo_server(0).await;
    let (program, browser, printed) = printed(target, "message=Grüße aus C&length=29").await;
    assert_eq!(printed, "Grüße aus C from the server\ncomplete after 29 bytes\n");
    server.printed(&["read: Grüße aus C"]).await;
    assert_eq!(browser.run("return subprotocols").await, json!(["binary"]));
    program.line(&["session ended", "cause=client_closed"]).await;
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_program_in_c_gets_a_megabyte_back() {
    let (_server, target) = plain_server(0).await;
    let query = format!("message=0123456789abcdef&times=65536&length={}", 1 << 20);
    let (_program, _browser, printed) = printed(target, &query).await;
    let expected = "0123456789abcdef".repeat(1 << 16) + "\ncomplete after 1048576 bytes\n";
    assert!(printed == expected, "{} bytes: {}", printed.len(), &printed[printed.len() - 40..]);
}
