//! The table that is printed: medians with their range, and ratios to the best of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::machine::Machine;
use crate::peers::{Kind, Program};
use crate::point::Measure;
use crate::point::{Parameters, Transport};
use crate::rows::{Figure, Row};
use crate::tls::CIPHER;

/// Rows of a run, and what failed.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    failures: Vec<String>,
}

/// What one program reached at one point.
pub(crate) struct Entry {
    pub(crate) program: String,
    pub(crate) kind: Kind,
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

/// One figure at one point, of all programs, in the order in which they were measured.
pub(crate) struct Block {
    pub(crate) measure: Measure,
    pub(crate) figure: Figure,
    pub(crate) parameters: Parameters,
    pub(crate) entries: Vec<Entry>,
}

impl Block {
    /// The best of those of a kind.
    pub(crate) fn best(&self, kind: Kind) -> Option<&Entry> {
        let more = self.figure.more_is_better();
        let order = |a: &&Entry, b: &&Entry| a.median.total_cmp(&b.median);
        // socat has a process for each session, which nobody runs for round trips: it is shown, but
        // those are held against the relays that serve all sessions as wsferry does.
        let other_league =
            |entry: &Entry| self.measure == Measure::RoundTrip && entry.program == "socat";
        let of_kind =
            self.entries.iter().filter(|entry| entry.kind == kind && !other_league(entry));
        if more { of_kind.max_by(order) } else { of_kind.min_by(order) }
    }
}

impl Report {
    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn fail(&mut self, reason: String) {
        eprintln!("\r\x1b[Kfailed: {reason}");
        self.failures.push(reason);
    }

    /// All figures at all points.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let keys: BTreeSet<_> =
            self.rows.iter().map(|row| (row.measure, row.figure, row.parameters)).collect();
        let framed: BTreeSet<_> = keys
            .iter()
            .filter(|(_, _, parameters)| parameters.frame.is_some())
            .map(|(measure, figure, at)| (*measure, *figure, at.transport, at.sessions))
            .collect();
        keys.into_iter()
            // The rows of those who see no frames stand in each block with a frame size.
            .filter(|(measure, figure, parameters)| {
                parameters.frame.is_some()
                    || !framed.contains(&(
                        *measure,
                        *figure,
                        parameters.transport,
                        parameters.sessions,
                    ))
            })
            .map(|(measure, figure, parameters)| {
                let entries = self.entries(measure, figure, parameters);
                Block { measure, figure, parameters, entries }
            })
            .collect()
    }

    fn entries(&self, measure: Measure, figure: Figure, at: Parameters) -> Vec<Entry> {
        let mut programs: Vec<(&str, Kind)> = Vec::new();
        let mut values: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        let unframed = Parameters { frame: None, ..at };
        for row in &self.rows {
            let same = row.parameters == at || row.parameters == unframed;
            if row.measure == measure && row.figure == figure && same {
                if !values.contains_key(&*row.program) {
                    programs.push((&row.program, row.kind));
                }
                values.entry(&row.program).or_default().push(row.value);
            }
        }
        // Those who see no frames were measured with the first size only: all stand in one order.
        let place = |name: &str| self.rows.iter().position(|row| row.program == name);
        programs.sort_by_key(|(program, _)| place(program));
        let entry = |(program, kind): (&str, Kind)| {
            let mut values = values.remove(program)?;
            values.sort_by(f64::total_cmp);
            Some(Entry {
                program: program.to_owned(),
                kind,
                median: median(&values),
                least: *values.first()?,
                most: *values.last()?,
            })
        };
        programs.into_iter().filter_map(entry).collect()
    }

