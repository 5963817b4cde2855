//! A recording of a session with a desktop, played by noVNC without any server.

use std::fs;
use std::path::{Path, PathBuf};

use wsferry_testkit::browser::Browser;
use wsferry_testkit::clients::node_modules;
use wsferry_testkit::program::Signal;

use crate::desktop::Desktop;
use crate::novnc::NOVNC;
use crate::screen::{BLUE, CANVAS, ORANGE, assert_works, disconnect, until_seen};
use crate::support::{room, site, spell, wsferry};

/// The only recording whose name begins with `stem` and a dot: a number is behind it.
pub(crate) fn recording(stem: &Path) -> PathBuf {
    let prefix = format!("{}.", stem.file_name().unwrap().to_str().unwrap());
    let entries = fs::read_dir(stem.parent().unwrap()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let numbers: Vec<u32> =
        names.filter_map(|name| name.strip_prefix(&prefix)?.parse().ok()).collect();
    assert_eq!(numbers.len(), 1, "recordings {prefix}* in {}", stem.display());
    stem.with_file_name(format!("{prefix}{}", numbers[0]))
}

/// Plays a recording of [`assert_works`] in a page of its own.
pub(crate) async fn assert_plays(recording: &Path) {
    let package = node_modules().join("@novnc/novnc");
    let parts = [("novnc", package.as_path()), ("recording.js", recording)];
    let site = site(include_str!("pages/playback.html"), &parts);
    // Nothing is left of the desktop: what is seen comes from the recording.
    let (_program, port) = wsferry(&["--web", spell(site.path()), "127.0.0.1:0", "echo:"]).await;
    let browser = Browser::start().await;
    browser.open(&format!("http://127.0.0.1:{port}/")).await;
    until_seen(&browser, "#screen canvas", ORANGE).await;
    browser.until("document.title !== 'playing'").await;
    assert_eq!(browser.run("return document.title").await, "played");
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_recorded_session_is_played_by_novnc() {
    let desktop = Desktop::start(BLUE).await;
    let folder = room();
    let file = folder.path().join("desktop");
    let record = ["--record", spell(&file), "--web", NOVNC, "127.0.0.1:0", &desktop.address()];
    let (program, port) = wsferry(&record).await;
    let browser = Browser::start().await;
    browser.open(&format!("http://127.0.0.1:{port}/vnc.html?autoconnect=true")).await;
    assert_works(&browser, CANVAS, &desktop).await;
    disconnect(&browser).await;
    program.line(&["session ended"]).await;
    // What is recorded is written behind the session; when the program has ended, all of it is.
    program.signal(Signal::Terminate).await;
    assert!(program.exit().await.status.success());
    drop(desktop);
    assert_plays(&recording(&file)).await;
}
