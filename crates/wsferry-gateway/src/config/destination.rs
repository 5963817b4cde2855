//! Where the sessions of a route lead.

use std::num::NonZeroU16;

use super::error::{ConfigError, Spelling};
use super::settings::Surroundings;
use super::{Route, default, plugin};
use crate::address::Address;
use crate::auth::PluginSettings;
use crate::gateway::Listen;
use crate::route::{DestinationSettings, Reached, TokenPlace};
use crate::wrap::{self, SourcePort};

impl Route {
    /// Where its sessions lead, with the first address of the gateway for a program that is moved.
    pub(super) fn destination(
        &self,
        listen: Option<&Listen>,
        plugin: Option<&PluginSettings>,
        around: &Surroundings,
        spelling: Spelling,
    ) -> Result<DestinationSettings, ConfigError> {
        let led = self.named(around, spelling)?;
        let Some((name, arguments)) = self.program.split_first() else {
            // The answer of a web service may say where a session leads.
            let later = matches!(plugin, Some(PluginSettings::Http(_)));
            let nowhere = later.then(|| DestinationSettings::Listed(Vec::new()));
            return led.or(nowhere).ok_or_else(|| {
                let few = match spelling {
                    Spelling::Options => {
                        "too few arguments: give a target, such as \
                        localhost:5000, or an option that names it"
                    }
                    Spelling::Keys => {
                        "a route leads nowhere: give target = \"localhost:5000\", or a \
                        key that names its targets"
                    }
                };
                ConfigError(few.to_owned())
            });
        };
        let program = wrap::Settings {
            program: name.clone(),
            arguments: arguments.to_vec(),
            environment: around.environment.clone(),
            shims: around.shims.clone(),
            mode: self.wrap_mode,
            grace: default::WRAP_GRACE,
        };
        let reached = match led {
            Some(DestinationSettings::Fixed(target)) if target.is_built_in() => {
                return Err(ConfigError(format!(
                    "{target} and -- PROGRAM both say where sessions lead: give one of them"
                )));
            }
            Some(led) => Reached::At(Box::new(led)),
            None => Reached::Moved(self.source_port(listen)?),
        };
        Ok(DestinationSettings::Wrapped { program, reached })
    }

    /// Where sessions lead by the one setting that says so.
    fn named(
        &self,
        around: &Surroundings,
        spelling: Spelling,
    ) -> Result<Option<DestinationSettings>, ConfigError> {
        let mut led = Vec::new();
        if let Some(class) = &self.token_plugin {
            let source = self.token_source.as_ref().map(super::Secret::reveal);
            let source = plugin::token(class, source, &around.folder, spelling)?;
            let place = if self.host_token { TokenPlace::Host } else { TokenPlace::Query };
            led.push(("token-plugin", DestinationSettings::Token { source, place }));
        }
        if let Some(target) = &self.target {
            let name = match (spelling, target) {
                (Spelling::Options, Address::Unix(_)) => "unix-target",
                _ => "target",
            };
            led.push((name, DestinationSettings::Fixed(around.whole_address(target))));
        }
        if !self.allow_address.is_empty() {
            let targets = self.allow_address.clone();
            led.push(("allow-address", DestinationSettings::Listed(targets)));
        }
        match (led.pop(), led.pop()) {
            (Some((one, _)), Some((other, _))) => Err(ConfigError(format!(
                "{} and {} both say where sessions lead: give one of them",
                spelling.of(other),
                spelling.of(one),
            ))),
            (led, _) => Ok(led.map(|(_, led)| led)),
        }
    }

    /// The port that a program binds: the one that is given, or else the gateway's own. Where that
    /// has none, it is the first one that the program binds.
    fn source_port(&self, listen: Option<&Listen>) -> Result<SourcePort, ConfigError> {
        let port = match (self.program_port, listen) {
            (Some(port), _) => Some(port),
            (None, Some(Listen::Tcp { port, .. })) => NonZeroU16::new(*port),
            (None, _) => return Ok(SourcePort::First),
        };
        port.map(SourcePort::Is).ok_or_else(|| {
            ConfigError(
                "-- PROGRAM needs the port that the program listens on: give one from 1 to 65535, \
                 in place of 0"
                    .to_owned(),
            )
        })
    }
}
