//! What was typed → what the program uses: how many addresses are left to be given, and what each
//! option sets.

use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use wsferry_gateway::address::Address;
use wsferry_gateway::auth::PluginSettings;
use wsferry_gateway::auth::http::Settings as HttpSettings;
use wsferry_gateway::config::{
    self, Config, DestinationSettings, Listen, ListenAddress, Reached, keep_alive, plugin,
};
use wsferry_gateway::route::{Dial, TokenPlace};
use wsferry_gateway::tls::{ClientAuthority, ConnectorSettings, ServerSettings};
use wsferry_gateway::web::Files;
use wsferry_gateway::wrap::{self, SourcePort, WrapMode};
use wsferry_proto::Kind;

use super::Options;
use super::called::{Called, Misuse};
use super::hints::{self, Expected};
use super::options::{Send, TypedDial, TypedOptions, WrapMode as TypedWrapMode};
use super::{notes, own_port};
use crate::log::Settings as Log;
use crate::process::Process;
use crate::syslog::Syslog;
use crate::{output, wrapping};

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_EMBEDDER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-embedder-policy");

/// The certificate that websockify takes when none is named.
const USUAL_CERTIFICATE: &str = "self.pem";

impl TypedOptions {
    /// What the program uses.
    pub(super) fn valid(mut self, called: Called) -> Result<Options, Misuse> {
        self.check_pairs(called)?;
        let mut notes = self.notes();
        let auth_plugin = self.auth_plugin()?;
        notes.extend(self.notes_on_access(auth_plugin.as_ref()));
        // Its answer says where a session leads.
        let targets_come_later = matches!(auth_plugin, Some(PluginSettings::Http(_)));
        let (listen, route) = self.addresses(targets_come_later, called)?;
        own_port::check(&listen, &route)?;
        notes.extend(notes::shared_keys(&route));
        let tls = self.tls(called, &mut notes)?;
        let mut config = config::plain(listen, route);
        // Without TLS there is no certificate: a plain connection would be a way around the check.
        config.tls_only = self.ssl_only || self.verify_client;
        config.tls = tls;
        config.target_tls = self.target_tls()?;
        config.target_must_resolve = called == Called::Wsferry;
        config.auth_plugin = auth_plugin;
        config.web_auth = self.web_auth;
        config.headers = self.headers();
        let files = if self.web_listing { Files::Listed } else { Files::Directory };
        config.web = self.web.take().map(absolute).map(files);
        config.run_once = self.run_once;
        config.timeout = limit(self.timeout);
        config.idle_timeout = limit(self.idle_timeout);
        config.record = self.record.take().map(absolute);
        config.traffic = self.traffic.then(output::traffic);
        config.heads.max_size = self.max_head_size;
        config.heads.upgrades_http_1_0 = called == Called::Websockify;
        config.subprotocols = std::mem::take(&mut self.subprotocol);
        config.auth.allow_origin = std::mem::take(&mut self.allow_origin);
        config.allow_host = std::mem::take(&mut self.allow_host);
        config.auth.require_origin = self.require_origin;
        config.failures_per_source = self.auth_failures_per_source;
        self.limits(&mut config);
        let log = Log {
            verbose: self.verbose,
            file: self.log_file.take().map(absolute),
            syslog: self.syslog(called)?,
            is_daemon: self.daemon,
            notes,
        };
        let process = Process { daemon: self.daemon, pid_file: self.pid_file.take().map(absolute) };
        Ok(Options { config, log, process })
    }

    fn auth_plugin(&mut self) -> Result<Option<PluginSettings>, Misuse> {
        let fields = std::mem::take(&mut self.auth_header);
        let plugin = match self.auth_plugin.take() {
            Some(class) => Some(plugin::auth(&class, self.auth_source.as_deref())?),
            None => None,
        };
        match plugin {
            Some(PluginSettings::Http(settings)) => {
                Ok(Some(PluginSettings::Http(HttpSettings { fields, ..settings })))
            }
            _ if !fields.is_empty() => {
                Err("--auth-header has no effect without --auth-plugin HttpAuth: give both, or \
                     neither"
                    .to_owned())
            }
            plugin => Ok(plugin),
        }
    }

