//! A run: in each round each point is measured with each program in turn, so that a machine that
//! becomes slower or faster does so for all of them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::machine::Machine;
use crate::options::Bench;
use crate::peers::{self, Kind, Places};
use crate::point::Measure;
use crate::point::Transport;
use crate::report::Report;
use crate::rows::{Csv, Row};
use crate::target::Targets;
use crate::tls::Tls;
use crate::{keeper, plot};

/// Between two programs: sockets of the last one are gone.
const PAUSE: Duration = Duration::from_millis(100);

/// Does what was asked for.
pub(crate) fn run(asked: &Bench) -> Result<()> {
    let places = places(asked)?;
    let out = asked.out.clone().unwrap_or_else(|| places.repository.join("bench"));
    let machine = Machine::this();
    let programs = peers::all(asked, &places, &machine.commit)?;
    let directory = tempfile::tempdir()?.keep(); // the keeper removes it
    keeper::start(&directory)?;
    open_directory(&directory)?;
    let tls = Tls::make(&directory);
    if let Err(reason) = &tls {
        eprintln!("wss is left out: {reason:#}");
    }
    let tls = tls.ok();
    let targets = Targets::start(tls.as_ref())?;

    std::fs::create_dir_all(out.join("runs"))?;
    let path = out.join("runs").join(format!("{}.csv", machine.date));
    let mut csv = Csv::create(&path, &machine)?;
    let started = Instant::now();
    let mut report = Report::default();
    for (measure, round) in rounds(asked) {
        let mut points = measure.points(asked);
        points.retain(|point| point.transport == Transport::Ws || tls.is_some());
        for index in 0..points.len() {
            for program in &programs {
                let Some(point) = measure.adapt(&points, index, program) else { continue };
                if program.kind == Kind::Direct && !makes_sense_alone(measure) {
                    continue;
                }
                progress(&format!("{} {point} {} #{round}", measure.name(), program.name));
                let files = (directory.as_path(), tls.as_ref(), asked);
                match measure.run(point, program, &targets, files) {
                    Ok(figures) => {
                        for (figure, value) in figures {
                            if program.kind == Kind::Direct && figure.name == "cpu" {
                                continue; // there is no process in between
                            }
                            let row = Row {
                                program: program.name.clone(),
                                kind: program.kind,
                                version: program.version.clone(),
                                measure,
                                parameters: point,
                                figure,
                                round,
                                value,
                            };
                            csv.write(&row)?;
                            report.add(row);
                        }
                    }
                    Err(reason) => {
                        report.fail(format!(
                            "{} {point}: {} round {round}: {reason:#}",
                            measure.name(),
                            program.name
                        ));
                    }
                }
                std::thread::sleep(PAUSE);
            }
        }
    }
    progress("");
    print!("{}", report.text(&programs, &machine));
    let plots = out.join("plots");
    plot::all(&report, &machine, &plots)?;
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    println!("\nRows: {}\nPlots: {}\n{minutes:.1} minutes", path.display(), plots.display());
    Ok(())
}

/// Measures in the order of rounds: a point comes again only after all others came.
fn rounds(asked: &Bench) -> Vec<(Measure, usize)> {
    let all = Measure::ALL.into_iter();
    let wanted = |measure: &Measure| asked.measures.is_empty() || asked.measures.contains(measure);
    let measures: Vec<_> = all.filter(wanted).collect();
    let most = measures.iter().map(|measure| measure.rounds(asked)).max().unwrap_or(0);
    let round = |round| measures.iter().map(move |&measure| (measure, round));
    let in_time = |(measure, round): &(Measure, usize)| *round <= measure.rounds(asked);
    (1..=most).flat_map(round).filter(in_time).collect()
}

/// Whether the load generator without a program says anything.
fn makes_sense_alone(measure: Measure) -> bool {
    !matches!(measure, Measure::Idle | Measure::Crowd | Measure::StartUp | Measure::Binary)
}

fn places(asked: &Bench) -> Result<Places> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let repository = repository.context("the repository has no folder")?.to_owned();
    // This program is TARGET/release/xtask.
    let program = std::env::current_exe()?;
    let target: PathBuf = program.ancestors().nth(2).context("no target folder")?.to_owned();
    let installed = target.join("bench");
    std::fs::create_dir_all(&installed)?;
    Ok(Places { repository, target, installed, install: !asked.no_install })
}

/// Workers of nginx are another user and read what is in here.
fn open_directory(directory: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755))?)
}

/// What is being done now, on one line that is overwritten; nothing where nobody watches.
fn progress(text: &str) {
    use std::io::{IsTerminal, Write};
    let mut error = std::io::stderr();
    if error.is_terminal() {
        let _ = write!(error, "\r\x1b[K{text}");
        let _ = error.flush();
    }
}
