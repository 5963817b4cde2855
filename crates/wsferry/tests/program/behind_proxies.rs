//! wsferry behind the proxies of docs/from-websockify.md, with the command and the configurations
//! taken from the document: what the document says is what is tested.

use std::fs;
use std::path::Path;

use futures_util::StreamExt;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use wsferry_testkit::patience::{soon, until};
use wsferry_testkit::program::{Program, ReservedPort, listens};

use crate::support::{Client, exchange, say, spell, wsferry};

const OWN_PAGE: &str = "http://desk.example.com";
const FOREIGN_PAGE: &str = "https://evil.example";

/// The section of the document that is about proxies.
fn section() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/from-websockify.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once("### Behind a reverse proxy\n").unwrap();
    section.split("\n#").next().unwrap().to_owned()
}

/// The fenced blocks of a language in that section.
fn blocks(language: &str) -> Vec<String> {
    let section = section();
    let begin = format!("```{language}\n");
    let blocks = section.split(&begin).skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// Text with another one in the place of a part that must be there.
fn swap(text: &str, part: &str, other: &str) -> String {
    assert!(text.contains(part), "{part:?} is not in {text}");
    text.replace(part, other)
}

/// A proxy and the gateway behind it.
struct Place {
    port: u16,
    gateway: Program,
    _proxy: Program,
    _folder: TempDir,
    _reserved: ReservedPort,
}

/// The documented gateway to `echo:`, with other options in the place of the documented one if some
/// are given, behind a proxy that is started with a folder for its files, its port and the address of
/// the gateway.
async fn place(options: Option<&[&str]>, start: impl FnOnce(&Path, u16, &str) -> Command) -> Place {
    let command = blocks("sh").remove(0);
    let command = swap(&command, "127.0.0.1:6080", "127.0.0.1:0");
    let command = swap(&command, "localhost:5900", "echo:");
    let mut words: Vec<&str> = command.split_whitespace().skip(1).collect();
    if let Some(options) = options {
        words.retain(|word| !["--allow-host", "desk.example.com"].contains(word));
        words.extend(options);
    }
    let gateway = wsferry(&words);
    let address = format!("127.0.0.1:{}", gateway.port().await);
    let folder = tempfile::tempdir().unwrap();
    let reserved = ReservedPort::new();
    let port = reserved.number();
    let mut proxy = Program::spawn(start(folder.path(), port, &address));
    until(|| listens(port) || proxy.has_ended()).await;
    assert!(!proxy.has_ended(), "the proxy has ended: {:#?}", proxy.lines());
    Place { port, gateway, _proxy: proxy, _folder: folder, _reserved: reserved }
}

impl Place {
    /// What a browser does whose page came from `origin`, and that was told the outer name.
    async fn connect(&self, origin: &str) -> Result<Client, StatusCode> {
        let mut request = "ws://desk.example.com/websockify".into_client_request().unwrap();
        request.headers_mut().insert("origin", HeaderValue::from_str(origin).unwrap());
        let stream = soon(TcpStream::connect(("127.0.0.1", self.port))).await.unwrap();
        match soon(client_async(request, stream)).await {
            Ok((client, _)) => Ok(client),
            Err(Error::Http(response)) => Err(response.status()),
            Err(error) => panic!("the handshake failed: {error}"),
        }
    }

    async fn works_for(&self, origin: &str) {
        let mut client = self.connect(origin).await.expect("the handshake is accepted");
        for text in ["hello", "hello again"] {
            say(&mut client, text).await;
            let answer = soon(client.next()).await.unwrap().unwrap();
            assert_eq!(answer.into_text().unwrap(), text);
        }
    }

    async fn is_closed_for(&self, origin: &str, remedy: &str) {
        assert_eq!(self.connect(origin).await.unwrap_err(), StatusCode::FORBIDDEN);
        self.gateway.line(&["refused", remedy]).await;
    }
}

fn nginx(
    folder: &Path,
    port: u16,
    gateway: &str,
    change: impl FnOnce(String) -> String,
) -> Command {
    let block = change(blocks("nginx").remove(0));
    let block = swap(&block, "listen 80;", &format!("listen 127.0.0.1:{port};"));
    let block = swap(&block, "127.0.0.1:6080", gateway);
    let block = swap(&block, "/usr/share/novnc", spell(folder));
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {kind};\n"))
        .collect();
    let text = format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents {{}}\n\
         http {{\naccess_log off;\n{paths}{block}}}\n"
    );
    fs::write(folder.join("nginx.conf"), text).unwrap();
    fs::write(folder.join("vnc.html"), "a page").unwrap();
    let mut command = Command::new("/usr/sbin/nginx");
    command.args(["-e", "stderr", "-p", spell(folder), "-c", "nginx.conf"]);
    command
}

