//! What a person sees in a real browser.

use serde_json::json;
use wsferry_testkit::browser::{Browser, Screen};
use wsferry_testkit::cpp::demo_server;
use wsferry_testkit::program::{Program, ReservedPort, Signal};

use crate::support::{DEMO, site, spell, wsferry};

/// A gateway that serves the demo page.
async fn page_in_front_of(target: u16, more: &[&str]) -> (Program, u16) {
    let target = format!("127.0.0.1:{target}");
    let program = wsferry(&[&["--web", DEMO, "127.0.0.1:0", &target], more].concat());
    let port = program.port().await;
    (program, port)
}

/// Opens the demo page and waits for its connection.
async fn open_connected(browser: &Browser, url: &str) {
    browser.open(url).await;
    until_state(browser, "connected").await;
}

/// Waits for the words about the connection to begin like this.
async fn until_state(browser: &Browser, words: &str) {
    let words = json!(words);
    browser.until(&format!("document.querySelector('#state').innerText.startsWith({words})")).await;
}

/// Types a message, sends it by the key that people press, and waits until the log has `lines`.
async fn send(browser: &Browser, text: &str, lines: usize) {
    browser.type_into("#message", &format!("{text}\u{e007}")).await; // WebDriver's Enter
    until_lines(browser, lines).await;
}

async fn until_lines(browser: &Browser, lines: usize) {
    let condition = format!("document.querySelector('#log').childElementCount >= {lines}");
    browser.until(&condition).await;
}

/// The lines of the log: their text as it is shown, and whether they look red, blue or otherwise.
async fn log(browser: &Browser) -> Vec<(String, String)> {
    let script = "return [...document.querySelector('#log').children].map(line => {
        const [red, green, blue] = getComputedStyle(line).color.match(/\\d+/g).map(Number)
        const colour = red > 1.5 * blue && red > 1.5 * green ? 'red'
            : blue > 1.5 * red && blue > 1.25 * green ? 'blue' : 'other'
        return [line.innerText, colour]
    })";
    serde_json::from_value(browser.run(script).await).expect("pairs of words")
}

fn red(text: &str) -> (String, String) {
    (format!(">>> {text}"), "red".to_owned())
}

fn blue(text: &str) -> (String, String) {
    (format!("<<< {text}"), "blue".to_owned())
}

