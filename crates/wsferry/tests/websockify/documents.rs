//! `docs/from-websockify.md` says what these tests assert: its table of differences is the one of
//! `differences.rs`, and its table of options has every option of the real websockify.

use std::fmt::Write;
use std::path::Path;

use wsferry_testkit::program::Program;

use crate::differences::{Difference, TABLE};
use crate::subject::Subject;

/// What stands around the differences in the document.
const BEGIN: &str = "<!-- begin of the differences -->\n";
const END: &str = "<!-- end of the differences -->\n";

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/from-websockify.md");
    std::fs::read_to_string(path).unwrap()
}

/// What a module is about, in words.
fn heading(module: &str) -> &str {
    match module {
        "usage" => "The command line",
        "relay" => "Messages, and who may connect",
        "subprotocols" => "Subprotocols",
        "web" => "Files",
        "tls" => "TLS",
        "tokens" => "Tokens",
        "auth" => "Authentication",
        "ends" => "Ends",
        "wrap" => "Wrapped programs",
        other => panic!("{other} has no heading: give it one"),
    }
}

/// `a_get_without_web` as people write it.
fn spell(behaviour: &str) -> String {
    let words = behaviour.split('_').map(|word| match word {
        "api" | "get" | "tls" | "url" => word.to_uppercase(),
        "ipv6" => "IPv6".to_owned(),
        "python" => "Python".to_owned(),
        "redis" => "Redis".to_owned(),
        "web" => "`--web`".to_owned(),
        word => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ").replace("TLS 1 1", "TLS 1.1")
}

/// The differences as the document shows them: a table for each module.
fn differences() -> String {
    let mut text = String::new();
    let mut last = "";
    for (module, behaviour, Difference { websockify, wsferry, reason }) in TABLE {
        if *module != last {
            let heading = heading(module);
            let _ = write!(
                text,
                "\n### {heading}\n\n| | websockify | wsferry | why |\n|---|---|---|---|\n"
            );
            last = module;
        }
        let behaviour = spell(behaviour);
        let _ = writeln!(text, "| {behaviour} | {websockify} | {wsferry} | {reason} |");
    }
    text + "\n"
}

#[test]
fn the_document_shows_the_table_of_differences() {
    let document = document();
    let (_, rest) = document.split_once(BEGIN).expect("the document has the beginning");
    let (shown, _) = rest.split_once(END).expect("the document has the end");
    let right = differences();
    assert!(
        shown == right,
        "docs/from-websockify.md differs from the table in differences.rs. Put this between its two \
         marks:\n{right}"
    );
}

#[tokio::test]
async fn the_document_has_a_row_for_every_option_of_websockify() {
    let document = document();
    let (_, rest) = document.split_once("## Option by option").unwrap();
    let (section, _) = rest.split_once("\n## ").unwrap();
    let help = Program::spawn(Subject::Websockify.command(&["--help"])).exit().await.stdout;
    let options = help.lines().filter_map(|line| {
        let line = line.strip_prefix("  ").filter(|line| line.starts_with('-'))?;
        let long = line.split(' ').find(|word| word.starts_with("--"))?;
        Some(long.split('=').next().unwrap_or(long).trim_end_matches(',').to_owned())
    });
    let options: Vec<String> = options.collect();
    assert!(options.len() > 35, "{options:?}");
    for option in options {
        let has_row = section.lines().any(|line| {
            let cell = line.strip_prefix("| ").and_then(|row| row.split(" | ").next());
            cell.is_some_and(|cell| cell.split(['`', ' ']).any(|word| word == option))
        });
        assert!(has_row, "{option} has no row in docs/from-websockify.md");
    }
}
