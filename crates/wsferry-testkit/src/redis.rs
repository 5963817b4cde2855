//! A real Redis of one's own, on a free port or a Unix socket, that can be stopped and started again.

use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;

use crate::patience::soon;
use crate::program::{Program, ReservedPort};

/// A running Redis. Dropping it ends it.
#[derive(Debug)]
pub struct Redis {
    program: Option<Program>,
    port: ReservedPort,
    folder: TempDir,
    options: Vec<String>,
}

impl Redis {
    /// One with further options, such as `--requirepass secret`. Its folder is its working directory.
    pub async fn start(options: &[&str]) -> Self {
        let mut redis = Self::prepare(options);
        redis.run().await;
        redis
    }

    /// One that does not run yet.
    pub fn prepare(options: &[&str]) -> Self {
        let options = options.iter().map(ToString::to_string).collect();
        let folder = tempfile::tempdir().unwrap();
        Self { program: None, port: ReservedPort::new(), folder, options }
    }

    /// Starts it, where it was before.
    pub async fn run(&mut self) {
        let mut command = Command::new("redis-server");
        command.current_dir(self.folder.path());
        command.args(["--bind", "127.0.0.1", "--save", "", "--unixsocket", "redis.sock"]);
        command.args(["--enable-debug-command", "local"]);
        if !self.options.iter().any(|option| option == "--port") {
            command.args(["--port", &self.port().to_string()]);
        }
        command.args(&self.options);
        let program = Program::spawn(command);
        program.printed(&["eady to accept connections"]).await;
        self.program = Some(program);
    }

    /// Adds options before it runs.
    pub fn add(&mut self, options: &[&str]) {
        self.options.extend(options.iter().map(ToString::to_string));
    }

    /// Lets it neither answer nor accept for some seconds.
    pub async fn pause(&self, seconds: f32) {
        let mut command = Command::new("redis-cli");
        command.arg("-s").arg(self.folder.path().join("redis.sock"));
        command.args(["DEBUG", "SLEEP", &seconds.to_string()]);
        command.stdout(Stdio::null()).kill_on_drop(true);
        let mut asking = command.spawn().expect("redis-cli is here");
        tokio::spawn(async move { asking.wait().await });
        // It is asked by another way whether it sleeps: the answer does not come.
        let mut is_asleep = false;
        while !is_asleep {
            let ping = self.command(&["PING"]);
            is_asleep = tokio::time::timeout(Duration::from_millis(100), ping).await.is_err();
        }
    }

    /// A sentinel; the file holds what it watches, and it writes there.
    pub async fn start_sentinel(config: &Path) -> Self {
        let mut redis = Self::prepare(&[]);
        let mut command = Command::new("redis-server");
        command.arg(config).args(["--sentinel", "--bind", "127.0.0.1"]);
        command.args(["--port", &redis.port().to_string()]);
        let program = Program::spawn(command);
        program.printed(&["+monitor master"]).await;
        redis.program = Some(program);
        redis
    }

    /// Ends it.
    pub async fn stop(&mut self) {
        self.program.take().expect("it runs").kill().await;
    }

    /// Its port of 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Its folder, with `redis.sock` in it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What `redis-cli` prints for these arguments, by way of the Unix socket.
    pub async fn command(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        command.arg("-s").arg(self.folder.path().join("redis.sock")).args(arguments);
        printed(command).await
    }

    /// Sets the value of a key.
    pub async fn set(&self, key: &str, value: &str) {
        assert_eq!(self.command(&["SET", key, value]).await, "OK\n");
    }

    /// Joins masters to a cluster, and waits until it is one.
    pub async fn join(masters: &[Self]) {
        let mut command = Command::new("redis-cli");
        command.args(["--cluster", "create"]);
        command.args(masters.iter().map(|master| format!("127.0.0.1:{}", master.port())));
        command.arg("--cluster-yes");
        let said = printed(command).await;
        assert!(said.contains("All 16384 slots covered"), "{said}");
        for master in masters {
            soon(async {
                while !master.command(&["CLUSTER", "INFO"]).await.contains("cluster_state:ok") {
                    tokio::task::yield_now().await;
                }
            })
            .await;
        }
    }

    /// A port whose second one, ten thousand above, is free too: where a cluster's servers talk.
    pub fn with_bus(options: &[&str]) -> Self {
        loop {
            let redis = Self::prepare(options);
            let bus = redis.port().checked_add(10_000);
            if bus.is_some_and(|bus| TcpStream::connect(("127.0.0.1", bus)).is_err()) {
                return redis;
            }
        }
    }
}

async fn printed(mut command: Command) -> String {
    command.kill_on_drop(true);
    let output = soon(command.output()).await;
    let output =
        output.unwrap_or_else(|error| panic!("{command:?}: {error}: install redis-server"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
