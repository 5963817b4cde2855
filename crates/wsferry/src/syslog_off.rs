//! In the place of `syslog.rs` in a build without the feature `syslog`: `--syslog` is refused.

use anyhow::Result;

use crate::output::{Lines, Sink};

/// There is none: no text makes one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Syslog {}

impl Syslog {
    /// Refuses `--syslog`.
    pub(crate) fn parse(_: &str, _legacy: bool, _name: &'static str) -> Result<Self, String> {
        Err("--syslog: this build has no syslog. Use --log-file, or a build with the feature syslog"
            .to_owned())
    }

    /// Never called, because there is none.
    pub(crate) fn open(self, _is_daemon: bool) -> Result<Sender> {
        match self {}
    }
}

/// Never made.
#[derive(Debug)]
pub(crate) enum Sender {}

impl Sink for Sender {
    fn write(&mut self, lines: &Lines) -> usize {
        lines.iter().count()
    }

    fn tell_lost(&mut self, _: usize) {
        match *self {}
    }
}