    /// The fields of `--header`, and those that make a page isolated from other origins.
    fn headers(&mut self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if self.cross_origin_isolated {
            let isolated = [
                (CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin")),
                (CROSS_ORIGIN_EMBEDDER_POLICY, HeaderValue::from_static("require-corp")),
            ];
            let given = |name: &HeaderName| self.header.iter().any(|(given, _)| given == name);
            headers.extend(isolated.into_iter().filter(|(name, _)| !given(name)));
        }
        for (name, value) in std::mem::take(&mut self.header) {
            headers.append(name, value);
        }
        headers
    }

    /// Where to listen and where sessions lead. The addresses that options do not give are given
    /// without one, in this order.
    fn addresses(
        &mut self,
        targets_come_later: bool,
        called: Called,
    ) -> Result<(Listen, DestinationSettings), Misuse> {
        let words = std::mem::take(&mut self.addresses);
        let leads = self.token_plugin.is_some()
            || self.target_config.is_some()
            || self.unix_target.is_some()
            || !self.allow_address.is_empty()
            || !self.program.is_empty();
        let listens = self.inetd || self.unix_listen.is_some();
        let expected = Expected { listen: !listens, target: !leads };
        self.read_addresses(words.clone(), targets_come_later)
            .map_err(|misuse| hints::for_addresses(&words, expected, called).unwrap_or(misuse))
    }

    fn read_addresses(
        &mut self,
        words: Vec<String>,
        targets_come_later: bool,
    ) -> Result<(Listen, DestinationSettings), Misuse> {
        let mut given = words.into_iter();
        let listen = self.listen(&mut given)?;
        let route = self.route(&listen, &mut given, targets_come_later)?;
        match given.next() {
            Some(word) => Err(format!(
                "unexpected argument '{word}': give one address to listen on and one target, and no \
                 target with an option that names it"
            )),
            None => Ok((listen, route)),
        }
    }

    fn listen(&mut self, given: &mut impl Iterator<Item = String>) -> Result<Listen, Misuse> {
        #[cfg(unix)]
        {
            if self.inetd {
                return Ok(Listen::Given);
            }
            if let Some(path) = self.unix_listen.take() {
                return Ok(Listen::Unix { path: absolute(path), mode: self.unix_listen_mode });
            }
        }
        #[cfg(not(unix))]
        if self.inetd || self.unix_listen.is_some() {
            return Err("--inetd and --unix-listen are for systems with Unix sockets: give a port to listen on".to_owned());
        }
        let Some(address) = given.next() else {
            return Err("too few arguments: give a port to listen on and a target, such as: wsferry 27016 localhost:5000".to_owned());
        };
        let address = address.parse::<ListenAddress>().map_err(|error| error.to_string())?;
        Ok(address.into())
    }

    fn route(
        &mut self,
        listen: &Listen,
        given: &mut impl Iterator<Item = String>,
        targets_come_later: bool,
    ) -> Result<DestinationSettings, Misuse> {
        let program = (!self.program.is_empty()).then(|| self.wrapped());
        let named = self.named_route()?;
        let word = if named.is_none() { given.next() } else { None };
        let route = match word {
            // A port alone is the one that the program binds.
            Some(port) if program.is_some() && is_number(&port) => Err(Some(port)),
            Some(target) => {
                let target = config::target(&target).map_err(|error| error.to_string())?;
                if program.is_some() && target.is_built_in() {
                    return Err(format!(
                        "{target} and -- PROGRAM both say where sessions lead: give one of them"
                    ));
                }
                Ok(DestinationSettings::Fixed(target))
            }
            None => named.ok_or(None),
        };
        match (program, route) {
            (None, Ok(route)) => Ok(route),
            (None, Err(_)) if targets_come_later => Ok(DestinationSettings::Listed(Vec::new())),
            (None, Err(_)) => Err("too few arguments: give a target, such as localhost:5000, or an option that names it".to_owned()),
            (Some(program), route) => {
                let reached = match route {
                    Ok(route) => Reached::At(Box::new(route)),
                    Err(port) => Reached::Moved(source_port(listen, port.as_deref())?),
                };
                Ok(DestinationSettings::Wrapped { program, reached })
            }
        }
    }

    /// Where sessions lead by an option.
    fn named_route(&mut self) -> Result<Option<DestinationSettings>, Misuse> {
        let place = if self.host_token { TokenPlace::Host } else { TokenPlace::Query };
        let (class, source) = match self.target_config.take() {
            Some(file) => (Some("TokenFile".to_owned()), Some(file)),
            None => (self.token_plugin.take(), self.token_source.take()),
        };
        let mut routes = Vec::new();
        if let Some(class) = class {
            let source = plugin::token(&class, source.as_deref())?;
            routes.push(("--token-plugin", DestinationSettings::Token { source, place }));
        }
        if let Some(path) = self.unix_target.take() {
            routes
                .push(("--unix-target", DestinationSettings::Fixed(Address::Unix(absolute(path)))));
        }
        if !self.allow_address.is_empty() {
            let targets = std::mem::take(&mut self.allow_address);
            routes.push(("--allow-address", DestinationSettings::Listed(targets)));
        }
        match (routes.pop(), routes.pop()) {
            (Some((one, _)), Some((other, _))) => {
                Err(format!("{other} and {one} both say where sessions lead: give one of them"))
            }
            (route, _) => Ok(route.map(|(_, route)| route)),
        }
    }

    fn wrapped(&mut self) -> wrap::Settings {
        let mut words = std::mem::take(&mut self.program).into_iter();
        let program = words.next().unwrap_or_default();
        let mode = match self.wrap_mode {
            TypedWrapMode::Exit => WrapMode::Exit,
            TypedWrapMode::Ignore => WrapMode::Ignore,
            TypedWrapMode::Respawn => WrapMode::Respawn,
        };
        wrap::Settings {
            program,
            arguments: words.collect(),
            environment: wrapping::environment(),
            shims: wrapping::shims(),
            mode,
            grace: config::WRAP_GRACE,
        }
    }

    /// TLS towards clients. In websockify's place a certificate that is not there means none.
    fn tls(
        &mut self,
        called: Called,
        notes: &mut Vec<String>,
    ) -> Result<Option<ServerSettings>, Misuse> {
        let usual = (called == Called::Websockify).then(|| PathBuf::from(USUAL_CERTIFICATE));
        let is_named = self.cert.is_some();
        let cert = self.cert.take().or(usual).map(absolute);
        let cert = match cert {
            Some(cert) if called == Called::Websockify && !cert.exists() => {
                if self.ssl_only {
                    return Err(format!(
                        "--ssl-only needs a certificate, and {cert:?} is not there: name one with --cert"
                    ));
                }
                if is_named {
                    notes.push(format!(
                        "there is no certificate {cert:?}: only connections without TLS are served"
                    ));
                }
                None
            }
            cert => cert,
        };
        let Some(cert) = cert else {
            let without = [
                (self.ssl_only, "--ssl-only"),
                (self.verify_client, "--verify-client"),
                (self.key.is_some() && called == Called::Wsferry, "--key"),
            ];
            return match without.iter().find(|(is_given, _)| *is_given) {
                Some((_, option)) => {
                    Err(format!("{option} needs a certificate: name one with --cert"))
                }
                None => Ok(None),
            };
        };
        let clients = match (self.verify_client, self.cafile.take()) {
            (false, _) => None,
            (true, None) => Some(ClientAuthority::System),
            (true, Some(file)) => Some(ClientAuthority::File(absolute(file))),
        };
        Ok(Some(ServerSettings {
            cert,
            key: self.key.take().map(absolute),
            key_password: self.key_password.take(),
            clients,
            versions: self.ssl_version,
            ciphers: self.ssl_ciphers.take().unwrap_or_default(),
        }))
    }

    fn target_tls(&mut self) -> Result<Option<ConnectorSettings>, Misuse> {
        Ok(self.ssl_target.then(|| ConnectorSettings {
            ca: self.ssl_target_cafile.take().map(absolute),
            verify: !self.ssl_target_insecure,
        }))
    }

    fn limits(&self, config: &mut Config) {
        config.dial = match self.dial {
            TypedDial::AfterAccept => Dial::AfterAccept,
            TypedDial::BeforeAccept => Dial::BeforeAccept,
        };
        config.header_timeout = self.header_timeout;
        config.drain_timeout = self.drain_timeout;
        config.max_connections = self.max_connections;
        config.max_handshakes = self.max_handshakes;
        config.file_min_rate = self.file_min_rate;
        config.session.connect_timeout = self.connect_timeout;
        let relay = &mut config.session.relay;
        relay.keep_alive = keep_alive(self.heartbeat);
        relay.accept_text = !self.refuse_text;
        relay.send = match self.send {
            Send::Binary => Kind::Binary,
            Send::Text => Kind::Text,
        };
        relay.max_message = self.max_message;
        relay.splice = !self.no_splice;
        relay.close_timeout = self.close_timeout;
        relay.linger = self.linger;
        relay.write_timeout = self.write_timeout;
    }

    fn syslog(&mut self, called: Called) -> Result<Option<Syslog>, Misuse> {
        let name = match called {
            Called::Wsferry => "wsferry",
            Called::Websockify => "websockify",
        };
        let server = self.syslog.take();
        server.map(|server| Syslog::parse(&server, self.legacy_syslog, name)).transpose()
    }
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

/// The port that a program binds: the one that is given, or else the gateway's own. Where that has
/// none, it is the first one that the program binds.
fn source_port(listen: &Listen, given: Option<&str>) -> Result<SourcePort, Misuse> {
    let port = match (given, listen) {
        (Some(port), _) => port.parse().ok(),
        (None, Listen::Tcp { port, .. }) => Some(*port),
        (None, _) => return Ok(SourcePort::First),
    };
    let port = port.and_then(NonZeroU16::new).ok_or(
        "-- PROGRAM needs the port that the program listens on: give one from 1 to 65535, in place \
         of 0",
    )?;
    Ok(SourcePort::Is(port))
}

/// websockify's 0 means no limit.
fn limit(seconds: Option<Duration>) -> Option<Duration> {
    seconds.filter(|seconds| !seconds.is_zero())
}

/// A daemon goes to another directory: paths are made whole before.
fn absolute(path: impl AsRef<Path>) -> PathBuf {
    std::path::absolute(path.as_ref()).unwrap_or_else(|_| path.as_ref().to_owned())
}
