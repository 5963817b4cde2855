//! What is measured, at which points, and the figures that come of a point.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::load::{Work, bulk, crowd, idle, roundtrip, sessions};
use crate::options::Bench;
use crate::peers::Program;
use crate::point::{Measure, Parameters, Transport};
use crate::rows::Figure;
use crate::running::Running;
use crate::target::Targets;
use crate::tls::Tls;

/// Clients that open and close sessions at once.
const CLIENTS: usize = 8;

/// How often a program is started for one value of `start-up`.
const STARTS: usize = 5;

/// Long enough that each idle session of wsferry is pinged once (`--heartbeat`).
const IDLE: Duration = Duration::from_secs(25);

/// Where only memory counts.
const IDLE_SHORT: Duration = Duration::from_secs(2);

/// From so many sessions on the CPU of idle ones is looked at.
const MANY: usize = 9000;

const MIB: f64 = (1 << 20) as f64;
const GIB: f64 = (1 << 30) as f64;

impl Measure {
    /// Memory and sizes hardly differ between rounds, and filling 9,000 sessions takes long.
    pub(crate) fn rounds(self, asked: &Bench) -> usize {
        if matches!(self, Self::Idle | Self::Crowd | Self::Binary) { 1 } else { asked.rounds() }
    }

    /// Where it is measured: first all of ws, then all of wss.
    pub(crate) fn points(self, asked: &Bench) -> Vec<Parameters> {
        let transports = match asked.transport {
            Some(transport) => vec![transport],
            None => vec![Transport::Ws, Transport::Wss],
        };
        transports.into_iter().flat_map(|transport| self.points_of(transport, asked)).collect()
    }

    fn points_of(self, transport: Transport, asked: &Bench) -> Vec<Parameters> {
        let quick = asked.quick;
        let wss = transport == Transport::Wss;
        let sessions: &[usize] = match self {
            Self::ToClient | Self::ToTarget if quick => &[1],
            Self::ToClient | Self::ToTarget => &[1, 8, 64],
            Self::RoundTrip if quick => &[64],
            Self::RoundTrip => &[1, 64, 1000],
            Self::Session => &[CLIENTS],
            Self::Idle if quick => &[1000],
            Self::Idle => &[1000, 5000, 9000],
            Self::Crowd if quick && wss => &[],
            Self::Crowd if quick => &[crowd::WORKING, 1000],
            Self::Crowd => &[crowd::WORKING, 5000],
            Self::StartUp | Self::Binary if wss => &[],
            Self::StartUp | Self::Binary => {
                return vec![Parameters { transport, sessions: None, frame: None }];
            }
        };
        let given = !asked.sessions.is_empty() && !matches!(self, Self::StartUp | Self::Binary);
        let sessions = if given { &asked.sessions } else { sessions };
        let frames: &[usize] = match self {
            Self::ToTarget if !asked.frames.is_empty() => &asked.frames,
            Self::ToTarget if quick && wss => &[16 << 10],
            Self::ToTarget if quick => &[64, 16 << 10],
            Self::ToTarget => &[64, 1 << 10, 16 << 10, 1 << 20],
            _ => &[],
        };
        let each = |&sessions| {
            let none = frames.is_empty().then_some(None);
            let frames = none.into_iter().chain(frames.iter().copied().map(Some));
            frames.map(move |frame| Parameters { transport, sessions: Some(sessions), frame })
        };
        sessions.iter().flat_map(each).collect()
    }

    /// The point as this program can take it, `None` if it cannot or has done so at another point.
    pub(crate) fn adapt(
        self,
        points: &[Parameters],
        index: usize,
        to: &Program,
    ) -> Option<Parameters> {
        let mut point = points[index];
        let transport = point.transport;
        if transport == Transport::Wss && !to.speaks_tls {
            return None;
        }
        // A crowd is only worth something beside the other crowds.
        let most = points.iter().filter_map(|other| other.sessions).max();
        if self == Self::Crowd && most.is_some_and(|most| most > to.most_sessions) {
            return None;
        }
        let first = points[..index].iter().all(|other| other.transport != transport);
        if let Some(sessions) = &mut point.sessions
            && *sessions > to.most_sessions
        {
            if self != Self::Idle || !first {
                return None;
            }
            *sessions = to.most_sessions;
        }
        if point.frame.is_some() && !to.kind.speaks_websocket() {
            let same = |other: &Parameters| {
                other.sessions == point.sessions && other.transport == transport
            };
            if points[..index].iter().any(same) {
                return None;
            }
            point.frame = None;
        }
        Some(point)
    }

