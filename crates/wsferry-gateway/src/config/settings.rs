//! A configuration → what the rooms go by.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use http::{HeaderMap, HeaderName, HeaderValue};
use wsferry_proto::KeepAlive;

use super::error::{ConfigError, Spelling};
use super::{Config, Limits, Listener, Route, Secret, default, plugin};
use crate::address::Address;
use crate::auth::PluginSettings;
use crate::auth::http::Settings as HttpSettings;
use crate::door::HeadRules;
use crate::gateway::{self, Listen, ListenerSettings, Settings};
use crate::net::Resolver;
use crate::route::{DestinationSettings, Matches, RouteSettings};
use crate::tls::{ClientAuthority, ConnectorSettings, Password, ServerSettings};
use crate::web::Files;
use crate::{auth, relay, session};

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_EMBEDDER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-embedder-policy");

/// What settings mean something only together with.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Paths are relative to it.
    pub folder: PathBuf,
    /// What a wrapped program finds in its environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Where the shim of wrapped programs may be, the best place first.
    pub shims: Vec<PathBuf>,
}

impl Surroundings {
    /// A path, whole: a daemon goes to another directory.
    pub(super) fn whole(&self, path: &Path) -> PathBuf {
        let path = self.folder.join(path);
        std::path::absolute(&path).unwrap_or(path)
    }

    pub(super) fn whole_address(&self, target: &Address) -> Address {
        match target {
            Address::Unix(path) => Address::Unix(self.whole(path)),
            other => other.clone(),
        }
    }
}

/// One listener that leads to one target, all else as it is by default.
pub fn plain(listen: impl Into<Listen>, target: impl Into<DestinationSettings>) -> Settings {
    let around = Surroundings::default();
    let limits = Limits::default();
    let listener = Listener::default().on(listen.into(), &limits, &around);
    let route = Route::default().leading(target.into(), None, 0, &limits, &around);
    Settings {
        listeners: vec![listener],
        routes: vec![route],
        limits: limits.settings(),
        resolver: Resolver::default(),
    }
}

impl Config {
    /// Checks what belongs together, as far as that needs no plug-in and no address.
    ///
    /// # Errors
    /// One sentence: what needs, or excludes, what else.
    pub fn check(&self, spelling: Spelling) -> Result<(), ConfigError> {
        self.routes.iter().try_for_each(|route| route.check(spelling))?;
        self.listeners.iter().try_for_each(|listener| listener.check(spelling))
    }

    /// What a gateway goes by.
    ///
    /// # Errors
    /// One sentence: what does not belong together, or what a plug-in cannot use.
    pub fn settings(
        &self,
        around: &Surroundings,
        spelling: Spelling,
    ) -> Result<Settings, ConfigError> {
        self.check(spelling)?;
        let mut listeners = Vec::new();
        for listener in &self.listeners {
            let places = listener.places(around).into_iter();
            listeners.extend(places.map(|listen| listener.on(listen, &self.limits, around)));
        }
        let first = listeners.first().map(|listener| &listener.listen);
        let routes = self.routes.iter().enumerate();
        let routes = routes
            .map(|(number, route)| route.settings(number, &self.limits, first, around, spelling));
        let routes = routes.collect::<Result<_, _>>()?;
        let limits = self.limits.settings();
        Ok(Settings { listeners, routes, limits, resolver: Resolver::default() })
    }
}

impl Limits {
    const fn settings(&self) -> gateway::Limits {
        gateway::Limits {
            header_timeout: self.header_timeout,
            write_timeout: self.write_timeout,
            file_min_rate: self.file_min_rate,
            failures_per_source: self.auth_failures_per_source,
            drain_timeout: self.drain_timeout,
            max_connections: self.max_connections,
            max_handshakes: self.max_handshakes,
            run_once: self.run_once,
            timeout: self.timeout,
            idle_timeout: self.idle_timeout,
        }
    }
}

impl Listener {
    /// What holds for one of its addresses.
    fn on(&self, listen: Listen, limits: &Limits, around: &Surroundings) -> ListenerSettings {
        ListenerSettings {
            listen,
            tls: self.tls(around),
            // Without TLS there is no certificate: a plain connection would be a way around the
            // check.
            tls_only: self.ssl_only || self.verify_client,
            allow_host: self.allow_host.clone(),
            heads: HeadRules {
                max_size: limits.max_head_size,
                upgrades_http_1_0: self.upgrades_http_1_0,
            },
            routes: self.routes.clone(),
        }
    }

