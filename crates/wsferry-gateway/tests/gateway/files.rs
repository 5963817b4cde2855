//! Static files beside WebSocket: what is served, and what never leaves the root.

use std::path::Path;

use tempfile::TempDir;
use wsferry_gateway::web::Files;
use wsferry_testkit::raw::{Answer, Raw};
use wsferry_testkit::targets::End;

use crate::support::{Running, config_with};

const SECRET: &str = "secret";

/// A directory to be served, `root`, with a secret beside it and hidden in it.
pub(crate) struct Site {
    directory: TempDir,
    pub(crate) gateway: Running,
}

impl Site {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("root");
        let files: [(&str, &[u8]); 22] = [
            ("root/index.html", b"<p>index"),
            ("root/page.htm", b"<p>"),
            ("root/style.css", b"p {}"),
            ("root/script.js", b"1"),
            ("root/module.mjs", b"1"),
            ("root/data.json", b"{}"),
            ("root/code.wasm", b"\0asm"),
            ("root/picture.svg", b"<svg/>"),
            ("root/picture.png", b"\x89PNG"),
            ("root/text.txt", b"0123456789"),
            ("root/no-type", b"?"),
            ("root/empty.txt", b""),
            ("root/a b.txt", b"space"),
            ("root/100%.txt", b"percent"),
            ("root/\u{e4}\u{1f600}.txt", b"unicode"),
            ("root/a+b&c=d;e'f(g)!*,~@$:.txt", b"odd"),
            ("root/sub/index.html", b"<p>sub"),
            ("root/plain/file.txt", b"file"),
            ("root/plain/.hidden", SECRET.as_bytes()),
            ("root/.hidden", SECRET.as_bytes()),
            ("root/.git/config", SECRET.as_bytes()),
            ("secret.txt", SECRET.as_bytes()),
        ];
        for (path, bytes) in files {
            let path = directory.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        #[cfg(unix)]
        {
            let link = |to: &str, from: &str| {
                std::os::unix::fs::symlink(to, root.join(from)).unwrap();
            };
            link("text.txt", "link-inside.txt");
            link("../secret.txt", "link-out.txt");
            link("..", "link-up");
            link("/etc", "link-etc");
            link(".hidden", "link-hidden.txt");
            link(".git", "link-git");
            link("nowhere", "link-nowhere");
            link("link-loop", "link-loop");
            link("/dev/zero", "link-zero");
            let made = std::process::Command::new("mkfifo").arg(root.join("fifo")).status();
            assert!(made.unwrap().success());
            std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
        }
        let files = Files::Directory(root);
        let config = config_with("echo:", |config| config.web = Some(files));
        Self { directory, gateway: Running::start(config).await }
    }

    pub(crate) fn root(&self) -> std::path::PathBuf {
        self.directory.path().join("root")
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, fields: &[&str]) -> Answer {
        let mut raw = self.gateway.raw().await;
        ask(&mut raw, method, path, fields).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }
}

pub(crate) async fn ask(raw: &mut Raw, method: &str, path: &str, fields: &[&str]) -> Answer {
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    raw.send(format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")).await;
    let answer = raw.try_answer(method != "HEAD").await.expect("an answer");
    assert_eq!(answer.field("x-content-type-options"), "nosniff", "{method} {path}");
    assert_eq!(answer.field("referrer-policy"), "no-referrer", "{method} {path}");
    answer
}

#[tokio::test]
async fn files_have_the_types_of_their_names() {
    let site = Site::start().await;
    for (path, expected) in [
        ("/", "text/html; charset=utf-8"),
        ("/index.html", "text/html; charset=utf-8"),
        ("/page.htm", "text/html; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/script.js", "text/javascript; charset=utf-8"),
        ("/module.mjs", "application/javascript; charset=utf-8"),
        ("/data.json", "application/json"),
        ("/code.wasm", "application/wasm"),
        ("/picture.svg", "image/svg+xml"),
        ("/picture.png", "image/png"),
        ("/text.txt", "text/plain; charset=utf-8"),
        ("/no-type", "application/octet-stream"),
        ("/empty.txt", "text/plain; charset=utf-8"),
    ] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        let got = answer.field("content-type");
        assert!(got.starts_with(expected), "{path} is {got:?}");
    }
}

#[tokio::test]
async fn odd_names_are_found_by_their_escapes() {
    let site = Site::start().await;
    for (path, body) in [
        ("/a%20b.txt", "space"),
        ("/%61%20b%2Etxt", "space"),
        ("/100%25.txt", "percent"),
        ("/%C3%A4%F0%9F%98%80.txt", "unicode"),
        ("/a+b&c=d;e'f(g)!*,~@$:.txt", "odd"),
        ("/text.txt?query=../../x", "0123456789"),
        ("/link-inside.txt", "0123456789"),
        ("/empty.txt", ""),
        ("/plain/file.txt", "file"),
    ] {
        let answer = site.get(path).await;
        assert_eq!((answer.status, &*answer.text()), (200, body), "{path}");
    }
    assert_eq!(site.get("/a+b.txt").await.status, 404); // a plus is no space
}

