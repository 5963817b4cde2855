//! A real browser: headless Chromium, driven through its own driver. Nothing of it outlives its test.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::wd::TimeoutConfiguration;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::patience::{PATIENCE, soon, within};
use crate::program::{Program, kill_all_with};

/// What makes a browser for tests out of one for people.
const FLAGS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A window of a browser.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    session: String,
    driver_port: u16,
    _driver: Program,
    profile: TempDir,
}

/// On what a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// In CSS pixels.
    pub width: u32,
    /// In CSS pixels.
    pub height: u32,
    /// Whether it is touched.
    pub is_phone: bool,
    /// Whether the person prefers dark colours.
    pub is_dark: bool,
}

impl Browser {
    /// Starts a browser.
    pub async fn start() -> Self {
        Self::with_flags(&[]).await
    }

    /// Starts a browser with further flags.
    pub async fn with_flags(more: &[&str]) -> Self {
        let (driver, driver_port) = start_driver().await;
        let profile = tempfile::tempdir().expect("there is room for a profile");
        let profile_flag = format!("--user-data-dir={}", profile.path().display());
        let flags: Vec<_> = FLAGS.iter().chain(more).copied().chain([&*profile_flag]).collect();
        let capabilities = json!({
            "goog:chromeOptions": {
                "binary": place("WSFERRY_TEST_CHROMIUM", "/usr/bin/chromium"),
                "args": flags,
            },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else { unreachable!() };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        let address = format!("http://127.0.0.1:{driver_port}");
        let started = within(2 * PATIENCE, builder.connect(&address)).await;
        let client = started.expect("a browser starts");
        let limits =
            TimeoutConfiguration::new(Some(PATIENCE), Some(PATIENCE), Some(Duration::ZERO));
        client.update_timeouts(limits).await.expect("the driver answers");
        let session = client.session_id().await.expect("the driver answers");
        let session = session.expect("the browser has a session");
        Self { client, session, driver_port, _driver: driver, profile }
    }

    /// Opens a page and waits until it is loaded.
    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap_or_else(|error| panic!("cannot open {url}: {error}"));
    }

    /// What a JavaScript function body returns.
    pub async fn run(&self, script: &str) -> Value {
        let result = self.client.execute(script, Vec::new()).await;
        result.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// What a JavaScript function body returns, once its promises are kept.
    pub async fn run_async(&self, script: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];\
             (async () => {{ {script} }})().then(done, error => done(`failed: ${{error}}`))"
        );
        let result = self.client.execute_async(&script, Vec::new()).await;
        result.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Waits until a JavaScript condition about what the page shows holds.
    pub async fn until(&self, condition: &str) {
        let limit = (PATIENCE - Duration::from_secs(5)).as_millis();
        let script = format!(
            "return await new Promise(resolve => {{
                const check = () => {{
                    if (!({condition})) return
                    observer.disconnect()
                    resolve(true)
                }}
                const observer = new MutationObserver(check)
                const all = {{ subtree: true, childList: true, characterData: true, attributes: true }}
                observer.observe(document, all)
                setTimeout(() => resolve(document.body.innerText), {limit})
                check()
            }})"
        );
        let result = self.run_async(&script).await;
        assert!(result == true, "it never came that {condition}; the page shows: {result}");
    }

    /// The element of a CSS selector.
    pub async fn find(&self, selector: &str) -> Element {
        let found = self.client.find(Locator::Css(selector)).await;
        found.unwrap_or_else(|error| panic!("no {selector} in the page: {error}"))
    }

    /// Presses a key at a time.
    pub async fn type_into(&self, selector: &str, keys: &str) {
        self.find(selector).await.send_keys(keys).await.expect("it can be typed into");
    }

    /// Clicks, where it is on the screen.
    pub async fn click(&self, selector: &str) {
        self.find(selector).await.click().await.expect("it can be clicked");
    }

    /// The text of an element, as it is shown.
    pub async fn text(&self, selector: &str) -> String {
        self.find(selector).await.text().await.expect("it has a text")
    }

    /// Every message that the console got since the last call, with its level in front.
    pub async fn console(&self) -> Vec<String> {
        let log = self.command("se/log", &json!({ "type": "browser" })).await;
        let entry =
            |entry: &Value| format!("{} {}", text(&entry["level"]), text(&entry["message"]));
        log.as_array().expect("the driver gives a list").iter().map(entry).collect()
    }

    /// Looks at the page on another screen.
    pub async fn set_screen(&self, screen: Screen) {
        let Screen { width, height, is_phone, is_dark } = screen;
        let scheme = if is_dark { "dark" } else { "light" };
        let metrics = json!({
            "width": width, "height": height, "mobile": is_phone,
            "deviceScaleFactor": if is_phone { 2 } else { 1 },
        });
        let colours = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        self.devtools("Emulation.setTouchEmulationEnabled", json!({ "enabled": is_phone })).await;
        self.devtools("Emulation.setEmulatedMedia", colours).await;
    }

    /// Saves what is on the screen to `target/screenshots/`, for a person to look at.
    pub async fn save_screenshot(&self, name: &str) -> PathBuf {
        let folder = crate::program::target_dir().join("screenshots");
        let image = self.client.screenshot().await.expect("the browser gives a picture");
        fs::create_dir_all(&folder).expect("target/ can be written");
        let file = folder.join(format!("{name}.png"));
        fs::write(&file, image).expect("target/ can be written");
        file
    }

    async fn devtools(&self, command: &str, parameters: Value) {
        self.command("goog/cdp/execute", &json!({ "cmd": command, "params": parameters })).await;
    }

    /// A command of this driver that `WebDriver` does not know.
    async fn command(&self, name: &str, parameters: &Value) -> Value {
        let path = format!("/session/{}/{name}", self.session);
        let call = post(self.driver_port, &path, parameters.to_string());
        let answer = soon(call).await.expect("the driver answers");
        let answer: Value = serde_json::from_slice(&answer).expect("it answers in JSON");
        assert!(answer["value"].get("error").is_none(), "{name}: {answer}");
        answer["value"].clone()
    }
}

impl Drop for Browser {
    /// The driver does not take its browser along when it dies; what belongs to this browser has its
    /// profile on the command line, or ends without the process that has.
    fn drop(&mut self) {
        kill_all_with(self.profile.path());
    }
}

/// An HTTP request as the driver understands it; its answer always says its length.
async fn post(port: u16, path: &str, body: String) -> std::io::Result<Vec<u8>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let mut stream = BufReader::new(stream);
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut length = 0;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 && line != "\r\n" {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().map_err(std::io::Error::other)?;
        }
        line.clear();
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// The driver and its port. It takes a free port of IPv6 and then wants the same one of IPv4, which
/// may be somebody's: it ends, and another one is started.
async fn start_driver() -> (Program, u16) {
    let path = place("WSFERRY_TEST_CHROMEDRIVER", "/usr/bin/chromedriver");
    for _ in 0..10 {
        let driver = Program::start(&path, &["--port=0"]);
        if let Some(line) = driver.may_print(&["started successfully on port "]).await {
            let port = line.trim_end_matches('.').rsplit(' ').next();
            let port = port.and_then(|port| port.parse().ok());
            return (driver, port.unwrap_or_else(|| panic!("no port in {line:?}")));
        }
    }
    panic!("{} finds no port", path.display());
}

fn place(variable: &str, usual: &str) -> PathBuf {
    let place = env::var_os(variable).map_or_else(|| PathBuf::from(usual), PathBuf::from);
    assert!(
        place.exists(),
        "{} is not here: run scripts/test, which installs Chromium and its driver",
        place.display()
    );
    place
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
