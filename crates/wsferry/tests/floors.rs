//! Imports only go down: the direction of the floors in ARCHITECTURE.md, kept by a test so that
//! nobody has to.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on fails

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The rooms of the library and the floor each is on. Rooms of one floor have no doors between them.
const FLOORS: &[(&str, u8)] = &[
    ("config", 11),
    ("gateway", 10),
    ("door", 9),
    ("route", 8),
    ("wrap", 7),
    ("session", 7),
    ("auth", 6),
    ("dial", 6),
    ("record", 6),
    ("relay", 6),
    ("token", 6),
    ("web", 6),
    ("address", 4),
    ("request", 4),
    ("tap", 4),
    ("net", 3),
    ("tls", 2),
    ("events", 5),
    ("sys", 1),
    ("client", 1),
    ("error", 1),
    ("outcome", 1),
];

/// Crates that only some rooms may name, so that a library can be replaced in one place.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("anyhow", &[]),
    ("clap", &[]),
    ("tracing_subscriber", &[]),
    ("tracing", &[]),
    ("hyper", &["door"]),
    ("httparse", &["door"]),
    ("httpdate", &["door"]),
    ("tower_http", &["web"]),
    ("socket2", &["net", "sys"]),
    ("libc", &["net", "sys"]),
    ("rustix", &["net", "sys"]),
    ("rustls", &["net", "tls"]),
    ("tokio_rustls", &["net"]),
    ("reqwest", &["net"]),
    ("x509_parser", &["tls", "token"]),
    ("jsonwebtoken", &["token"]),
    ("redis", &["token"]),
    ("rustls_native_certs", &["tls"]),
    ("webpki", &["tls"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The room of a file: the first part of its path below src.
fn room(path: &Path, source: &Path) -> String {
    let below = path.strip_prefix(source).unwrap();
    let first = below.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The names behind each `prefix` in a text, comments left out: `crate::net` gives `net`.
fn names<'t>(text: &'t str, prefix: &'t str) -> impl Iterator<Item = &'t str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(move |line| line.match_indices(prefix).map(move |(at, _)| (line, at))).map(
        move |(line, at)| {
            let rest = &line[at + prefix.len()..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            &rest[..end]
        },
    )
}

#[test]
fn imports_only_go_down() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wsferry-gateway/src");
    let floors: BTreeMap<&str, u8> = FLOORS.iter().copied().collect();
    let mut files = Vec::new();
    sources(&source, &mut files);
    assert!(files.len() > 20, "the sources were not found");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for file in &files {
        let room = room(file, &source);
        if room == "lib" || room == "main" {
            continue;
        }
        let own = *floors.get(&*room).unwrap_or_else(|| panic!("{room} has no floor: add it"));
        let text = std::fs::read_to_string(file).unwrap();
        let prefixes = ["crate::", "wsferry::"];
        for name in prefixes.iter().flat_map(|prefix| names(&text, prefix)) {
            let Some(&other) = floors.get(name) else { continue };
            seen += 1;
            if name != room && other >= own {
                wrong.push(format!("{} ({own}) imports {name} ({other})", file.display()));
            }
        }
    }
    assert!(seen > 30, "no imports were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_library_is_named_in_its_own_room_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wsferry-gateway/src");
    let mut files = Vec::new();
    sources(&source, &mut files);
    let mut wrong = Vec::new();
    for file in &files {
        let room = room(file, &source);
        let text = std::fs::read_to_string(file).unwrap();
        for (library, rooms) in LIBRARIES {
            let is_named = text.lines().any(|line| {
                let line = line.trim_start();
                !line.starts_with("//")
                    && line.contains(&format!("{library}::"))
                    && !line.contains(&format!("_{library}::"))
                    && !line.contains(&format!("::{library}::")) // a room of ours by that name
            });
            if is_named && room != "main" && !rooms.contains(&&*room) {
                wrong.push(format!("{} names {library}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn architecture() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ARCHITECTURE.md");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_files_that_the_architecture_names_are_there() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut files);
    let text = architecture();
    let named: Vec<&str> =
        text.split(['`', ' ', '\n', ',']).filter(|w| w.ends_with(".rs")).collect();
    assert!(named.len() > 50, "the names were not found");
    let is_there = |name: &str| {
        let name = name.strip_prefix("crates/").unwrap_or(name);
        files.iter().any(|file| file.ends_with(name))
    };
    let lost: Vec<_> = named.iter().filter(|name| !is_there(name)).collect();
    assert!(lost.is_empty(), "ARCHITECTURE.md names {lost:?}");
}

#[test]
fn the_decisions_of_the_architecture_are_numbered_in_order() {
    let text = architecture();
    let (_, decisions) = text.split_once("## Decisions").unwrap();
    let (decisions, _) = decisions.split_once("\n## ").unwrap();
    let numbers = decisions.lines().filter_map(|line| line.split_once(". **")?.0.parse().ok());
    let numbers: Vec<usize> = numbers.collect();
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>());
    assert!(numbers.len() > 10);
}