#[tokio::test]
async fn what_leaves_the_root_or_is_hidden_or_special_is_not_found() {
    let site = Site::start().await;
    let mut paths: Vec<String> = [
        "/../secret.txt",
        "/..",
        "/../",
        "/../root/text.txt",
        "/sub/../text.txt",
        "/sub/../../secret.txt",
        "/./text.txt",
        "/.",
        "/%2e%2e/secret.txt",
        "/%2E%2E/secret.txt",
        "/.%2e/secret.txt",
        "/..%2fsecret.txt",
        "/..%2Fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/%252e%252e/secret.txt",
        "/%252e%252e%252fsecret.txt",
        "/%25252e%25252e/secret.txt",
        "/..%5csecret.txt",
        "/..\\secret.txt",
        "/sub\\index.html",
        "/sub%5cindex.html",
        "/%c0%ae%c0%ae/secret.txt",
        "/%e0%80%ae%e0%80%ae/secret.txt",
        "/%uff0e%uff0e/secret.txt",
        "/text.txt%00",
        "/text.txt%00.html",
        "/%00",
        "/text.txt%0a",
        "/text%ff.txt",
        "/text.txt%",
        "/%2",
        "/text.txt/",
        "/text.txt/x",
        "/text.txt/.",
        "//etc/passwd",
        "//../secret.txt",
        "//%2e%2e/secret.txt",
        "///.git/config",
        "/sub//index.html",
        "//sub//index.html",
        "/%2ftext.txt",
        "/%2fetc%2fpasswd",
        "/sub%2findex.html",
        "/~root",
        "/C:/text.txt",
        "/text.txt::$DATA",
        "/.hidden",
        "/%2ehidden",
        "/plain/.hidden",
        "/.git/config",
        "/.git/",
        "/.git",
        "/link-out.txt",
        "/link-up/secret.txt",
        "/link-up/",
        "/link-etc/passwd",
        "/link-etc",
        "/link-etc/",
        "/link-hidden.txt",
        "/link-git/config",
        "/link-git/",
        "/link-nowhere",
        "/link-loop",
        "/link-zero",
        "/fifo",
        "/socket",
        "/plain/",
        "/nothing",
        "/nothing/",
        "/TEXT.TXT",
        "/text.txt;x",
    ]
    .map(str::to_owned)
    .to_vec();
    paths.push(format!("/{}", site.root().join("text.txt").display()));
    paths.push(format!("/{}/secret.txt", "../".repeat(30)));
    paths.push(format!("/{}", "a".repeat(300)));
    paths.push(format!("/{}x", "a/".repeat(3000)));
    for path in paths {
        for method in ["GET", "HEAD"] {
            let answer = site.ask(method, &path, &[]).await;
            // A backslash is no path at all.
            assert!([404, 400].contains(&answer.status), "{path} got {answer:?}");
            assert!(!answer.text().contains(SECRET), "{path}");
            assert!(!answer.has("location"), "{path}");
            assert!(!answer.text().contains("root"), "{path} tells where the root is");
        }
    }
}

