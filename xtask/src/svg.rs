//! As much of SVG as bar plots need. Colours read on light and dark pages.

use std::fmt::Write;

const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#3b4252}\
    .title{font-size:15px;font-weight:600}.point{font-weight:600}.note{font-size:11px;fill:#6b7280}\
    .own{fill:#0f9d76}.websocket{fill:#5b8def}.raw{fill:#9aa3b2}.direct{fill:#d8dce3}\
    line{stroke:#3b4252;stroke-width:1.5}";

/// Where a text's x is.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    End,
}

/// A picture under construction.
pub(crate) struct Svg {
    text: String,
}

impl Svg {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">\n<style>{STYLE}</style>\n\
             <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#fbfcfd\"/>\n"
        );
        Self { text }
    }

    pub(crate) fn text(&mut self, x: f64, y: f64, anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::End => "end",
        };
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        let _ = writeln!(
            self.text,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"{class}\">{text}</text>"
        );
    }

    pub(crate) fn bar(&mut self, x: f64, y: f64, width: f64, height: f64, class: &str) {
        let _ = writeln!(
            self.text,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\" rx=\"2\" \
             class=\"{class}\"/>",
            width.max(1.0)
        );
    }

    /// A horizontal line.
    pub(crate) fn line(&mut self, from: f64, to: f64, y: f64) {
        let _ = writeln!(
            self.text,
            "<line x1=\"{from:.1}\" y1=\"{y:.1}\" x2=\"{to:.1}\" y2=\"{y:.1}\"/>"
        );
    }

    pub(crate) fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }
}
