//! noVNC in a browser, in front of a real VNC server: its page as Debian brings it, its core as npm does.

use std::fs;

use wsferry_testkit::browser::Browser;
use wsferry_testkit::clients::node_modules;
use wsferry_testkit::raw::{HANDSHAKE, Raw};

use crate::desktop::Desktop;
use crate::screen::{BLUE, CANVAS, ORANGE, assert_works, until_seen};
use crate::support::{make_certificate, room, site, spell, wsferry};

/// noVNC's page and what it loads.
pub(crate) const NOVNC: &str = "/usr/share/novnc";

#[tokio::test]
async fn the_page_of_novnc_shows_the_desktop_and_its_keys_arrive() {
    let desktop = Desktop::start(BLUE).await;
    let (program, port) = wsferry(&["--web", NOVNC, "127.0.0.1:0", &desktop.address()]).await;
    let browser = Browser::start().await;
    browser.open(&format!("http://127.0.0.1:{port}/vnc.html?autoconnect=true")).await;
    assert_works(&browser, CANVAS, &desktop).await;
    drop(browser);
    program.line(&["session ended"]).await;
}

#[tokio::test]
async fn the_core_of_novnc_shows_the_desktop_in_a_page_of_ones_own() {
    let desktop = Desktop::start(BLUE).await;
    let package = node_modules().join("@novnc/novnc");
    let site = site(include_str!("pages/desktop.html"), &[("novnc", &package)]);
    let web = spell(site.path());
    let (_program, port) = wsferry(&["--web", web, "127.0.0.1:0", &desktop.address()]).await;
    let browser = Browser::start().await;
    browser.open(&format!("http://127.0.0.1:{port}/")).await;
    assert_works(&browser, "#screen canvas", &desktop).await;
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test]
async fn two_browsers_share_a_desktop() {
    let desktop = Desktop::start(BLUE).await;
    let (_program, port) = wsferry(&["--web", NOVNC, "127.0.0.1:0", &desktop.address()]).await;
    let url = format!("http://127.0.0.1:{port}/vnc.html?autoconnect=true&shared=true");
    let (one, other) = tokio::join!(Browser::start(), Browser::start());
    one.open(&url).await;
    until_seen(&one, CANVAS, BLUE).await;
    other.open(&url).await;
    assert_works(&other, CANVAS, &desktop).await;
    until_seen(&one, CANVAS, ORANGE).await;
}

#[tokio::test]
async fn over_wss_the_desktop_is_seen_and_keys_arrive() {
    let desktop = Desktop::start(BLUE).await;
    let folder = room();
    make_certificate(folder.path()).await;
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let tls = ["--cert", spell(&certificate), "--key", spell(&key)];
    let place = ["--web", NOVNC, "127.0.0.1:0", &desktop.address()];
    let (_program, port) = wsferry(&[&tls[..], &place].concat()).await;
    let browser = Browser::with_flags(&["--ignore-certificate-errors"]).await;
    // A page that came by https cannot open a plain WebSocket.
    browser.open(&format!("https://127.0.0.1:{port}/vnc.html?autoconnect=true")).await;
    assert_works(&browser, CANVAS, &desktop).await;
}

#[tokio::test]
async fn a_token_leads_to_its_desktop_and_an_unknown_one_to_none() {
    let (blue, green) = ([0, 0, 0xcc], [0, 0xaa, 0]);
    let (one, other) = tokio::join!(Desktop::start(BLUE), Desktop::start(green));
    let folder = room();
    let tokens = folder.path().join("tokens");
    let lines = format!("# two desktops\none: {}\nother: {}\n", one.address(), other.address());
    fs::write(&tokens, lines).unwrap();
    let plugin = ["--token-plugin", "TokenFile", "--token-source", spell(&tokens)];
    let (_program, port) = wsferry(&[&plugin[..], &["--web", NOVNC, "127.0.0.1:0"]].concat()).await;
    let page = format!("http://127.0.0.1:{port}/vnc.html?autoconnect=true&path=");
    let browser = Browser::start().await;
    browser.open(&format!("{page}%3Ftoken%3Dother")).await;
    until_seen(&browser, CANVAS, green).await;
    other.paint(blue).await;
    until_seen(&browser, CANVAS, blue).await;
    browser.open(&format!("{page}websockify%3Ftoken%3Done")).await;
    assert_works(&browser, CANVAS, &one).await;
    browser.open(&format!("{page}%3Ftoken%3Dunknown")).await;
    browser.until("document.querySelector('#noVNC_status.noVNC_status_error')").await;
}

#[tokio::test]
async fn basic_credentials_open_the_page_and_its_connection() {
    let desktop = Desktop::start(BLUE).await;
    let auth =
        ["--auth-plugin", "BasicHTTPAuth", "--auth-source", "anna:open sesame", "--web-auth"];
    let place = ["--web", NOVNC, "127.0.0.1:0", &desktop.address()];
    let (_program, port) = wsferry(&[&auth[..], &place].concat()).await;
    for request in ["GET /vnc.html HTTP/1.1\r\nHost: localhost\r\n\r\n", HANDSHAKE] {
        let mut stranger = Raw::connect(([127, 0, 0, 1], port).into()).await;
        stranger.send(request).await;
        let answer = stranger.answer().await;
        assert_eq!(answer.status, 401, "{request}{answer:?}");
        assert!(answer.field("www-authenticate").starts_with("Basic realm="), "{answer:?}");
    }
    let browser = Browser::start().await;
    let place = format!("anna:open%20sesame@127.0.0.1:{port}");
    browser.open(&format!("http://{place}/vnc.html?autoconnect=true")).await;
    assert_works(&browser, CANVAS, &desktop).await;
}