    /// Measures one point of one program.
    pub(crate) fn run(
        self,
        point: Parameters,
        program: &Program,
        targets: &Targets,
        (directory, tls, asked): (&Path, Option<&Tls>, &Bench),
    ) -> Result<Vec<(Figure, f64)>> {
        let window = asked.window();
        let kind = program.kind;
        let sessions = point.sessions.unwrap_or(1);
        let tls = match point.transport {
            Transport::Ws => None,
            Transport::Wss => Some(tls.context("there is no certificate")?),
        };
        let start = |target| Running::start(program, target, tls, directory);
        Ok(match self {
            Self::ToClient => {
                stream(bulk::to_client(&start(targets.source)?, kind, sessions, window)?)?
            }
            Self::ToTarget => {
                let running = start(targets.sink)?;
                let size = (sessions, point.frame.unwrap_or(16 << 10));
                stream(bulk::to_target(&running, kind, targets, size, window)?)?
            }
            Self::RoundTrip => {
                round_trip(&roundtrip::run(&start(targets.echo)?, kind, sessions, window)?)
            }
            Self::Session => {
                let work = sessions::run(&start(targets.echo)?, kind, sessions, window)?;
                rate("rate", work)
            }
            Self::Idle => {
                let window = if sessions < MANY { IDLE_SHORT } else { IDLE };
                memory(&idle::run(&start(targets.echo)?, kind, sessions, window)?, sessions)
            }
            Self::Crowd => {
                let running = start(targets.sink)?;
                let bulk = crowd::stream(&running, kind, targets, sessions, window)?;
                drop(running);
                let running = start(targets.echo)?;
                let others = crowd::trips_and_sessions(&running, kind, sessions, window)?;
                in_a_crowd(bulk, others)
            }
            Self::StartUp => {
                let mut times = Vec::new();
                for _ in 0..STARTS {
                    times.push(start(targets.echo)?.start_up.as_secs_f64() * 1e3);
                }
                times.sort_by(f64::total_cmp);
                vec![(Figure { name: "time", unit: "ms" }, times[STARTS / 2])]
            }
            Self::Binary => {
                let size = program.file.as_ref().map(|path| path.metadata()).transpose()?;
                let figure = Figure { name: "size", unit: "KiB" };
                size.iter().map(|data| (figure, data.len() as f64 / 1024.0)).collect()
            }
        })
    }
}

fn stream(work: Work) -> Result<Vec<(Figure, f64)>> {
    if work.done == 0.0 {
        bail!("nothing moves");
    }
    let speed = Figure { name: "speed", unit: "MiB/s" };
    let cpu = Figure { name: "cpu", unit: "s/GiB" };
    Ok(vec![(speed, work.done / MIB / work.time), (cpu, work.cpu / (work.done / GIB))])
}

fn rate(name: &'static str, work: Work) -> Vec<(Figure, f64)> {
    let cpu = Figure { name: "cpu", unit: "µs" };
    let rate = Figure { name, unit: "/s" };
    vec![(rate, work.done / work.time), (cpu, work.cpu * 1e6 / work.done.max(1.0))]
}

fn round_trip(trips: &roundtrip::RoundTrips) -> Vec<(Figure, f64)> {
    let mut figures = rate("rate", trips.work);
    for (name, part) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
        let figure = Figure { name, unit: "µs" };
        figures.push((figure, roundtrip::percentile(&trips.times, part)));
    }
    figures
}

fn in_a_crowd(bulk: Work, (trips, sessions): (Work, Work)) -> Vec<(Figure, f64)> {
    let cpu = |name, work: Work| (Figure { name, unit: "µs" }, work.cpu * 1e6 / work.done.max(1.0));
    let streamed = bulk.cpu / (bulk.done.max(1.0) / GIB);
    vec![
        (Figure { name: "stream-cpu", unit: "s/GiB" }, streamed),
        cpu("trip-cpu", trips),
        cpu("session-cpu", sessions),
    ]
}

fn memory(idle: &idle::Idle, sessions: usize) -> Vec<(Figure, f64)> {
    let each = |before: u64, after: u64| (after as f64 - before as f64) / sessions as f64;
    vec![
        (Figure { name: "rss", unit: "KiB" }, each(idle.before.rss, idle.after.rss)),
        (Figure { name: "pss", unit: "KiB" }, each(idle.before.pss, idle.after.pss)),
        (Figure { name: "total", unit: "KiB PSS" }, idle.after.pss as f64),
        (Figure { name: "cpu", unit: "% core" }, idle.work.cpu / idle.work.time * 100.0),
    ]
}
