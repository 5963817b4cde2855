//! `--web-listing`: a page with what is in a directory.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use http::Response;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::response::{self, Body};
use super::path;

/// A name as one segment of a path (RFC 3986 §3.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The page; `None` when the directory cannot be read.
pub(super) async fn answer(root: &Path, place: PathBuf) -> Option<Response<Body>> {
    let root = root.to_owned();
    let page = tokio::task::spawn_blocking(move || page(&root, &place)).await.ok()??;
    Some(response::html(page))
}

fn page(root: &Path, place: &Path) -> Option<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(place).ok()?.flatten() {
        let Ok(mut name) = entry.file_name().into_string() else { continue };
        // Only what would be served: nothing hidden, no link that leads out.
        if path::parse(&format!("/{}", utf8_percent_encode(&name, SEGMENT))).is_none() {
            continue;
        }
        let Some(found) = super::inside(root, &entry.path()) else { continue };
        if found.is_dir() {
            name.push('/');
        }
        names.push(name);
    }
    names.sort();
    let mut page = String::from("<!doctype html><meta charset=utf-8><title>Files</title><ul>\n");
    for name in names {
        let (plain, slash) = name.strip_suffix('/').map_or((&*name, ""), |plain| (plain, "/"));
        let link = utf8_percent_encode(plain, SEGMENT);
        let _ = writeln!(page, "<li><a href=\"./{link}{slash}\">{}</a>", escape(&name));
    }
    page.push_str("</ul>\n");
    Some(page)
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}