#[tokio::test]
async fn a_directory_without_its_slash_redirects_to_the_same_host() {
    let site = Site::start().await;
    for (path, location) in [
        ("/sub", "/sub/"),
        ("/sub?a=b", "/sub/?a=b"),
        ("/%73ub", "/%73ub/"),
        ("http://localhost/sub", "/sub/"),
    ] {
        let answer = site.get(path).await;
        assert!([301, 302, 307, 308].contains(&answer.status), "{path}: {answer:?}");
        assert_eq!(answer.field("location"), location, "{path}");
    }
    assert_eq!(site.get("/sub/").await.text(), "<p>sub");
    for path in ["//sub", "///sub"] {
        assert_eq!(site.get(path).await.field("location"), "/sub/", "{path}");
    }
    for path in ["//evil.example", "//evil.example/..", "/\\evil.example"] {
        let answer = site.get(path).await;
        assert!(!answer.has("location"), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn slashes_at_the_start_of_a_path_are_one() {
    let site = Site::start().await;
    for (path, same) in [
        ("//text.txt", "/text.txt"),
        ("///text.txt", "/text.txt"),
        ("//sub/index.html", "/sub/"),
        ("//", "/"),
        ("///", "/"),
    ] {
        let (answer, expected) = (site.get(path).await, site.get(same).await);
        assert_eq!((answer.status, expected.status), (200, 200), "{path}");
        assert_eq!(answer.text(), expected.text(), "{path}");
    }
}

#[tokio::test]
async fn there_is_no_listing() {
    let site = Site::start().await;
    std::fs::remove_file(site.root().join("index.html")).unwrap();
    for path in ["/", "/plain/", "/?"] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.text().contains("txt"));
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_exchanged_for_a_link_while_it_is_served_never_shows_what_is_outside() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let site = Site::start().await;
    let root = site.root();
    std::fs::create_dir(site.directory.path().join("outside")).unwrap();
    std::fs::write(site.directory.path().join("outside/file.txt"), SECRET).unwrap();
    std::os::unix::fs::symlink("../outside", root.join("out")).unwrap();
    let is_over = AtomicBool::new(false);
    let [real, away, out] = ["plain", "away", "out"].map(|name| root.join(name));
    let exchange = || {
        while !is_over.load(Ordering::Relaxed) {
            for (from, to) in [(&real, &away), (&out, &real), (&real, &out), (&away, &real)] {
                std::fs::rename(from, to).unwrap();
            }
        }
    };
    let mut found = 0;
    std::thread::scope(|scope| {
        scope.spawn(exchange);
        let asking = async {
            let mut raw = site.gateway.raw().await;
            for _ in 0..1000 {
                let answer = ask(&mut raw, "GET", "/plain/file.txt", &[]).await;
                assert!(!answer.text().contains(SECRET));
                found += usize::from(answer.status == 200);
            }
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(asking));
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(found > 0, "it was never found");
}

#[cfg(unix)]
#[tokio::test]
async fn a_directory_that_is_deleted_and_made_again_is_served_as_it_is_now() {
    let site = Site::start().await;
    let root = site.root();
    std::fs::rename(&root, site.directory.path().join("old")).unwrap();
    assert_eq!(site.get("/text.txt").await.status, 404);
    std::fs::create_dir(&root).unwrap();
    std::fs::write(root.join("text.txt"), "new").unwrap();
    assert_eq!(site.get("/text.txt").await.body, b"new");
}

#[tokio::test]
async fn a_request_with_a_body_is_answered_and_is_the_last_one() {
    let site = Site::start().await;
    for body in ["Content-Length: 100\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"]
    {
        let mut raw = site.gateway.raw().await;
        let get = "GET /text.txt HTTP/1.1\r\nHost: localhost\r\n";
        raw.send(format!("{get}{body}{get}\r\n")).await;
        let answer = raw.answer().await;
        assert!(answer.status == 400 || answer.text() == "0123456789", "{answer:?}");
        assert_eq!(raw.end().await, (vec![], End::Fin));
    }
}

#[tokio::test]
async fn a_directory_that_is_missing_is_told_before_the_first_client() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    for path in [&missing, &file] {
        let files = Files::Directory(Path::new(path).to_owned());
        let config = config_with("echo:", |config| config.web = Some(files));
        let error = wsferry_gateway::gateway::Gateway::bind(config).await.unwrap_err().to_string();
        assert!(error.contains(&path.display().to_string()), "{error}");
    }
}

#[tokio::test]
async fn one_page_is_served_at_the_root_only() {
    let config = config_with("echo:", |config| config.web = Some(Files::Page("<p>demo")));
    let gateway = Running::start(config).await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let answer = gateway.ask(get("/")).await;
    assert_eq!((answer.status, &*answer.text()), (200, "<p>demo"));
    assert_eq!(answer.field("x-content-type-options"), "nosniff");
    assert_eq!(gateway.ask(get("/index.html")).await.status, 404);
}

#[tokio::test]
async fn files_are_sent_with_the_header_fields_of_the_operator_and_refusals_are_not() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("folder")).unwrap();
    std::fs::write(directory.path().join("index.html"), "index").unwrap();
    let gateway = Running::start(config_with("echo:", |config| {
        config.web = Some(Files::Directory(directory.path().to_owned()));
        for text in ["X-Own: a", "X-Own: b", "Referrer-Policy: origin"] {
            config.headers.extend([wsferry_gateway::config::header(text).unwrap()]);
        }
    }))
    .await;
    for (path, status) in [("/", 200), ("/none", 404), ("/folder", 301)] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let answer = gateway.ask(request).await;
        assert_eq!(answer.status, status);
        assert_eq!(values(&answer, "x-own"), ["a", "b"], "{path}");
        assert_eq!(values(&answer, "referrer-policy"), ["origin"], "{path}");
    }
    let refused = gateway.ask("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").await;
    assert_eq!((refused.status, values(&refused, "x-own").len()), (403, 0));
}

/// The values of a field.
fn values<'a>(answer: &'a Answer, name: &str) -> Vec<&'a str> {
    let fields = answer.fields.iter().filter(|(field, _)| field == name);
    fields.map(|(_, value)| &**value).collect()
}
