//! One measured value, and the file where all of a run are kept.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Result;

use crate::machine::Machine;
use crate::peers::Kind;
use crate::point::{Measure, Parameters, Transport};
use crate::tls::CIPHER;

/// What a value tells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
}

impl Figure {
    /// Rates are good when they are high; costs, times and sizes when they are low.
    pub(crate) fn more_is_better(self) -> bool {
        self.unit.ends_with("/s")
    }
}

/// A value.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) program: String,
    pub(crate) kind: Kind,
    pub(crate) version: String,
    pub(crate) measure: Measure,
    pub(crate) parameters: Parameters,
    pub(crate) figure: Figure,
    pub(crate) round: usize,
    pub(crate) value: f64,
}

/// `bench/runs/DATE.csv`, written while the run goes on, so that an interrupted one is kept.
pub(crate) struct Csv {
    file: BufWriter<File>,
    machine: String,
}

impl Csv {
    pub(crate) fn create(path: &Path, machine: &Machine) -> Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        writeln!(
            file,
            "date,kernel,cpu,cores,program,kind,version,cipher,measure,figure,parameters,round,value,unit"
        )?;
        let words = [&machine.date, &machine.kernel, &machine.cpu];
        let words = words.map(|word| quoted(word)).join(",");
        Ok(Self { file, machine: format!("{words},{}", machine.cores) })
    }

    pub(crate) fn write(&mut self, row: &Row) -> Result<()> {
        let kind = match row.kind {
            Kind::Direct => "direct",
            Kind::Raw => "raw",
            Kind::WebSocket => "websocket",
            Kind::Own => "wsferry",
        };
        let cipher = match row.parameters.transport {
            Transport::Ws => "",
            Transport::Wss => CIPHER, // anything else is an error of the connection
        };
        writeln!(
            self.file,
            "{},{},{kind},{},{},{},{},{},{},{},{}",
            self.machine,
            quoted(&row.program),
            quoted(&row.version),
            cipher,
            row.measure.name(),
            row.figure.name,
            row.parameters,
            row.round,
            row.value,
            row.figure.unit
        )?;
        Ok(self.file.flush()?)
    }
}

/// A field as RFC 4180 wants it.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n']) {
        return format!("\"{}\"", field.replace('"', "\"\""));
    }
    field.to_owned()
}