#[tokio::test]
async fn what_is_sent_is_red_what_arrives_is_blue_and_the_console_is_clean() {
    let (server, target) = demo_server(0).await;
    let (program, port) = page_in_front_of(target, &[]).await;
    let browser = Browser::start().await;
    open_connected(&browser, &format!("http://127.0.0.1:{port}/")).await;
    assert_eq!(browser.text("#url").await, format!("ws://127.0.0.1:{port}/"));
    send(&browser, "hello", 2).await;
    send(&browser, "Grüße, €, 𐍈", 4).await;
    server.printed(&["read: Grüße, €, 𐍈"]).await;
    browser.click("#binary").await;
    browser.type_into("#message", "as a Blob").await;
    browser.click("#send").await;
    until_lines(&browser, 6).await;
    let expected = [
        red("hello"),
        blue("hello from the server"),
        red("Grüße, €, 𐍈"),
        blue("Grüße, €, 𐍈 from the server"),
        red("as a Blob"),
        blue("as a Blob from the server"),
    ];
    assert_eq!(log(&browser).await, expected);
    assert_eq!(browser.text("#message").await, "", "the input line is empty again");
    browser.click("#close").await;
    until_state(&browser, "closed with code 1000: Closed by the page").await;
    program.line(&["session ended", "close_code=1000", "cause=client_closed"]).await;
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_typed_and_what_arrives_is_text_and_never_html() {
    let (_server, target) = demo_server(0).await;
    let (_program, port) = page_in_front_of(target, &[]).await;
    let browser = Browser::start().await;
    open_connected(&browser, &format!("http://127.0.0.1:{port}/")).await;
    let html =
        "<img src=x onerror=\"document.title='hacked'\"><b>bold</b><script>alert(1)</script>";
    send(&browser, html, 2).await;
    assert_eq!(log(&browser).await, [red(html), blue(&format!("{html} from the server"))]);
    let inside = "return document.querySelectorAll('#log > * > *').length";
    assert_eq!(browser.run(inside).await, 0);
    assert_eq!(browser.run("return document.title").await, "wsferry demo");
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_page_sees_why_its_connection_ended_and_can_reconnect() {
    let place = ReservedPort::new();
    let (server, target) = demo_server(place.number()).await;
    let (program, port) = page_in_front_of(target, &[]).await;
    let browser = Browser::start().await;
    open_connected(&browser, &format!("http://127.0.0.1:{port}/")).await;
    send(&browser, "hello", 2).await;

    server.kill().await;
    until_state(&browser, "closed with code 1000: Target closed").await;
    assert_eq!(browser.find("#send").await.attr("disabled").await.unwrap().unwrap(), "true");

    browser.click("#reconnect").await;
    let reason = "Failed to connect to downstream server: connection refused";
    until_state(&browser, &format!("closed with code 1011: {reason}")).await;

    let (_server, _) = demo_server(place.number()).await;
    browser.click("#reconnect").await;
    until_state(&browser, "connected").await;
    send(&browser, "hello again", 4).await;
    let expected = [red("hello again"), blue("hello again from the server")];
    assert_eq!(log(&browser).await[2..], expected);

    send(&browser, "exit", 6).await;
    until_state(&browser, "closed with code 1000: Target closed").await;

    let (_server, _) = demo_server(place.number()).await;
    browser.click("#reconnect").await;
    until_state(&browser, "connected").await;
    program.signal(Signal::Terminate).await;
    until_state(&browser, "closed with code 1001: Server is stopping").await;
    assert_eq!(program.exit().await.status.code(), Some(0), "the browser does not hold it up");
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_page_from_another_port_of_the_same_host_connects() {
    let (_server, target) = demo_server(0).await;
    let (_gateway, gateway_port) = page_in_front_of(target, &[]).await;
    let (_dev_server, dev_port) = page_in_front_of(target, &[]).await;
    let browser = Browser::start().await;
    for host in ["127.0.0.1", "localhost"] {
        let socket = format!("ws://{host}:{gateway_port}/");
        open_connected(&browser, &format!("http://{host}:{dev_port}/?url={socket}")).await;
        assert_eq!(browser.text("#url").await, socket);
        send(&browser, "hello", 2).await;
        assert_eq!(log(&browser).await, [red("hello"), blue("hello from the server")]);
    }
    assert_eq!(browser.console().await, Vec::<String>::new());
}

/// The origin `null` is what any site can send, so nobody is told to let it in.
#[tokio::test]
async fn a_page_opened_as_a_file_is_told_to_be_served() {
    let browser = Browser::start().await;
    browser.open(&format!("file://{DEMO}/index.html")).await;
    until_state(&browser, "closed with code 1006").await;
    let hint = browser.text("#hint").await;
    assert!(hint.contains("--web") && hint.contains("http://localhost:27016/"), "{hint}");
    assert!(!hint.contains("null"), "{hint}");
}

#[tokio::test]
async fn a_page_from_another_origin_is_refused_until_the_flag_that_the_log_names_is_given() {
    let (_server, target) = demo_server(0).await;
    let (strict, strict_port) = page_in_front_of(target, &[]).await;
    let (_other, other_port) = page_in_front_of(target, &["--allow-host", "app.example"]).await;
    let browser = Browser::with_flags(&["--host-resolver-rules=MAP app.example 127.0.0.1"]).await;
    let origin = format!("http://app.example:{other_port}");
    browser.open(&format!("{origin}/?url=ws://127.0.0.1:{strict_port}/")).await;
    until_state(&browser, "closed with code 1006").await;
    let hint = browser.text("#hint").await;
    assert!(hint.contains("does it allow this page?"), "{hint}");
    assert!(hint.contains("terminal"), "{hint}");
    let console = browser.console().await;
    assert!(console.iter().any(|line| line.contains("403")), "{console:#?}");
    strict.line(&["refused", "status=403", &format!("--allow-origin {origin}")]).await;

    let (_open, open_port) = page_in_front_of(target, &["--allow-origin", &origin]).await;
    open_connected(&browser, &format!("{origin}/?url=ws://127.0.0.1:{open_port}/")).await;
    send(&browser, "hello", 2).await;
}

#[tokio::test]
async fn a_name_that_was_pointed_at_this_machine_gets_neither_page_nor_connection() {
    let (_server, target) = demo_server(0).await;
    let (program, port) = page_in_front_of(target, &[]).await;
    let browser = Browser::with_flags(&["--host-resolver-rules=MAP evil.example 127.0.0.1"]).await;
    browser.open(&format!("http://evil.example:{port}/")).await;
    assert_eq!(browser.text("body").await, "this host name is not served here");
    program.line(&["refused", "status=403", "--allow-host evil.example"]).await;
    let script = "return await new Promise(resolve => {
        const socket = new WebSocket(location.href.replace('http', 'ws'))
        socket.onopen = () => resolve('open')
        socket.onclose = event => resolve(event.code)
    })";
    assert_eq!(browser.run_async(script).await, 1006);

    let (_open, port) = page_in_front_of(target, &["--allow-host", "evil.example"]).await;
    open_connected(&browser, &format!("http://evil.example:{port}/")).await;
}

#[tokio::test]
async fn the_browsers_own_client_gets_every_message_back() {
    let folder = site("<!DOCTYPE html><link rel=icon href=data:,><title>round trips</title>");
    let program = wsferry(&["--web", spell(folder.path()), "127.0.0.1:0", "echo:"]);
    let port = program.port().await;
    let browser = Browser::start().await;
    browser.open(&format!("http://127.0.0.1:{port}/")).await;
    let script = "
        const same = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at])
        const socket = new WebSocket(location.href.replace('http', 'ws'))
        socket.binaryType = 'arraybuffer'
        const next = kind => new Promise((resolve, reject) => {
            socket['on' + kind] = resolve
            if (kind !== 'close') socket.onclose = event => reject(`closed with ${event.code}`)
        })
        await next('open')
        for (const size of [0, 1, 125, 126, 127, 65535, 65536, 1 << 24]) {
            const bytes = new Uint8Array(size).map((_, at) => at % 251)
            socket.send(bytes)
            const binary = (await next('message')).data
            if (!(binary instanceof ArrayBuffer) || !same(new Uint8Array(binary), bytes)) {
                return `binary of ${size} bytes differs`
            }
            const text = 'aé€𐍈'.repeat(size / 10) + 'x'.repeat(size % 10)
            socket.send(text)
            if ((await next('message')).data !== text) return `text of ${size} bytes differs`
        }
        socket.close(1000)
        const { code, wasClean } = await next('close')
        return `${code} ${wasClean}`";
    assert_eq!(browser.run_async(script).await, "1000 true");
    program.line(&["session ended", "cause=client_closed"]).await;
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test]
async fn wsferry_demo_is_the_whole_story() {
    let (page, server) = (ReservedPort::new(), ReservedPort::new());
    let (page, server) = (page.number().to_string(), server.number().to_string());
    let program = wsferry(&["demo", "--port", &page, "--target-port", &server]);
    program.line(&["open", &format!("http://localhost:{page}/")]).await;
    let browser = Browser::start().await;
    open_connected(&browser, &format!("http://localhost:{page}/")).await;
    send(&browser, "hello", 2).await;
    assert_eq!(log(&browser).await, [red("hello"), blue("hello from the server")]);
    program.signal(Signal::Interrupt).await;
    until_state(&browser, "closed with code 1001: Server is stopping").await;
    assert_eq!(program.exit().await.status.code(), Some(0));
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_page_fits_a_phone_and_a_desk_by_day_and_by_night() {
    let place = ReservedPort::new();
    let (server, target) = demo_server(place.number()).await;
    let (_program, port) = page_in_front_of(target, &[]).await;
    let browser = Browser::start().await;
    let (phone, desk) = ((360, 640, true), (1280, 800, false));
    let mut brightness = Vec::new();
    open_connected(&browser, &format!("http://127.0.0.1:{port}/")).await;
    send(&browser, "hello", 2).await;
    send(&browser, "a message that is far too long for one line of a phone", 4).await;
    send(&browser, &"without-a-blank-".repeat(8), 6).await;
    server.kill().await;
    until_state(&browser, "closed with code 1000").await;
    browser.click("#reconnect").await;
    until_state(&browser, "closed with code 1011").await;
    for (name, (width, height, is_phone), is_dark) in [
        ("phone-light", phone, false),
        ("phone-dark", phone, true),
        ("desk-light", desk, false),
        ("desk-dark", desk, true),
    ] {
        browser.set_screen(Screen { width, height, is_phone, is_dark }).await;
        browser.save_screenshot(name).await;
        let script = "
            const page = document.documentElement
            const inside = ['#message', '#send', '#reconnect', '#close', '#state', '#log'].every(it => {
                const box = document.querySelector(it).getBoundingClientRect()
                return box.left >= 0 && box.right <= innerWidth && box.top >= 0 && box.bottom <= innerHeight
            })
            return [innerWidth, page.scrollWidth <= innerWidth && page.scrollHeight <= innerHeight, inside]";
        assert_eq!(browser.run(script).await, json!([width, true, true]), "{name}");
        let script = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g)
            .map(Number).reduce((sum, part) => sum + part) / 3";
        brightness.push(browser.run(script).await.as_f64().expect("a number"));
    }
    let is_day = brightness.iter().map(|mean| *mean > 127.0).collect::<Vec<_>>();
    assert_eq!(is_day, [true, false, true, false], "{brightness:?}");
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_isolated_page_shares_memory_with_its_threads() {
    let folder = site("<!doctype html><title>isolated</title>");
    let files = ["--web", spell(folder.path()), "127.0.0.1:0", "echo:"];
    let browser = Browser::start().await;
    for (more, isolated) in [(&[][..], false), (&["--cross-origin-isolated"], true)] {
        let program = wsferry(&[&files[..], more].concat());
        browser.open(&format!("http://127.0.0.1:{}/", program.port().await)).await;
        let state = "return [crossOriginIsolated, typeof SharedArrayBuffer !== 'undefined']";
        assert_eq!(browser.run(state).await, json!([isolated, isolated]));
    }
}
