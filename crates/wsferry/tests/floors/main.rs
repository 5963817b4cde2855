//! Imports only go down: the direction of the floors in ARCHITECTURE.md, kept by a test so that
//! nobody has to. Sources are parsed, so an import is seen however it is written.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on fails

mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use imports::{Source, sources};

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
    ("timeouts", 0),
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

fn library() -> Vec<Source> {
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../wsferry-gateway/src"))
}

fn program() -> Vec<Source> {
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

/// All Rust files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn imports_only_go_down() {
    let floors: BTreeMap<&str, u8> = FLOORS.iter().copied().collect();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for source in library() {
        let room = source.room();
        if room == "lib" {
            continue;
        }
        let own = *floors.get(room).unwrap_or_else(|| panic!("{room} has no floor: add it"));
        for path in &source.own {
            let Some(&other) = path.first().and_then(|name| floors.get(&**name)) else { continue };
            seen += 1;
            if path[0] != room && other >= own {
                wrong.push(format!("{} ({own}) imports {} ({other})", source.name(), path[0]));
            }
        }
    }
    assert!(seen > 300, "only {seen} imports were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_library_is_named_in_its_own_room_only() {
    let mut wrong = Vec::new();
    for source in library() {
        for (library, rooms) in LIBRARIES {
            if source.foreign.contains(*library) && !rooms.contains(&source.room()) {
                wrong.push(format!("{} names {library}", source.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The files of a crate and which of them each imports from. A folder's `mod.rs` stands for the folder,
/// and declares the files in it, so what those import from it is no circle of theirs with each other.
fn graph(sources: &[Source]) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let modules: BTreeSet<_> = sources.iter().map(|source| source.module.clone()).collect();
    let mut graph = BTreeMap::new();
    for source in sources {
        let imports = source.own.iter().filter_map(|path| {
            let longest = (1..=path.len()).rev().map(|end| path[..end].to_vec());
            let module = longest.into_iter().find(|module| modules.contains(module))?;
            let is_above = source.module.starts_with(&module);
            (!is_above).then_some(module)
        });
        graph.insert(source.module.clone(), imports.collect());
    }
    graph
}

/// The groups of files that can reach each other.
fn circles(graph: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>) -> Vec<Vec<String>> {
    let reach = |from: &Vec<String>| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(module) = next.pop() {
            for other in graph.get(module).into_iter().flatten() {
                if seen.insert(other.clone()) {
                    next.push(graph.get_key_value(other).unwrap().0);
                }
            }
        }
        seen
    };
    let mut groups = BTreeSet::new();
    for module in graph.keys() {
        let reached = reach(module);
        if reached.contains(module) {
            let group = reached.iter().filter(|other| reach(other).contains(module));
            groups.insert(group.map(|module| module.join("::")).collect::<Vec<_>>());
        }
    }
    groups.into_iter().collect()
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut wrong = Vec::new();
    let at = |folder: &str| sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    let crates = [
        ("library", library()),
        ("program", program()),
        ("protocol", at("../wsferry-proto/src")),
        ("test kit", at("../wsferry-testkit/src")),
        ("benchmark", at("../../xtask/src")),
    ];
    for (name, sources) in crates {
        for circle in circles(&graph(&sources)) {
            wrong.push(format!("a circle in the {name}: {}", circle.join(", ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let a_circle = BTreeMap::from(
        [("a", "b"), ("b", "c"), ("c", "a")]
            .map(|(from, to)| (vec![from.to_owned()], BTreeSet::from([vec![to.to_owned()]]))),
    );
    assert_eq!(circles(&a_circle), [["a", "b", "c"]]);
}

#[test]
fn grouped_renamed_and_relative_imports_are_seen() {
    let source = imports::parse(
        &["door", "secure"],
        "use crate::{tls::{self as t, Acceptor}, net};\nuse super::super::gateway::{Gateway};\n\
         fn f() { crate::web::serve(); super::rules::x(); rustls::y(); self::z::w() }\n",
    );
    let own: Vec<_> = source.own.iter().map(|path| path.join("::")).collect();
    for path in ["tls", "tls::Acceptor", "net", "gateway::Gateway", "web::serve", "door::rules::x"]
    {
        assert!(own.iter().any(|found| found == path), "{path}: {own:?}");
    }
    assert!(source.foreign.contains("rustls"));
}

fn architecture() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ARCHITECTURE.md");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_files_that_the_architecture_names_are_there() {
    let files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
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