    /// The whole text.
    pub(crate) fn text(&self, programs: &[Program], machine: &Machine) -> String {
        let mut text = format!(
            "{} UTC, Linux {}, {}, {} cores\n",
            machine.date, machine.kernel, machine.cpu, machine.cores
        );
        for program in programs.iter().filter(|program| program.kind != Kind::Direct) {
            let _ = writeln!(text, "  {:<16}{}", program.name, program.version);
        }
        let blocks = self.blocks();
        if blocks.iter().any(|block| block.parameters.transport == Transport::Wss) {
            let _ = writeln!(text, "  {:<16}{CIPHER}, no resumption", "wss");
        }
        for block in &blocks {
            table(block, &mut text);
        }
        summary(&blocks, &mut text);
        growth(&blocks, &mut text);
        if !self.failures.is_empty() {
            let _ = writeln!(text, "\nFailed:\n  {}", self.failures.join("\n  "));
        }
        text
    }
}

fn table(block: &Block, text: &mut String) {
    let title = format!(
        "{} · {} ({}) · {}",
        block.measure.name(),
        block.figure.name,
        block.figure.unit,
        block.parameters
    );
    let title = title.trim_end_matches(" · ");
    let heads = ["median", "min", "max", "×raw", "×ws"];
    let _ = write!(text, "\n{title}\n  {:<16}", "");
    for head in heads {
        let _ = write!(text, "{head:>11}");
    }
    text.push('\n');
    for entry in &block.entries {
        let _ = write!(text, "  {:<16}", entry.program);
        for value in [entry.median, entry.least, entry.most] {
            let _ = write!(text, "{:>11}", short(value));
        }
        for kind in [Kind::Raw, Kind::WebSocket] {
            let _ = write!(text, "{:>11}", ratio(entry, block.best(kind)));
        }
        text.push('\n');
    }
}

/// The ratios of wsferry and its variants, a line each.
fn summary(blocks: &[Block], text: &mut String) {
    let _ =
        writeln!(text, "\nwsferry against the best raw relay and the best other WebSocket relay");
    for block in blocks {
        for entry in block.entries.iter().filter(|entry| entry.kind == Kind::Own) {
            let words = format!(
                "{} {} {} ({})",
                block.measure.name(),
                block.parameters,
                block.figure.name,
                block.figure.unit
            );
            let _ = write!(text, "  {:<16}{words:<46}{:>9}", entry.program, short(entry.median));
            for kind in [Kind::Raw, Kind::WebSocket] {
                let best = block.best(kind);
                let name = best.map_or("", |best| &best.program);
                let _ = write!(text, "{:>8} {name:<14}", ratio(entry, best));
            }
            let kept = text.trim_end().len();
            text.truncate(kept);
            text.push('\n');
        }
    }
}

/// What the same work costs in the largest crowd against the smallest.
fn growth(blocks: &[Block], text: &mut String) {
    let mut crowds: BTreeMap<_, Vec<&Block>> = BTreeMap::new();
    for block in blocks.iter().filter(|block| block.measure == Measure::Crowd) {
        crowds.entry((block.parameters.transport, block.figure)).or_default().push(block);
    }
    for ((transport, figure), blocks) in crowds {
        let [few, .., many] = &blocks[..] else { continue };
        let crowd = |block: &Block| block.parameters.sessions.unwrap_or_default();
        let _ = write!(
            text,
            "\n{} {} with {} sessions open against {}:",
            transport.name(),
            figure.name,
            crowd(many),
            crowd(few)
        );
        for entry in &many.entries {
            let same = few.entries.iter().find(|other| other.program == entry.program);
            let _ = write!(text, "  {} {}", entry.program, ratio(entry, same));
        }
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
}

fn ratio(entry: &Entry, best: Option<&Entry>) -> String {
    best.filter(|best| best.median > 0.0)
        .map_or_else(|| "–".to_owned(), |best| format!("{:.2}", entry.median / best.median))
}

fn median(ascending: &[f64]) -> f64 {
    let middle = ascending.len() / 2;
    match ascending.len() {
        0 => 0.0,
        length if length % 2 == 1 => ascending[middle],
        _ => f64::midpoint(ascending[middle - 1], ascending[middle]),
    }
}

/// Three digits, or all that stand before the point.
pub(crate) fn short(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}
