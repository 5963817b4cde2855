//! `--web`: files on the same port.

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;
use wsferry_testkit::raw::Raw;
use wsferry_testkit::targets;

use crate::client::chat;
use crate::subject::{Gateway, Subject, request};

same! {
    files_and_sessions_share_the_port
    types_are_those_of_the_names
    head_is_get_without_the_body
    a_directory_gets_its_slash
    what_is_not_there_is_not_found
    nothing_outside_of_the_directory_is_served
    a_connection_serves_several_files
    a_file_that_did_not_change_is_not_sent_again
    file_only_serves_files_and_no_listing
    the_directory_may_be_relative
}

async fn files_and_sessions_share_the_port(program: Subject) {
    let site = site();
    let target = targets::echo().await;
    let gateway = program.gate_to(target.address(), &["--web", path(&site)]).await;
    for file in ["/", "/index.html", "/index.html?host=a&path=b%20c"] {
        let answer = gateway.load(file).await;
        assert_eq!((answer.status, &*answer.text()), (200, "<title>desk</title>"), "{file}");
    }
    chat(&mut gateway.connect_to("/websockify").await).await;
    chat(&mut gateway.connect_to("/index.html").await).await;
}

async fn types_are_those_of_the_names(program: Subject) {
    let site = site();
    let gateway = gateway(program, &site, &[]).await;
    let types = [
        ("/index.html", "text/html"),
        ("/app/ui.js", "text/javascript"),
        ("/app/base.css", "text/css"),
        ("/app/icon.svg", "image/svg+xml"),
        ("/app/logo.png", "image/png"),
        ("/app/with%20blank.html", "text/html"),
    ];
    for (file, kind) in types {
        let answer = gateway.load(file).await;
        assert_eq!(answer.status, 200, "{file}");
        let kind_of_answer = answer.field("content-type").split(';').next();
        assert_eq!(kind_of_answer, Some(kind), "{file}");
    }
}

async fn head_is_get_without_the_body(program: Subject) {
    let site = site();
    let gateway = gateway(program, &site, &[]).await;
    let answer = gateway.ask("HEAD", "/index.html", &[]).await.unwrap();
    assert_eq!((answer.status, answer.field("content-length")), (200, "19"));
}

async fn a_directory_gets_its_slash(program: Subject) {
    let site = site();
    let gateway = gateway(program, &site, &[]).await;
    let answer = gateway.load("/app").await;
    assert!(matches!(answer.status, 301 | 307 | 308), "{answer:?}");
    assert!(answer.field("location").ends_with("/app/"), "{answer:?}");
}

async fn what_is_not_there_is_not_found(program: Subject) {
    let site = site();
    let gateway = gateway(program, &site, &[]).await;
    for missing in ["/missing", "/index.html/", "/app/missing.js", "/index.html%00.js"] {
        let answer = gateway.ask("GET", missing, &[]).await;
        assert!(answer.is_none_or(|answer| matches!(answer.status, 400 | 404)), "{missing}");
    }
}

async fn nothing_outside_of_the_directory_is_served(program: Subject) {
    let site = site();
    fs::write(site.path().join("secret"), "secret").unwrap();
    let inside = site.path().join("app");
    let gateway =
        program.gate_to(targets::refusing().await, &["--web", inside.to_str().unwrap()]).await;
    for way_out in
        ["/../secret", "/%2e%2e/secret", "/x/../../secret", "/..%2fsecret", "//../secret"]
    {
        let answer = gateway.ask("GET", way_out, &[]).await;
        let is_out = answer.is_some_and(|answer| answer.status == 200);
        assert!(!is_out, "{way_out}");
    }
    assert_eq!(gateway.load("/ui.js").await.status, 200);
}

async fn a_connection_serves_several_files(program: Subject) {
    let site = site();
    let gateway = gateway(program, &site, &[]).await;
    let mut raw = Raw::connect(gateway.address()).await;
    for (file, status) in [("/", 200), ("/missing", 404), ("/app/ui.js", 200)] {
        raw.send(request(gateway.port(), "GET", file, &[])).await;
        let answer = raw.answer().await;
        assert_eq!(answer.status, status, "{file}");
        if answer.field("connection").eq_ignore_ascii_case("close") {
            raw = Raw::connect(gateway.address()).await;
        } else {
            assert_ne!(status, 0);
        }
    }
}

