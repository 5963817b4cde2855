//! The gateway under test, and what the system says of its process.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// The gateway under test.
pub(crate) struct Gateway {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Gateway {
    pub(crate) fn start(target: &str) -> Self {
        Self::start_with(&[target])
    }

    /// One with these arguments behind the address to listen on.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        use std::io::BufRead;
        let mut path = std::env::current_exe().unwrap();
        path.set_file_name("wsferry");
        let path = std::env::var_os("WSFERRY_BIN").map_or(path, Into::into);
        let mut child = Command::new(path)
            .arg("127.0.0.1:0")
            .args(arguments)
            .args(std::env::args().skip(3))
            .stderr(Stdio::piped())
            .spawn()
            .expect("build it first: cargo build --release");
        let mut lines = std::io::BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some(rest) = line.split("ws://").nth(1) {
                break rest.split('/').next().unwrap().parse().unwrap();
            }
        };
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if !line.contains("INFO") {
                    println!("{line}");
                }
            }
        });
        Self { child, address }
    }

    /// Resident memory in KiB.
    pub(crate) fn rss(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// CPU seconds, user and system.
    pub(crate) fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
    }

    /// CPU seconds of the threads that there are now. Finer than [`cpu`](Self::cpu), and without the
    /// share of threads that have ended.
    pub(crate) fn cpu_of_threads(&self) -> f64 {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let of = |path: std::path::PathBuf| {
            let text = std::fs::read_to_string(path.join("schedstat")).unwrap_or_default();
            text.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok()).unwrap_or(0.0)
        };
        threads.map(|thread| of(thread.unwrap().path())).sum::<f64>() / 1e9
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
