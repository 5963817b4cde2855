//! Static files: what may be reached is decided here, how it is sent (types, ranges, conditions) is
//! tower-http's.

mod listing;
mod path;
mod range;

use std::io;
use std::path::{Path, PathBuf};

use http::header::{CONTENT_TYPE, LOCATION, RANGE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use tower_http::services::ServeFile;
use tower_service::Service;

use super::response::{self, Body};
use crate::observe;

/// Bytes of a file that are read at once: what is in memory for a client that takes none is twice that.
const CHUNK: usize = 16 * 1024;

/// What is served beside WebSocket.
#[derive(Clone, Debug)]
pub enum Files {
    /// The files of a directory.
    Directory(PathBuf),
    /// The same, and what is in a directory where it has no index.html.
    Listed(PathBuf),
    /// One page, at `/`.
    Page(&'static str),
}

/// Files that are ready to be served.
#[derive(Clone, Debug)]
pub struct Web(Files);

/// What a path leads to.
enum Found {
    File(PathBuf),
    /// A directory that was asked for without its last slash.
    Directory,
    /// A directory without an index.html.
    Contents(PathBuf),
    Nothing,
}

impl Web {
    /// Serves `files`.
    ///
    /// # Errors
    /// They are not a directory that can be read.
    pub fn new(files: Files) -> io::Result<Self> {
        Ok(Self(match files {
            // Without links and dots, what lies in it is known by its prefix.
            Files::Directory(root) => Files::Directory(readable(&root)?),
            Files::Listed(root) => Files::Listed(readable(&root)?),
            page @ Files::Page(_) => page,
        }))
    }

    /// The directory, if it is one.
    pub fn root(&self) -> Option<&Path> {
        match &self.0 {
            Files::Directory(root) | Files::Listed(root) => Some(root),
            Files::Page(_) => None,
        }
    }

    /// Answers a GET or HEAD.
    pub(super) async fn answer(&self, head: &Parts) -> Response<Body> {
        let path = head.uri.path();
        let mut response = match &self.0 {
            Files::Page(page) if path.trim_start_matches('/').is_empty() => response::html(*page),
            Files::Page(_) => not_found(),
            Files::Directory(root) | Files::Listed(root) => match look_up(root, path).await {
                Found::File(file) => send(&file, head).await,
                Found::Directory => redirect(&head.uri),
                Found::Contents(place) if matches!(self.0, Files::Listed(_)) => {
                    listing::answer(root, place).await.unwrap_or_else(not_found)
                }
                Found::Contents(_) => {
                    observe::not_listed();
                    not_found()
                }
                Found::Nothing => not_found(),
            },
        };
        response::safe(response.headers_mut());
        response
    }
}

fn readable(root: &Path) -> io::Result<PathBuf> {
    let root = root.canonicalize()?;
    std::fs::read_dir(&root)?;
    Ok(root)
}

async fn look_up(root: &Path, path: &str) -> Found {
    let Some(wanted) = path::parse(path) else { return Found::Nothing };
    let root = root.to_owned();
    // The file system may be slow, and canonicalize is many calls.
    tokio::task::spawn_blocking(move || find(&root, &wanted)).await.unwrap_or(Found::Nothing)
}

fn find(root: &Path, wanted: &path::Wanted) -> Found {
    let Some(place) = inside(root, &root.join(&wanted.relative)) else { return Found::Nothing };
    if !place.is_dir() {
        let is_file = place.is_file() && !wanted.is_directory;
        return if is_file { Found::File(place) } else { Found::Nothing };
    }
    if !wanted.is_directory {
        return Found::Directory;
    }
    match inside(root, &place.join("index.html")) {
        Some(index) if index.is_file() => Found::File(index),
        _ => Found::Contents(place),
    }
}

/// Where a path really leads, if that is inside the root and nothing on the way is hidden.
fn inside(root: &Path, path: &Path) -> Option<PathBuf> {
    let place = path.canonicalize().ok()?;
    let below = place.strip_prefix(root).ok()?;
    let is_hidden =
        |part: std::path::Component<'_>| part.as_os_str().as_encoded_bytes().starts_with(b".");
    (!below.components().any(is_hidden)).then_some(place)
}

async fn send(file: &Path, head: &Parts) -> Response<Body> {
    let mut ranged = Request::new(());
    *ranged.method_mut() = head.method.clone();
    *ranged.headers_mut() = head.headers.clone();
    if head.headers.contains_key(RANGE) {
        let mut whole = Request::new(());
        *whole.method_mut() = Method::HEAD;
        let Ok(whole) = ServeFile::new(file).call(whole).await;
        if !range::is_to_be_followed(&head.headers, whole.headers()) {
            ranged.headers_mut().remove(RANGE);
        }
    }
    match ServeFile::new(file).with_buf_chunk_size(CHUNK).call(ranged).await {
        Ok(mut response) => {
            if response.headers().contains_key(CONTENT_TYPE) {
                response.headers_mut().insert(CONTENT_TYPE, content_type(file));
            }
            response.map(BodyExt::boxed_unsync)
        }
    }
}

/// The type of a file by its name. Text is UTF-8: a page that does not say so itself is still read
/// right.
fn content_type(file: &Path) -> HeaderValue {
    let mime = mime_guess::from_path(file).first_or_octet_stream();
    let is_text = mime.type_() == mime_guess::mime::TEXT
        || [mime_guess::mime::JAVASCRIPT, mime_guess::mime::JSON].contains(&mime.subtype());
    let text = if is_text && mime.get_param("charset").is_none() {
        format!("{mime}; charset=utf-8")
    } else {
        mime.to_string()
    };
    let other = HeaderValue::from_static("application/octet-stream");
    HeaderValue::from_str(&text).unwrap_or(other)
}

/// To the same path with a slash behind it, and one in front: a browser would take `//` for another
/// host.
fn redirect(uri: &http::Uri) -> Response<Body> {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = format!("/{}/{query}", uri.path().trim_start_matches('/'));
    let mut response = response::sentence(StatusCode::MOVED_PERMANENTLY, "it is a directory");
    let headers = response.headers_mut();
    headers.remove(http::header::CONNECTION);
    if let Ok(target) = HeaderValue::from_str(&target) {
        headers.insert(LOCATION, target);
    }
    response
}

fn not_found() -> Response<Body> {
    let mut response = response::sentence(StatusCode::NOT_FOUND, "not found");
    response.headers_mut().remove(http::header::CONNECTION);
    response
}
