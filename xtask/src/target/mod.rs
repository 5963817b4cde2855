//! The servers behind the relays, in a process of their own: `echo` gives back what it gets, `source`
//! writes as fast as it can, `sink` reads and counts. What is measured as idle is held by `echo`.

mod echo;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};

use crate::group::Group;
use crate::pattern::{CHECKED, Pattern};
use crate::tls::{self, Tls};
use crate::wire::Wire;

/// What `source` writes at once and `sink` reads at once: about 256 KiB, whole periods of the pattern.
const CHUNK: usize = Pattern::PERIOD * 1044;

/// Bytes that `sink` has read, and those of them that were wrong.
static SUNK: AtomicU64 = AtomicU64::new(0);
static WRONG: AtomicU64 = AtomicU64::new(0);

/// Where a server is.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) plain: SocketAddr,
    /// The same with TLS, for the direct row.
    pub(crate) secured: Option<SocketAddr>,
}

/// The child process with the servers.
pub(crate) struct Targets {
    pub(crate) echo: Target,
    pub(crate) source: Target,
    pub(crate) sink: Target,
    count: TcpStream,
    _group: Group,
}

impl Targets {
    pub(crate) fn start(tls: Option<&Tls>) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("target");
        if let Some(tls) = tls {
            command.args([&tls.certificate, &tls.key]);
        }
        let mut group = Group::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
        let output = group.child().stdout.take().context("no output of the targets")?;
        let mut lines = BufReader::new(output).lines();
        let mut next = || -> Result<SocketAddr> {
            Ok(lines.next().context("the targets did not start")??.parse()?)
        };
        let count = TcpStream::connect(next()?)?;
        let mut target = || -> Result<Target> {
            Ok(Target { plain: next()?, secured: tls.map(|_| next()).transpose()? })
        };
        let (echo, source, sink) = (target()?, target()?, target()?);
        Ok(Self { echo, source, sink, count, _group: group })
    }

    /// Bytes that `sink` has read so far, and how many of the checked ones were wrong.
    pub(crate) fn sunk(&self) -> Result<(u64, u64)> {
        let mut count = &self.count;
        count.write_all(&[0])?;
        let mut answer = [0; 16];
        count.read_exact(&mut answer)?;
        let (bytes, wrong) = answer.split_at(8);
        Ok((u64::from_le_bytes(bytes.try_into()?), u64::from_le_bytes(wrong.try_into()?)))
    }
}

/// The process itself: prints an address a line, then serves until it is killed.
pub(crate) fn run(files: Option<(PathBuf, PathBuf)>) -> Result<()> {
    let config = files.map(|(certificate, key)| tls::server(&certificate, &key)).transpose()?;
    let config = config.map(Arc::new);
    serve(None, |stream| {
        if let Wire::Plain(stream) = stream {
            count(stream);
        }
    })?;
    let transports = || std::iter::once(None).chain(config.clone().map(Some));
    for config in transports() {
        let echo = mio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into())?;
        println!("{}", echo.local_addr()?);
        std::thread::spawn(move || echo::serve(echo, config.as_ref()));
    }
    for config in transports() {
        serve(config, source)?;
    }
    for config in transports() {
        serve(config, sink)?;
    }
    loop {
        std::thread::park();
    }
}

/// A thread for each connection.
fn serve(config: Option<Arc<rustls::ServerConfig>>, each: fn(Wire)) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = stream.set_nodelay(true);
            if let Ok(wire) = accepted(stream, config.as_ref()) {
                std::thread::spawn(move || each(wire));
            }
        }
    });
    Ok(())
}

fn accepted(
    stream: TcpStream,
    config: Option<&Arc<rustls::ServerConfig>>,
) -> Result<Wire, rustls::Error> {
    match config {
        None => Ok(Wire::Plain(stream)),
        Some(config) => Wire::server(stream, Arc::clone(config)),
    }
}

fn source(mut stream: Wire) {
    let mut bytes = vec![0; CHUNK];
    Pattern::fill(&mut bytes);
    while stream.write_all(&bytes).is_ok() {}
}

fn sink(mut stream: Wire) {
    let mut room = vec![0; CHUNK];
    let mut pattern = Pattern::default();
    while let Ok(length @ 1..) = stream.read(&mut room) {
        if pattern.offset() < CHECKED {
            let wrong = pattern.wrong(&room[..length]);
            WRONG.fetch_add(wrong, Ordering::Relaxed);
        }
        SUNK.fetch_add(length as u64, Ordering::Relaxed);
    }
}

fn count(mut stream: TcpStream) {
    let mut asked = [0];
    while stream.read_exact(&mut asked).is_ok() {
        let mut answer = [0; 16];
        answer[..8].copy_from_slice(&SUNK.load(Ordering::Relaxed).to_le_bytes());
        answer[8..].copy_from_slice(&WRONG.load(Ordering::Relaxed).to_le_bytes());
        if stream.write_all(&answer).is_err() {
            break;
        }
    }
}
