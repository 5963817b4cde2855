//! `--web-listing`: people may see what is in a directory.

use std::fs;

use tempfile::TempDir;

use crate::support::{get, site, spell, wsferry};

/// The links of a page, with the words on them.
fn links(page: &str) -> Vec<(String, String)> {
    let of = |part: &str| {
        let (link, rest) = part.split_once("\">").unwrap();
        (link.to_owned(), rest.split_once("</a>").unwrap().0.to_owned())
    };
    page.split("href=\"").skip(1).map(of).collect()
}

fn pair(link: &str, words: &str) -> (String, String) {
    (link.to_owned(), words.to_owned())
}

/// A directory without an index page.
fn folder(names: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        fs::write(folder.path().join(name), name).unwrap();
    }
    folder
}

#[cfg(unix)] // names that other systems do not take
#[tokio::test]
async fn whatever_a_name_holds_it_is_shown_as_it_is_and_its_link_leads_to_it() {
    let names = ["<script>alert(1)<", "a b", "a\"b'c", "a&amp;b", "a?b#c", "c:d", "ä€😀", "100%"];
    let folder = folder(&names);
    let program =
        wsferry(&["127.0.0.1:0", "echo:", "--web-listing", "--web", spell(folder.path())]);
    let port = program.port().await;
    let page = get(port, "/").await;
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    assert!(page.contains("content-type: text/html; charset=utf-8"), "{page}");
    assert!(page.contains("x-content-type-options: nosniff"), "{page}");
    assert!(!page.contains("<script>"), "{page}");
    let links = links(&page);
    assert_eq!(links.len(), names.len(), "{links:?}");
    for (link, words) in links {
        let name = words.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
        let name = name.replace("&#39;", "'").replace("&amp;", "&");
        assert!(names.contains(&&*name), "{name}");
        let path = link.strip_prefix("./").unwrap();
        let file = get(port, &format!("/{path}")).await;
        assert!(file.starts_with("HTTP/1.1 200 ") && file.ends_with(&name), "{name}: {file}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_not_served_is_not_shown() {
    let outside = site("secret");
    let folder = folder(&["seen", ".hidden", "back\\slash", "line\nbreak", "a%2eb"]);
    let link = |target: &std::path::Path, name: &str| {
        std::os::unix::fs::symlink(target, folder.path().join(name)).unwrap();
    };
    link(&outside.path().join("index.html"), "file-outside");
    link(outside.path(), "folder-outside");
    link(&folder.path().join("seen"), "link-inside");
    link(&folder.path().join(".hidden"), "link-to-hidden");
    link(std::path::Path::new("nowhere"), "link-to-nothing");
    fs::create_dir(folder.path().join(".git")).unwrap();
    let program =
        wsferry(&["127.0.0.1:0", "echo:", "--web-listing", "--web", spell(folder.path())]);
    let port = program.port().await;
    let page = get(port, "/").await;
    let expected = [pair("./link-inside", "link-inside"), pair("./seen", "seen")];
    assert_eq!(links(&page), expected, "{page}");
    for path in ["/file-outside", "/folder-outside/", "/.git/", "/link-to-hidden"] {
        let answer = get(port, path).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }
}

#[tokio::test]
async fn folders_below_are_listed_and_an_index_page_is_shown_instead() {
    let folder = folder(&["file"]);
    for name in ["empty", "with page"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    fs::write(folder.path().join("with page/index.html"), "a page").unwrap();
    let program =
        wsferry(&["127.0.0.1:0", "echo:", "--web-listing", "--web", spell(folder.path())]);
    let port = program.port().await;
    let expected =
        [pair("./empty/", "empty/"), pair("./file", "file"), pair("./with%20page/", "with page/")];
    assert_eq!(links(&get(port, "/").await), expected);
    let empty = get(port, "/empty/").await;
    assert!(empty.starts_with("HTTP/1.1 200 ") && links(&empty).is_empty(), "{empty}");
    assert!(get(port, "/empty").await.starts_with("HTTP/1.1 301 "));
    assert!(get(port, "/with%20page/").await.ends_with("a page"));
}

#[tokio::test]
async fn a_listing_has_a_bound_and_says_so_and_is_not_made_twice_in_a_second() {
    let folder = folder(&[]);
    for number in 0..10_100 {
        fs::write(folder.path().join(number.to_string()), "").unwrap();
    }
    let program =
        wsferry(&["127.0.0.1:0", "echo:", "--web-listing", "--web", spell(folder.path())]);
    let port = program.port().await;
    let page = get(port, "/").await;
    assert_eq!(links(&page).len(), 10_000);
    assert!(page.contains("There are more files"), "{}", &page[page.len() - 200..]);
    // A hundred at once get the page that one of them makes.
    let started = std::time::Instant::now();
    let pages = futures_util::future::join_all((0..100).map(|_| get(port, "/"))).await;
    let took = started.elapsed();
    let pages: std::collections::HashSet<_> = pages.iter().map(|page| links(page).len()).collect();
    assert_eq!(pages.into_iter().collect::<Vec<_>>(), [10_000], "after {took:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_is_not_shown() {
    let folder = folder(&["file"]);
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
    let program =
        wsferry(&["127.0.0.1:0", "echo:", "--web-listing", "--web", spell(folder.path())]);
    assert_eq!(links(&get(program.port().await, "/").await), [pair("./file", "file")]);
}

#[tokio::test]
async fn without_the_option_nothing_is_listed_and_that_is_said_once() {
    let folder = folder(&["file"]);
    for file_only in [&[][..], &["--file-only"]] {
        let words = [&["127.0.0.1:0", "echo:", "--web", spell(folder.path())], file_only].concat();
        let program = wsferry(&words);
        let port = program.port().await;
        for _ in 0..3 {
            assert!(get(port, "/").await.starts_with("HTTP/1.1 404 "));
        }
        assert!(get(port, "/file").await.starts_with("HTTP/1.1 200 "));
        program.line(&["directories are not listed", "--web-listing"]).await;
        program.signal(wsferry_testkit::program::Signal::Terminate).await;
        let exit = program.exit().await;
        assert_eq!(exit.stderr.matches("not listed").count(), 1, "{}", exit.stderr);
    }
}
