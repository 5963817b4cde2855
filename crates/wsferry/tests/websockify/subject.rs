//! The program that is asked: the real websockify, or wsferry under its name.

use std::ffi::OsStr;
use std::net::SocketAddr;

use tokio::process::Command;
use wsferry_testkit::patience::until;
use wsferry_testkit::program::{Program, ReservedPort, Signal, listens_on};
use wsferry_testkit::raw::{Answer, Raw};

use crate::client::{Client, Refusal, upgrade};

/// One of the two programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The one from `PyPI`.
    Websockify,
    /// The one that was built for this test.
    Wsferry,
}

/// Makes two tests of each behaviour of this module.
macro_rules! same {
    ($($name:ident)*) => {
        $(
            mod $name {
                use crate::subject::Subject;

                #[tokio::test]
                async fn websockify() {
                    Box::pin(super::$name(Subject::Websockify)).await;
                }

                #[tokio::test]
                async fn wsferry() {
                    Box::pin(super::$name(Subject::Wsferry)).await;
                }
            }
        )*
    };
}

impl Subject {
    /// The program with arguments, not yet started.
    pub(crate) fn command<A: AsRef<OsStr>>(self, arguments: &[A]) -> Command {
        let mut command = match self {
            Self::Websockify => wsferry_testkit::clients::websockify(),
            Self::Wsferry => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_wsferry"));
                command.arg("websockify").env("WSFERRY_REBIND", wsferry_testkit::shim::path());
                command
            }
        };
        command.args(arguments);
        command
    }

    /// Starts the program.
    pub(crate) fn start<A: AsRef<OsStr>>(self, arguments: &[A]) -> Program {
        Program::spawn(self.command(arguments))
    }

    /// Starts `OPTIONS 127.0.0.1:PORT REST` and waits until it listens.
    pub(crate) async fn gate(self, options: &[&str], rest: &[&str]) -> Gateway {
        self.gate_with(options, rest, |_| {}).await
    }

    /// The same, with a word about the command.
    pub(crate) async fn gate_with(
        self,
        options: &[&str],
        rest: &[&str],
        prepare: impl FnOnce(&mut Command),
    ) -> Gateway {
        let port = ReservedPort::new();
        let source = format!("127.0.0.1:{}", port.number());
        let mut command = self.command(&[options, &[&source], rest].concat());
        prepare(&mut command);
        Gateway::listening(Program::spawn(command), port).await
    }

    /// Starts `OPTIONS 127.0.0.1:PORT TARGET`.
    pub(crate) async fn gate_to(self, target: SocketAddr, options: &[&str]) -> Gateway {
        self.gate(options, &[&target.to_string()]).await
    }
}

/// A program that listens on a port of 127.0.0.1.
pub(crate) struct Gateway {
    pub(crate) program: Program,
    port: ReservedPort,
}

impl Gateway {
    /// Waits until a program listens on its port.
    pub(crate) async fn listening(mut program: Program, port: ReservedPort) -> Self {
        until(|| listens_on(port.address()) || program.has_ended()).await;
        assert!(!program.has_ended(), "the program has ended instead of listening");
        Self { program, port }
    }

    /// Tells it to end. websockify has to have taken signals in hand, and is told while it waits for
    /// clients, and is over then: its handler raises an exception once, which is lost where it meets a
    /// callback of Python's own, such as those after a fork, and then nothing ends it any more.
    pub(crate) async fn end_by(&mut self, signal: Signal, subject: Subject) {
        if subject == Subject::Websockify {
            let place = format!("/proc/{}/wchan", self.program.id());
            until(|| std::fs::read_to_string(&place).is_ok_and(|it| it.contains("poll"))).await;
        }
        self.program.signal(signal).await;
        if subject == Subject::Websockify {
            until(|| self.program.has_ended()).await;
        }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port.number()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port()).into()
    }

    /// Connects as a program does: without an Origin.
    pub(crate) async fn connect(&self) -> Client {
        self.connect_to("/").await
    }

    /// Connects to a path.
    pub(crate) async fn connect_to(&self, path: &str) -> Client {
        let client = self.try_connect(path, &[]).await;
        client.unwrap_or_else(|refusal| panic!("{path}: {refusal:?}"))
    }

    /// Connects to a path with further header fields, and may be refused.
    pub(crate) async fn try_connect(
        &self,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<Client, Refusal> {
        let stream = Raw::connect(self.address()).await.into_stream();
        upgrade(stream, self.port(), path, fields).await
    }

    /// Loads a file.
    pub(crate) async fn load(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await.expect("an answer comes")
    }

    /// Any request that is no handshake; `None` if the connection ends instead of an answer.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Option<Answer> {
        let mut raw = Raw::connect(self.address()).await;
        raw.send(request(self.port(), method, path, fields)).await;
        raw.try_answer(method != "HEAD").await
    }
}

/// The text of a request that is no handshake.
pub(crate) fn request(port: u16, method: &str, path: &str, fields: &[(&str, &str)]) -> String {
    let fields: String =
        fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{fields}\r\n")
}
