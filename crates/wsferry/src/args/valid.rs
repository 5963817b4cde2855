//! What was typed → what the program uses: how many addresses are left to be given, and what each
//! option sets.

use std::num::{NonZeroU16, NonZeroU64};
use std::path::{Path, PathBuf};
use std::time::Duration;

use wsferry_gateway::address::Address;
use wsferry_gateway::config::{
    self, Config, Limits, ListenAddress, Listener, Route, Secret, Spelling, Surroundings,
};
use wsferry_gateway::route::Dial;
use wsferry_gateway::wrap::WrapMode;
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

/// The certificate that websockify takes when none is named.
const USUAL_CERTIFICATE: &str = "self.pem";

impl TypedOptions {
    /// What the program uses.
    pub(super) fn valid(mut self, called: Called) -> Result<Options, Misuse> {
        self.check_pairs()?;
        let mut notes = self.notes();
        let traffic = self.traffic.then(output::traffic);
        let expected = self.expected();
        let words = std::mem::take(&mut self.addresses);
        let mut config = Config {
            limits: self.limits(),
            listeners: vec![self.listener(called, &mut notes)?],
            routes: vec![self.route(called)],
        };
        let around = Surroundings {
            folder: std::env::current_dir().unwrap_or_default(),
            environment: wrapping::environment(),
            shims: wrapping::shims(),
        };
        config.check(Spelling::Options).map_err(|error| error.to_string())?;
        let settings = add(&words, expected, &mut config).and_then(|()| {
            config.settings(&around, Spelling::Options).map_err(|error| error.to_string())
        });
        let mut settings = settings
            .map_err(|misuse| hints::for_addresses(&words, expected, called).unwrap_or(misuse))?;
        for route in &mut settings.routes {
            for listener in &settings.listeners {
                own_port::check(&listener.listen, &route.destination)?;
            }
            notes.extend(notes::on_access(route));
            notes.extend(notes::shared_keys(&route.destination));
            route.traffic.clone_from(&traffic);
        }
        let log = Log {
            verbose: self.verbose,
            file: self.log_file.take().map(absolute),
            syslog: self.syslog(called)?,
            is_daemon: self.daemon,
            notes,
        };
        let process = Process { daemon: self.daemon, pid_file: self.pid_file.take().map(absolute) };
        Ok(Options { settings, log, process })
    }

    /// What the words without an option are to name.
    const fn expected(&self) -> Expected {
        let leads = self.token_plugin.is_some()
            || self.target_config.is_some()
            || self.unix_target.is_some()
            || !self.allow_address.is_empty()
            || !self.program.is_empty();
        let listens = self.inetd || self.unix_listen.is_some();
        Expected { listen: !listens, target: !leads }
    }

    fn limits(&self) -> Limits {
        Limits {
            heartbeat: on(self.heartbeat),
            connect_timeout: self.connect_timeout,
            header_timeout: self.header_timeout,
            max_head_size: self.max_head_size,
            close_timeout: self.close_timeout,
            linger: self.linger,
            write_timeout: on(self.write_timeout),
            drain_timeout: self.drain_timeout,
            max_connections: self.max_connections,
            max_handshakes: self.max_handshakes,
            auth_failures_per_source: NonZeroU16::new(self.auth_failures_per_source),
            file_min_rate: NonZeroU64::new(self.file_min_rate),
            run_once: self.run_once,
            timeout: self.timeout.and_then(on),
            idle_timeout: self.idle_timeout.and_then(on),
        }
    }

    fn listener(&mut self, called: Called, notes: &mut Vec<String>) -> Result<Listener, Misuse> {
        #[cfg(not(unix))]
        if self.inetd || self.unix_listen.is_some() {
            return Err("--inetd and --unix-listen are for systems with Unix sockets: give a port to listen on".to_owned());
        }
        let cert = self.certificate(called, notes)?;
        // websockify takes what it has no use for.
        let is_used = cert.is_some() || called == Called::Wsferry;
        let cafile = self.cafile.take().filter(|_| self.verify_client || is_wsferry(called));
        Ok(Listener {
            address: Vec::new(),
            unix_listen: self.unix_listen.take(),
            unix_listen_mode: self.unix_listen_mode,
            inetd: self.inetd,
            cert,
            key: self.key.take().filter(|_| is_used),
            key_password: self.key_password.take().map(Secret::from),
            ssl_only: self.ssl_only,
            verify_client: self.verify_client,
            cafile,
            ssl_version: self.ssl_version,
            ssl_ciphers: self.ssl_ciphers.take(),
            allow_host: std::mem::take(&mut self.allow_host),
            routes: None,
            upgrades_http_1_0: called == Called::Websockify,
        })
    }