    fn tls(&self, around: &Surroundings) -> Option<ServerSettings> {
        let clients = match (self.verify_client, &self.cafile) {
            (false, _) => None,
            (true, None) => Some(ClientAuthority::System),
            (true, Some(file)) => Some(ClientAuthority::File(around.whole(file))),
        };
        self.cert.as_ref().map(|cert| ServerSettings {
            cert: around.whole(cert),
            key: self.key.as_ref().map(|key| around.whole(key)),
            key_password: self.key_password.as_ref().map(|it| Password::from(it.reveal())),
            clients,
            versions: self.ssl_version,
            ciphers: self.ssl_ciphers.clone().unwrap_or_default(),
        })
    }

    fn places(&self, around: &Surroundings) -> Vec<Listen> {
        let mut places: Vec<_> = self.address.iter().cloned().map(Listen::from).collect();
        #[cfg(unix)]
        {
            if let Some(path) = &self.unix_listen {
                places.push(Listen::Unix { path: around.whole(path), mode: self.unix_listen_mode });
            }
            if self.inetd {
                places.push(Listen::Given);
            }
        }
        places
    }
}

impl Route {
    fn settings(
        &self,
        number: usize,
        limits: &Limits,
        listen: Option<&Listen>,
        around: &Surroundings,
        spelling: Spelling,
    ) -> Result<RouteSettings, ConfigError> {
        let plugin = self.auth_plugin(spelling)?;
        let destination = self.destination(listen, plugin.as_ref(), around, spelling)?;
        Ok(self.leading(destination, plugin, number, limits, around))
    }

    fn leading(
        &self,
        destination: DestinationSettings,
        auth_plugin: Option<PluginSettings>,
        number: usize,
        limits: &Limits,
        around: &Surroundings,
    ) -> RouteSettings {
        let files = if self.web_listing { Files::Listed } else { Files::Directory };
        let target_tls = self.ssl_target.then(|| ConnectorSettings {
            ca: self.ssl_target_cafile.as_ref().map(|file| around.whole(file)),
            verify: !self.ssl_target_insecure,
        });
        let nameless = || match number {
            0 => "default".to_owned(),
            number => format!("route-{}", number + 1),
        };
        RouteSettings {
            name: self.name.clone().unwrap_or_else(nameless),
            matches: Matches {
                hosts: self.host.clone(),
                path: self.path.clone().unwrap_or_default(),
            },
            destination,
            target_tls,
            target_must_resolve: self.target_must_resolve,
            auth: auth::Settings {
                allow_origin: self.allow_origin.clone(),
                require_origin: self.require_origin,
            },
            auth_plugin,
            web: self.web.as_ref().map(|folder| files(around.whole(folder))),
            web_auth: self.web_auth,
            headers: self.headers(),
            subprotocols: self.subprotocol.clone(),
            dial: self.dial,
            session: self.session(limits),
            record: self.record.as_ref().map(|path| around.whole(path)),
            traffic: None,
        }
    }

    fn session(&self, limits: &Limits) -> session::Settings {
        let keep_alive = |interval| KeepAlive { interval, timeout: default::PONG_TIMEOUT };
        let relay = relay::Settings {
            keep_alive: limits.heartbeat.map(keep_alive),
            accept_text: !self.refuse_text,
            send: self.send,
            max_message: self.max_message,
            splice: !self.no_splice,
            close_timeout: limits.close_timeout,
            linger: limits.linger,
            write_timeout: limits.write_timeout,
        };
        session::Settings { relay, connect_timeout: limits.connect_timeout }
    }

    fn auth_plugin(&self, spelling: Spelling) -> Result<Option<PluginSettings>, ConfigError> {
        let source = self.auth_source.as_ref().map(Secret::reveal);
        let plugin = self.auth_plugin.as_ref();
        let plugin = plugin.map(|class| plugin::auth(class, source, spelling)).transpose()?;
        match plugin {
            Some(PluginSettings::Http(settings)) => {
                let fields = self.auth_header.clone();
                Ok(Some(PluginSettings::Http(HttpSettings { fields, ..settings })))
            }
            _ if !self.auth_header.is_empty() => Err(ConfigError(format!(
                "{} has no effect without {} HttpAuth: give both, or neither",
                spelling.of("auth-header"),
                spelling.of("auth-plugin"),
            ))),
            plugin => Ok(plugin),
        }
    }

    /// The fields of `header`, and those that make a page isolated from other origins.
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if self.cross_origin_isolated {
            let isolated = [
                (CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin")),
                (CROSS_ORIGIN_EMBEDDER_POLICY, HeaderValue::from_static("require-corp")),
            ];
            let given = |name: &HeaderName| self.header.iter().any(|(given, _)| given == name);
            headers.extend(isolated.into_iter().filter(|(name, _)| !given(name)));
        }
        for (name, value) in &self.header {
            headers.append(name, value.clone());
        }
        headers
    }
}