async fn a_file_that_did_not_change_is_not_sent_again(program: Subject) {
    let site = site();
    let gateway = gateway(program, &site, &[]).await;
    let first = gateway.load("/index.html").await;
    let since = first.field("last-modified");
    assert_ne!(since, "");
    let again = gateway.ask("GET", "/index.html", &[("If-Modified-Since", since)]).await;
    assert_eq!(again.unwrap().status, 304);
}

async fn file_only_serves_files_and_no_listing(program: Subject) {
    let site = site();
    let gateway = gateway(program, &site, &["--file-only"]).await;
    assert_eq!(gateway.load("/app/").await.status, 404);
    assert_eq!(gateway.load("/app/ui.js").await.status, 200);
    assert_eq!(gateway.load("/").await.text(), "<title>desk</title>");
}

async fn the_directory_may_be_relative(program: Subject) {
    let site = site();
    let target = targets::refusing().await.to_string();
    let gateway = program
        .gate_with(&["--web", "app"], &[&target], |command| {
            command.current_dir(site.path());
        })
        .await;
    assert_eq!(gateway.load("/ui.js").await.status, 200);
}

pub(crate) async fn a_get_without_web(program: Subject) {
    let gateway = program.gate_to(targets::refusing().await, &[]).await;
    let status = match program {
        Subject::Websockify => 405,
        Subject::Wsferry => 426,
    };
    for method in ["GET", "HEAD"] {
        let answer = gateway.ask(method, "/", &[]).await.unwrap();
        assert_eq!(answer.status, status, "{method}");
        assert_eq!(answer.has("upgrade"), program == Subject::Wsferry, "{method}");
    }
}

pub(crate) async fn another_method(program: Subject) {
    let site = site();
    let gateway = gateway(program, &site, &[]).await;
    let status = match program {
        Subject::Websockify => 501,
        Subject::Wsferry => 405,
    };
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = gateway.ask(method, "/", &[("Content-Length", "0")]).await.unwrap();
        assert_eq!(answer.status, status, "{method}");
        assert_eq!(answer.has("allow"), program == Subject::Wsferry, "{method}");
    }
}

pub(crate) async fn the_listing_of_a_directory(program: Subject) {
    let site = site();
    let gateway = gateway(program, &site, &[]).await;
    let answer = gateway.load("/app/").await;
    match program {
        Subject::Websockify => {
            assert_eq!(answer.status, 200);
            assert!(answer.text().contains("ui.js"));
        }
        Subject::Wsferry => assert_eq!(answer.status, 404),
    }
}

pub(crate) async fn hidden_files(program: Subject) {
    let site = site();
    fs::write(site.path().join(".htpasswd"), "me:secret").unwrap();
    let gateway = gateway(program, &site, &[]).await;
    let status = match program {
        Subject::Websockify => 200,
        Subject::Wsferry => 404,
    };
    assert_eq!(gateway.load("/.htpasswd").await.status, status);
}

pub(crate) async fn a_link_that_leads_out(program: Subject) {
    let (site, elsewhere) = (site(), tempfile::tempdir().unwrap());
    fs::write(elsewhere.path().join("file"), "secret").unwrap();
    symlink(elsewhere.path(), site.path().join("out")).unwrap();
    let gateway = gateway(program, &site, &[]).await;
    let status = match program {
        Subject::Websockify => 200,
        Subject::Wsferry => 404,
    };
    assert_eq!(gateway.load("/out/file").await.status, status);
}

async fn gateway(program: Subject, site: &TempDir, options: &[&str]) -> Gateway {
    let options = [&["--web", path(site)], options].concat();
    program.gate_to(targets::refusing().await, &options).await
}

/// A directory with a page, and one in it without.
pub(crate) fn site() -> TempDir {
    let site = tempfile::tempdir().expect("there is room for a page");
    fs::write(site.path().join("index.html"), "<title>desk</title>").unwrap();
    let app = site.path().join("app");
    fs::create_dir(&app).unwrap();
    for file in ["ui.js", "base.css", "icon.svg", "logo.png", "with blank.html"] {
        fs::write(app.join(file), "x").unwrap();
    }
    site
}

/// A path as an argument.
pub(crate) fn path(folder: &TempDir) -> &str {
    folder.path().to_str().expect("the paths of tests are UTF-8")
}