    /// The certificate towards clients. In websockify's place one that is not there means none.
    fn certificate(
        &mut self,
        called: Called,
        notes: &mut Vec<String>,
    ) -> Result<Option<PathBuf>, Misuse> {
        let usual = (called == Called::Websockify).then(|| PathBuf::from(USUAL_CERTIFICATE));
        let is_named = self.cert.is_some();
        match self.cert.take().or(usual).map(absolute) {
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
                Ok(None)
            }
            cert => Ok(cert),
        }
    }

    fn route(&mut self, called: Called) -> Route {
        let (token_plugin, token_source) = match self.target_config.take() {
            Some(file) => (Some("TokenFile".to_owned()), Some(file)),
            None => (self.token_plugin.take(), self.token_source.take()),
        };
        Route {
            target: self.unix_target.take().map(Address::Unix),
            token_plugin,
            token_source: token_source.map(Secret::from),
            host_token: self.host_token,
            allow_address: std::mem::take(&mut self.allow_address),
            program: std::mem::take(&mut self.program),
            wrap_mode: match self.wrap_mode {
                TypedWrapMode::Exit => WrapMode::Exit,
                TypedWrapMode::Ignore => WrapMode::Ignore,
                TypedWrapMode::Respawn => WrapMode::Respawn,
            },
            ssl_target: self.ssl_target,
            ssl_target_cafile: self.ssl_target_cafile.take(),
            ssl_target_insecure: self.ssl_target_insecure,
            dial: match self.dial {
                TypedDial::AfterAccept => Dial::AfterAccept,
                TypedDial::BeforeAccept => Dial::BeforeAccept,
            },
            target_must_resolve: is_wsferry(called),
            auth_plugin: self.auth_plugin.take(),
            auth_source: self.auth_source.take().map(Secret::from),
            auth_header: std::mem::take(&mut self.auth_header),
            allow_origin: std::mem::take(&mut self.allow_origin),
            require_origin: self.require_origin,
            web: self.web.take(),
            web_auth: self.web_auth,
            web_listing: self.web_listing,
            header: std::mem::take(&mut self.header),
            cross_origin_isolated: self.cross_origin_isolated,
            send: match self.send {
                Send::Binary => Kind::Binary,
                Send::Text => Kind::Text,
            },
            refuse_text: self.refuse_text,
            max_message: self.max_message,
            subprotocol: std::mem::take(&mut self.subprotocol),
            no_splice: self.no_splice,
            record: self.record.take(),
            ..Route::default()
        }
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

/// Adds the addresses that options do not give: the one to listen on, then the target.
fn add(words: &[String], expected: Expected, config: &mut Config) -> Result<(), Misuse> {
    let mut words = words.iter();
    let (Some(listener), Some(route)) = (config.listeners.first_mut(), config.routes.first_mut())
    else {
        return Ok(());
    };
    if expected.listen {
        let Some(address) = words.next() else {
            return Err("too few arguments: give a port to listen on and a target, such as: wsferry 27016 localhost:5000".to_owned());
        };
        let address = address.parse::<ListenAddress>();
        listener.address.push(address.map_err(|error| error.to_string())?);
    }
    // A program has a target beside it where it is reached there.
    if expected.target || leads_by_program_alone(route) {
        match words.next() {
            // A port alone is the one that the program binds.
            Some(port) if !route.program.is_empty() && is_number(port) => {
                route.program_port = Some(port.parse().map_err(|_| {
                    format!("-- PROGRAM needs the port that the program listens on: give one from 1 to 65535, in place of {port}")
                })?);
            }
            Some(target) => {
                route.target = Some(config::target(target).map_err(|error| error.to_string())?);
            }
            None => {}
        }
    }
    match words.next() {
        Some(word) => Err(format!(
            "unexpected argument '{word}': give one address to listen on and one target, and no \
             target with an option that names it"
        )),
        None => Ok(()),
    }
}

/// Whether nothing but a program says where sessions lead.
fn leads_by_program_alone(route: &Route) -> bool {
    let is_led =
        route.target.is_some() || route.token_plugin.is_some() || !route.allow_address.is_empty();
    !route.program.is_empty() && !is_led
}

fn is_wsferry(called: Called) -> bool {
    called == Called::Wsferry
}

/// 0 turns a limit off.
fn on(limit: Duration) -> Option<Duration> {
    Some(limit).filter(|limit| !limit.is_zero())
}

/// A daemon goes to another directory: paths are made whole before.
fn absolute(path: impl AsRef<Path>) -> PathBuf {
    std::path::absolute(path.as_ref()).unwrap_or_else(|_| path.as_ref().to_owned())
}
