//! Static files: what may be reached is decided here; how it is sent (types, ranges, conditions) is
//! left to tower-http. A file is opened once, beneath the root; what was checked is what is sent.

mod listing;
mod opened;
mod path;
mod range;
pub(crate) mod response;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{CONTENT_TYPE, LOCATION, RANGE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};

use crate::events::{DoorEvent, Events, Shown};
use crate::sys::{Beneath, OffWorker, Stuck, open_beneath};
use crate::timeouts;
use listing::Listings;
use opened::Opened;
use response::Body;

/// What is served beside WebSocket.
#[derive(Clone, Debug)]
pub enum Files {
    /// The files of a directory.
    Directory(PathBuf),
    /// The same, with a listing of each directory that has no index.html.
    Listed(PathBuf),
    /// One page, at `/`.
    Page(&'static str),
}

/// Files that are ready to be served.
#[derive(Clone, Debug)]
pub struct Web {
    files: Files,
    file_system: OffWorker,
    listings: Listings,
    events: Events,
    /// Whether it was told that directories are not listed.
    told_not_listed: Arc<AtomicBool>,
}

/// What a path leads to.
enum Found {
    File(Box<Beneath>),
    /// A directory that was requested without its final slash.
    Directory,
    /// A directory without an index.html.
    Contents(Box<Beneath>),
    Nothing,
}

impl Web {
    /// Serves `files`.
    ///
    /// # Errors
    /// They are not a readable directory.
    pub fn new(files: Files, events: &Events) -> io::Result<Self> {
        let files = match files {
            Files::Directory(root) => Files::Directory(readable(&root)?),
            Files::Listed(root) => Files::Listed(readable(&root)?),
            page @ Files::Page(_) => page,
        };
        Ok(Self {
            files,
            file_system: OffWorker::new(timeouts::STATIC_FILE),
            listings: Listings::default(),
            events: events.clone(),
            told_not_listed: Arc::default(),
        })
    }

    /// The directory, if it is one.
    pub fn root(&self) -> Option<&Path> {
        match &self.files {
            Files::Directory(root) | Files::Listed(root) => Some(root),
            Files::Page(_) => None,
        }
    }

    /// Answers a GET or HEAD with what is at `path` below the root.
    pub(crate) async fn answer(&self, head: &Parts, path: &str) -> Response<Body> {
        let mut response = match &self.files {
            Files::Page(page) if path.trim_start_matches('/').is_empty() => response::html(*page),
            Files::Page(_) => not_found(),
            Files::Directory(root) | Files::Listed(root) => {
                let answered = self.answer_from(root, head, path).await;
                answered.unwrap_or_else(|stuck| {
                    self.events.tell(DoorEvent::FilesStuck { why: Shown(&stuck) });
                    let reason = "the files cannot be read now";
                    response::sentence(StatusCode::SERVICE_UNAVAILABLE, reason).map(response::body)
                })
            }
        };
        response::safe(response.headers_mut());
        response
    }

    async fn answer_from(
        &self,
        root: &Path,
        head: &Parts,
        path: &str,
    ) -> Result<Response<Body>, Stuck> {
        let Some(wanted) = path::parse(path) else { return Ok(not_found()) };
        let found = {
            let root = root.to_owned();
            self.file_system.run(move || find(&root, &wanted)).await?
        };
        Ok(match found {
            Found::File(file) => send(*file, head).await,
            Found::Directory => redirect(&head.uri),
            Found::Contents(directory) if matches!(self.files, Files::Listed(_)) => {
                let listed = self.listings.answer(&self.file_system, root, *directory).await?;
                listed.unwrap_or_else(not_found)
            }
            Found::Contents(_) => {
                if !self.told_not_listed.swap(true, Ordering::Relaxed) {
                    self.events.tell(DoorEvent::NotListed);
                }
                not_found()
            }
            Found::Nothing => not_found(),
        })
    }
}

/// The answer to a path that is a route's own and has no slash behind it: files are below it. What only
/// looks like one, by dots or empty segments, is not found.
pub(crate) fn behind_slash(uri: &http::Uri) -> Response<Body> {
    let is_odd = uri.path().ends_with('/') || path::parse(uri.path()).is_none();
    let mut response = if is_odd { not_found() } else { redirect(uri) };
    response::safe(response.headers_mut());
    response
}

fn readable(root: &Path) -> io::Result<PathBuf> {
    let root = root.canonicalize()?;
    std::fs::read_dir(&root)?;
    Ok(root)
}

/// Opens what may be served: nothing hidden, and nothing outside, by whatever link.
fn open(root: &Path, relative: &Path) -> Option<Beneath> {
    open_beneath(root, relative).ok().filter(|found| !found.is_hidden())
}

fn find(root: &Path, wanted: &path::Wanted) -> Found {
    let Some(found) = open(root, &wanted.relative) else { return Found::Nothing };
    if !found.metadata.is_dir() {
        let is_file = found.metadata.is_file() && !wanted.is_directory;
        return if is_file { Found::File(Box::new(found)) } else { Found::Nothing };
    }
    if !wanted.is_directory {
        return Found::Directory;
    }
    match open(root, &found.place.join("index.html")) {
        Some(index) if index.metadata.is_file() => Found::File(Box::new(index)),
        _ => Found::Contents(Box::new(found)),
    }
}

async fn send(found: Beneath, head: &Parts) -> Response<Body> {
    let content_type = content_type(&found.place);
    let file = Opened::new(found.file, found.metadata);
    let mut ranged = Request::new(());
    *ranged.method_mut() = head.method.clone();
    *ranged.headers_mut() = head.headers.clone();
    if head.headers.contains_key(RANGE) {
        let mut whole = Request::new(());
        *whole.method_mut() = Method::HEAD;
        let whole = file.answer(whole).await;
        if !range::is_honoured(&head.headers, whole.headers()) {
            ranged.headers_mut().remove(RANGE);
        }
    }
    let mut response = file.answer(ranged).await;
    if response.headers().contains_key(CONTENT_TYPE) {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response
}

/// The type of a file by its name. Text is UTF-8, so that a page that does not say so itself is still
/// read correctly.
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

/// Redirects to the same path with a slash at its end and just one at its start: a browser would take
/// `//` for another host.
fn redirect(uri: &http::Uri) -> Response<Body> {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = format!("/{}/{query}", uri.path().trim_start_matches('/'));
    let mut response = response::sentence(StatusCode::MOVED_PERMANENTLY, "it is a directory");
    let headers = response.headers_mut();
    headers.remove(http::header::CONNECTION);
    if let Ok(target) = HeaderValue::from_str(&target) {
        headers.insert(LOCATION, target);
    }
    response.map(response::body)
}

fn not_found() -> Response<Body> {
    let mut response = response::sentence(StatusCode::NOT_FOUND, "not found");
    response.headers_mut().remove(http::header::CONNECTION);
    response.map(response::body)
}
