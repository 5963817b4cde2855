//! A program that runs for one point of the measurement: started, awaited, killed with its children.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::group::Group;
use crate::peers::{Kind, Program, Site};
use crate::target::Target;
use crate::tls::Tls;
use crate::usage::{self, Memory};

/// How long a program may take until it accepts.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A program that accepts connections; nothing but an address for the direct row.
pub(crate) struct Running {
    group: Option<Group>,
    pub(crate) address: SocketAddr,
    /// How clients speak TLS with it, if they do.
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
    /// From the start of the process until it accepted.
    pub(crate) start_up: Duration,
}

impl Running {
    /// Starts a program in front of `target`. Its files and log are in `directory`.
    pub(crate) fn start(
        program: &Program,
        target: Target,
        tls: Option<&Tls>,
        directory: &Path,
    ) -> Result<Self> {
        let client = tls.map(|tls| Arc::clone(&tls.client));
        if program.kind == Kind::Direct {
            let address = if tls.is_some() { target.secured } else { Some(target.plain) };
            let address = address.context("the target has no TLS")?;
            return Ok(Self { group: None, address, tls: client, start_up: Duration::ZERO });
        }
        let address = free_address()?;
        let site = Site { listen: address, target: target.plain, tls, directory };
        let mut command = (program.command)(&site)?;
        let path = directory.join(format!("{}.log", program.name));
        let log = File::create(&path)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let started = Instant::now();
        let mut group = Group::spawn(&mut command)?;
        while TcpStream::connect(address).is_err() {
            if group.child().try_wait()?.is_some() || started.elapsed() > START_LIMIT {
                let log = std::fs::read_to_string(&path).unwrap_or_default();
                bail!("it does not start: {}", log.lines().last().unwrap_or("it says nothing"));
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        let start_up = started.elapsed();
        // The connection that proved it is closed by now; what it cost is over after this.
        std::thread::sleep(Duration::from_millis(100));
        Ok(Self { group: Some(group), address, tls: client, start_up })
    }

    /// CPU time so far, of all processes.
    pub(crate) fn cpu(&self) -> Duration {
        self.group.as_ref().map_or(Duration::ZERO, |group| usage::cpu(group.id))
    }

    pub(crate) fn memory(&self) -> Memory {
        self.group.as_ref().map_or_else(Memory::default, |group| usage::memory(group.id))
    }
}

/// An address where nobody listens. Below 10000, so that no connection's own port is in the way.
fn free_address() -> Result<SocketAddr> {
    for port in 7100..9900 {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no port from 7100 to 9899 is free");
}