fn apache(folder: &Path, port: u16, gateway: &str, block: usize, modules: &[&str]) -> Command {
    let blocks = blocks("apache");
    let block = swap(&blocks[block], "*:80", &format!("127.0.0.1:{port}"));
    let block = swap(&block, "127.0.0.1:6080", gateway);
    let block = swap(&block, "/usr/share/novnc", spell(folder));
    let modules: String = ["mpm_event", "authz_core"]
        .iter()
        .chain(modules)
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
        .collect();
    let folder = spell(folder);
    let text = format!(
        "ServerName localhost\nDefaultRuntimeDir {folder}\nPidFile {folder}/pid\n\
         ErrorLog {folder}/error.log\nListen 127.0.0.1:{port}\nUser www-data\nGroup www-data\n\
         {modules}{block}"
    );
    let file = format!("{folder}/apache.conf");
    fs::write(&file, text).unwrap();
    let mut command = Command::new("/usr/sbin/apache2");
    command.args(["-X", "-d", folder, "-f", &file]);
    command
}

fn haproxy(folder: &Path, port: u16, gateway: &str) -> Command {
    let block = blocks("haproxy").remove(0);
    let block = swap(&block, "bind :80", &format!("bind 127.0.0.1:{port}"));
    let block = swap(&block, "127.0.0.1:6080", gateway);
    let file = folder.join("haproxy.cfg");
    fs::write(&file, block).unwrap();
    let mut command = Command::new("/usr/sbin/haproxy");
    command.args(["-db", "-f", spell(&file)]);
    command
}

fn documented_nginx(folder: &Path, port: u16, gateway: &str) -> Command {
    nginx(folder, port, gateway, |block| block)
}

/// The same without the line that passes Host on.
fn nginx_with_a_host_of_its_own(folder: &Path, port: u16, gateway: &str) -> Command {
    nginx(folder, port, gateway, |block| swap(&block, "proxy_set_header Host $http_host;", ""))
}

#[tokio::test]
async fn nginx_passes_its_own_pages_on_and_wsferry_refuses_others() {
    let place = place(None, documented_nginx).await;
    place.works_for(OWN_PAGE).await;
    place.works_for("https://desk.example.com").await; // where the proxy speaks TLS
    place.is_closed_for(FOREIGN_PAGE, "--allow-origin https://evil.example").await;
    let page = "GET /vnc.html HTTP/1.1\r\nHost: desk.example.com\r\nConnection: close\r\n\r\n";
    assert!(exchange(place.port, page.as_bytes()).await.ends_with("a page"));
}

#[tokio::test]
async fn behind_nginx_the_outer_name_must_be_told() {
    let place = place(Some(&[]), documented_nginx).await;
    place.is_closed_for(OWN_PAGE, "--allow-host desk.example.com").await;
}

#[tokio::test]
async fn behind_nginx_that_has_a_host_of_its_own_every_page_is_foreign() {
    let place = place(None, nginx_with_a_host_of_its_own).await;
    place
        .is_closed_for("https://desk.example.com", "--allow-origin https://desk.example.com")
        .await;
}

#[tokio::test]
async fn behind_nginx_that_has_a_host_of_its_own_the_origin_can_be_allowed() {
    let options = ["--allow-origin", "https://desk.example.com"];
    let place = place(Some(&options), nginx_with_a_host_of_its_own).await;
    place.works_for("https://desk.example.com").await;
    place.is_closed_for(FOREIGN_PAGE, "--allow-origin https://evil.example").await;
}

#[tokio::test]
async fn apache_passes_its_own_pages_on_and_wsferry_refuses_others() {
    let start = |folder: &Path, port, gateway: &str| {
        apache(folder, port, gateway, 0, &["proxy", "proxy_http"])
    };
    let place = place(None, start).await;
    place.works_for(OWN_PAGE).await;
    place.is_closed_for(FOREIGN_PAGE, "--allow-origin https://evil.example").await;
}

#[tokio::test]
async fn apache_with_its_older_module_does_so_too() {
    let start = |folder: &Path, port, gateway: &str| {
        apache(folder, port, gateway, 1, &["proxy", "proxy_wstunnel"])
    };
    let place = place(None, start).await;
    place.works_for(OWN_PAGE).await;
    place.is_closed_for(FOREIGN_PAGE, "--allow-origin https://evil.example").await;
}

#[tokio::test]
async fn haproxy_passes_its_own_pages_on_and_wsferry_refuses_others() {
    let place = place(None, haproxy).await;
    place.works_for(OWN_PAGE).await;
    place.is_closed_for(FOREIGN_PAGE, "--allow-origin https://evil.example").await;
}
