//! `--web-listing`: a page that lists a directory. It is built at most once a second, by one request
//! for all that ask meanwhile, and its size is limited. Building it stops when its client leaves.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use parking_lot::Mutex;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::Instant;

use super::path;
use super::response::{self, Body};
use crate::sys::{Beneath, EntryKind, OffWorker, Stuck};

/// The maximum number of entries that are read, and shown.
const MAX_ENTRIES: usize = 10_000;
/// The maximum size of a page in bytes, not counting its last lines.
const MAX_PAGE: usize = 2 << 20;
/// How long a page is used.
const FRESH: Duration = Duration::from_secs(1);
/// The maximum number of pages that are kept.
const MAX_PAGES: usize = 16;

/// A name as one segment of a path (RFC 3986 §3.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The page of a directory and when it was built; locked while it is being built.
type Slot = Arc<tokio::sync::Mutex<Option<(Instant, Bytes)>>>;

/// The pages of the last second.
#[derive(Clone, Debug, Default)]
pub(super) struct Listings {
    pages: Arc<Mutex<HashMap<PathBuf, (Instant, Slot)>>>,
}

impl Listings {
    /// The page of a directory beneath `root`; `None` when the directory cannot be read.
    ///
    /// # Errors
    /// The file system does not answer.
    pub(super) async fn answer(
        &self,
        files: &OffWorker,
        root: &Path,
        directory: Beneath,
    ) -> Result<Option<Response<Body>>, Stuck> {
        let slot = self.slot(&directory.place);
        let mut kept = slot.lock().await;
        if let Some((made, page)) = &*kept
            && made.elapsed() < FRESH
        {
            return Ok(Some(response::html(page.clone())));
        }
        let abandoned = Abandoned::default();
        let (root, is_abandoned) = (root.to_owned(), Arc::clone(&abandoned.0));
        let made = files.run(move || page(&root, &directory, &is_abandoned)).await?;
        *kept = made.clone().map(|page| (Instant::now(), page));
        Ok(made.map(response::html))
    }

    fn slot(&self, place: &Path) -> Slot {
        let mut pages = self.pages.lock();
        if let Some((asked, slot)) = pages.get_mut(place) {
            *asked = Instant::now();
            return Arc::clone(slot);
        }
        if pages.len() >= MAX_PAGES {
            let oldest = pages.iter().min_by_key(|(_, (asked, _))| *asked);
            if let Some(oldest) = oldest.map(|(place, _)| place.clone()) {
                pages.remove(&oldest);
            }
        }
        let slot = Slot::default();
        pages.insert(place.to_owned(), (Instant::now(), Arc::clone(&slot)));
        slot
    }
}

/// Says, when it is dropped, that nobody is waiting any longer.
#[derive(Debug, Default)]
struct Abandoned(Arc<AtomicBool>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn page(root: &Path, directory: &Beneath, is_abandoned: &AtomicBool) -> Option<Bytes> {
    let mut names = Vec::new();
    let mut is_whole = true;
    for (read, entry) in directory.entries(root).ok()?.enumerate() {
        if is_abandoned.load(Ordering::Relaxed) {
            return None;
        }
        if read == MAX_ENTRIES {
            is_whole = false;
            break;
        }
        let Ok(mut name) = entry.name.into_string() else { continue };
        // Only what would be served: nothing hidden, no link that leads outside, no pipe.
        if path::parse(&format!("/{}", utf8_percent_encode(&name, SEGMENT))).is_none() {
            continue;
        }
        let kind = entry.kind.or_else(|| {
            let found = super::open(root, &directory.place.join(&name))?;
            Some(EntryKind::from(&found.metadata))
        });
        match kind {
            Some(EntryKind::Directory) => name.push('/'),
            Some(EntryKind::File) => {}
            Some(EntryKind::Special) | None => continue,
        }
        names.push(name);
    }
    names.sort_unstable();
    let mut page = String::from("<!doctype html><meta charset=utf-8><title>Files</title><ul>\n");
    for name in &names {
        if page.len() > MAX_PAGE || is_abandoned.load(Ordering::Relaxed) {
            is_whole = false;
            break;
        }
        let (plain, slash) = name.strip_suffix('/').map_or((&**name, ""), |plain| (plain, "/"));
        let link = utf8_percent_encode(plain, SEGMENT);
        let _ = writeln!(page, "<li><a href=\"./{link}{slash}\">{}</a>", escape(name));
    }
    page.push_str("</ul>\n");
    if !is_whole {
        let _ = writeln!(page, "<p>There are more files: no more than {MAX_ENTRIES} are listed.");
    }
    Some(page.into())
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}
