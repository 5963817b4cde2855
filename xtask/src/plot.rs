//! Bar plots, one SVG for each figure of each measure: a panel for each point, a bar for each program.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use crate::machine::Machine;
use crate::peers::Kind;
use crate::point::Transport;
use crate::report::{Block, Entry, Report, short};
use crate::svg::{Anchor, Svg};

const WIDTH: f64 = 760.0;
const NAMES: f64 = 130.0;
const VALUES: f64 = 110.0;
const BAR: f64 = 16.0;
const STEP: f64 = 22.0;
const PANEL_GAP: f64 = 34.0;

/// A bar that is longer than this many times the best is cut, so that the others can be compared.
const CUT: f64 = 8.0;

/// Draws what was measured into `folder`.
pub(crate) fn all(report: &Report, machine: &Machine, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut pictures: BTreeMap<_, Vec<Block>> = BTreeMap::new();
    for block in report.blocks() {
        // The pictures of ws have no name in front; a figure without a transport is drawn with them.
        let transport = if block.parameters.transport == Transport::Wss { "wss-" } else { "" };
        let figure = block.figure.name.replace('.', "-");
        let key = format!("{transport}{}-{figure}", block.measure.name());
        pictures.entry(key).or_default().push(block);
    }
    for (name, blocks) in pictures {
        std::fs::write(folder.join(format!("{name}.svg")), picture(&blocks, machine))?;
    }
    Ok(())
}

fn picture(blocks: &[Block], machine: &Machine) -> String {
    let panel = |block: &Block| PANEL_GAP + STEP * block.entries.len() as f64;
    let height = 70.0 + blocks.iter().map(panel).sum::<f64>();
    let mut svg = Svg::new(WIDTH, height);
    if let Some(block) = blocks.first() {
        let better = if block.figure.more_is_better() { "more" } else { "less" };
        let (measure, figure) = (block.measure.name(), block.figure);
        let title = format!("{measure}: {} in {} ({better} is better)", figure.name, figure.unit);
        svg.text(16.0, 26.0, Anchor::Start, "title", &title);
    }
    let mut top = 36.0;
    for block in blocks {
        panel_of(block, top, &mut svg);
        top += panel(block);
    }
    let day = machine.date.split('T').next().unwrap_or_default();
    let note = format!(
        "{day}, {} cores of {}, Linux {}; median, line: least to most",
        machine.cores, machine.cpu, machine.kernel
    );
    svg.text(16.0, height - 14.0, Anchor::Start, "note", &note);
    svg.finish()
}

fn panel_of(block: &Block, top: f64, svg: &mut Svg) {
    svg.text(16.0, top + 20.0, Anchor::Start, "point", &block.parameters.to_string());
    let scale = (WIDTH - NAMES - VALUES) / limit(block);
    let longest = WIDTH - NAMES - VALUES;
    let length = |value: f64| (value.max(0.0) * scale).min(longest);
    for (index, entry) in block.entries.iter().enumerate() {
        let y = top + PANEL_GAP - 6.0 + STEP * index as f64;
        let middle = y + BAR / 2.0;
        svg.text(NAMES - 8.0, middle + 4.0, Anchor::End, "name", &entry.program);
        svg.bar(NAMES, y, length(entry.median), BAR, class(entry.kind));
        svg.line(NAMES + length(entry.least), NAMES + length(entry.most), middle);
        let cut = entry.median * scale > longest;
        let value = format!("{}{}", if cut { "… " } else { "" }, short(entry.median));
        let end = NAMES + length(entry.median.max(entry.most));
        svg.text(end + 6.0, middle + 4.0, Anchor::Start, "value", &value);
    }
}

/// The value of a bar of full length.
fn limit(block: &Block) -> f64 {
    let most = |entries: &mut dyn Iterator<Item = &Entry>| {
        entries.map(|entry| entry.most).fold(0.0, f64::max)
    };
    let all = most(&mut block.entries.iter());
    if block.figure.more_is_better() {
        // The load generator alone may be far ahead of all of them.
        let programs = most(&mut block.entries.iter().filter(|entry| entry.kind != Kind::Direct));
        return if programs > 0.0 { programs * 1.05 } else { all.max(f64::MIN_POSITIVE) };
    }
    let least = block.entries.iter().map(|entry| entry.median).filter(|value| *value > 0.0);
    let least = least.fold(f64::INFINITY, f64::min);
    let own = most(&mut block.entries.iter().filter(|entry| entry.kind == Kind::Own));
    all.min((least * CUT).max(own)).max(f64::MIN_POSITIVE)
}

fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Own => "own",
        Kind::WebSocket => "websocket",
        Kind::Raw => "raw",
        Kind::Direct => "direct",
    }
}
