//! What is sent of a file: all of it, its head, a range, or nothing where the client has it.

use wsferry_testkit::patience::soon;
use wsferry_testkit::stream::{Dice, Pattern};
use wsferry_testkit::targets::{self, End};

use crate::files::{Site, ask};

#[tokio::test]
async fn head_says_what_get_would_and_sends_no_body() {
    let site = Site::start().await;
    for path in ["/", "/text.txt", "/empty.txt", "/nothing", "/sub"] {
        let get = site.get(path).await;
        let mut raw = site.gateway.raw().await;
        let head = ask(&mut raw, "HEAD", path, &[]).await;
        assert_eq!(head.status, get.status, "{path}");
        for name in ["content-length", "content-type", "last-modified", "etag", "location"] {
            assert_eq!(head.field(name), get.field(name), "{name} of {path}");
        }
        // The next answer begins where the body would have been.
        assert_eq!(ask(&mut raw, "GET", "/text.txt", &[]).await.text(), "0123456789");
    }
}

#[tokio::test]
async fn ranges_are_served() {
    let site = Site::start().await;
    for (range, body, content_range) in [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=4-4", "4", "bytes 4-4/10"),
        ("bytes=5-", "56789", "bytes 5-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=0-999", "0123456789", "bytes 0-9/10"),
    ] {
        let answer = site.ask("GET", "/text.txt", &[&format!("Range: {range}")]).await;
        assert_eq!((answer.status, &*answer.text()), (206, body), "{range}");
        assert_eq!(answer.field("content-range"), content_range, "{range}");
        assert_eq!(answer.field("content-length"), body.len().to_string(), "{range}");
    }
    for range in ["bytes=10-", "bytes=99-100", "bytes=-0"] {
        let answer = site.ask("GET", "/text.txt", &[&format!("Range: {range}")]).await;
        assert_eq!(answer.status, 416, "{range}");
        assert_eq!(answer.field("content-range"), "bytes */10", "{range}");
        assert!(!answer.text().contains("012"));
    }
    // What is no range of bytes is as if it was not there (RFC 9110 §14.2), and a suffix that is
    // longer than the file is the file.
    for range in ["bytes=-999", "bytes=-10", "lines=0-1", "bytes=3-1", "bytes=a-b", "bytes", ""] {
        let answer = site.ask("GET", "/text.txt", &[&format!("Range: {range}")]).await;
        assert_eq!((answer.status, &*answer.text()), (200, "0123456789"), "{range}");
    }
    assert_eq!(site.get("/text.txt").await.field("accept-ranges"), "bytes");
}

#[tokio::test]
async fn several_ranges_are_served_or_ignored() {
    let site = Site::start().await;
    let answer = site.ask("GET", "/text.txt", &["Range: bytes=0-1,4-5"]).await;
    assert!([200, 206].contains(&answer.status), "{answer:?}");
}

#[tokio::test]
async fn a_range_of_a_file_that_changed_is_the_whole_file() {
    let site = Site::start().await;
    let modified = site.get("/text.txt").await.field("last-modified").to_owned();
    let range = "Range: bytes=0-3";
    let same = site.ask("GET", "/text.txt", &[range, &format!("If-Range: {modified}")]).await;
    // RFC 9110 §13.1.5: a date that is not a strong validator may get the whole.
    assert!([200, 206].contains(&same.status));
    for changed in ["Sat, 01 Jan 2000 00:00:00 GMT", "\"another\"", "W/\"weak\"", "nonsense"] {
        let answer = site.ask("GET", "/text.txt", &[range, &format!("If-Range: {changed}")]).await;
        assert_eq!((answer.status, &*answer.text()), (200, "0123456789"), "{changed}");
    }
}

#[tokio::test]
async fn a_file_that_is_known_is_not_sent_again() {
    let site = Site::start().await;
    let answer = site.get("/text.txt").await;
    let modified = answer.field("last-modified").to_owned();
    let since = |date: &str| format!("If-Modified-Since: {date}");
    for (condition, status) in [
        (since(&modified), 304),
        (since("Sat, 01 Jan 2000 00:00:00 GMT"), 200),
        (since("nonsense"), 200),
        ("If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT".to_owned(), 412),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = site.ask(method, "/text.txt", &[&condition]).await;
            assert_eq!(answer.status, status, "{method} {condition}");
        }
    }
    // A connection goes on after an answer without a body.
    let mut raw = site.gateway.raw().await;
    assert_eq!(ask(&mut raw, "GET", "/text.txt", &[&since(&modified)]).await.status, 304);
    assert_eq!(ask(&mut raw, "GET", "/text.txt", &[]).await.text(), "0123456789");
}

#[tokio::test]
async fn a_tag_that_is_known_is_enough() {
    let site = Site::start().await;
    let tag = site.get("/text.txt").await.field("etag").to_owned();
    assert!(!tag.is_empty(), "there is no ETag");
    for (condition, status) in [
        (format!("If-None-Match: {tag}"), 304),
        (format!("If-None-Match: \"x\", {tag}"), 304),
        ("If-None-Match: *".to_owned(), 304),
        ("If-None-Match: \"x\"".to_owned(), 200),
    ] {
        let answer = site.ask("GET", "/text.txt", &[&condition]).await;
        assert_eq!(answer.status, status, "{condition}");
    }
    std::fs::write(site.root().join("text.txt"), "other content").unwrap();
    assert_ne!(site.get("/text.txt").await.field("etag"), tag);
}

#[tokio::test]
async fn a_large_file_arrives_whole_however_slowly_it_is_read() {
    let site = Site::start().await;
    let length = 8 << 20;
    std::fs::write(site.root().join("large"), Pattern::new(9).bytes(0, length)).unwrap();
    let mut raw = site.gateway.raw().await;
    raw.send("GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    let mut stream = raw.into_stream();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon(tokio::io::AsyncReadExt::read_u8(&mut stream)).await.unwrap());
    }
    let mut dice = Dice::new(90);
    let checked = targets::check_stream(&mut stream, Pattern::new(9), &mut dice);
    assert_eq!(soon(checked).await, (length as u64, End::Fin));
}
