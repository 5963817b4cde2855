//! A gateway that runs beside the test.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::config::Config;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wsferry_gateway::address::Address;
use wsferry_gateway::auth::PluginSettings;
use wsferry_gateway::config::{ListenAddress, Spelling, plugin};
use wsferry_gateway::error::StartError;
use wsferry_gateway::gateway::Gateway;
use wsferry_gateway::token;
use wsferry_gateway::wrap::Ended;
use wsferry_testkit::patience::soon;
use wsferry_testkit::raw::{Answer, Client, Raw};

/// What `wsferry --heartbeat 0 127.0.0.1:0 TARGET` runs with: no timer wakes a session that an event
/// should have woken.
pub(crate) fn config(target: impl Display) -> Config {
    let listen = "127.0.0.1:0".parse::<ListenAddress>().unwrap();
    let mut config = Config::plain(listen, target.to_string().parse::<Address>().unwrap());
    config.session.relay.keep_alive = None;
    config
}

/// The same with something changed.
pub(crate) fn config_with(target: impl Display, change: impl FnOnce(&mut Config)) -> Config {
    let mut config = config(target);
    change(&mut config);
    config
}

/// A plug-in that decides who may connect.
pub(crate) fn auth_plugin(class: &str, source: Option<&str>) -> Result<PluginSettings, String> {
    plugin::auth(class, source, Spelling::Options).map_err(|error| error.to_string())
}

/// A plug-in that knows tokens.
pub(crate) fn token_plugin(class: &str, source: Option<&str>) -> Result<token::Settings, String> {
    plugin::token(class, source, Path::new("/"), Spelling::Options)
        .map_err(|error| error.to_string())
}

/// A gateway that runs; it is stopped at the latest when this is dropped.
pub(crate) struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    ended: JoinHandle<Result<Ended, StartError>>,
}

impl Running {
    pub(crate) async fn start(config: Config) -> Self {
        Self::of(Gateway::bind(config).await.unwrap())
    }

    /// One that was bound by the test.
    pub(crate) fn of(gateway: Gateway) -> Self {
        let address = gateway.addresses()[0];
        let stop = gateway.stop_token();
        Self { address, stop, ended: tokio::spawn(gateway.run()) }
    }

    /// One that leads to `target`, without any flag.
    pub(crate) async fn to(target: impl Display) -> Self {
        Self::start(config(target)).await
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn raw(&self) -> Raw {
        Raw::connect(self.address).await
    }

    pub(crate) async fn client(&self) -> Client {
        Client::open(self.address).await
    }

    /// The first answer to a request.
    pub(crate) async fn ask(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut raw = self.raw().await;
        raw.send(request).await;
        raw.answer().await
    }

    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until `run` has returned.
    pub(crate) async fn ended(&mut self) {
        soon(&mut self.ended).await.unwrap().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Time that passes as events: connections that say nothing and are closed for it.
pub(crate) struct Clock(Running);

impl Clock {
    pub(crate) async fn start(tick: Duration) -> Self {
        Self(Running::start(config_with("echo:", |config| config.header_timeout = tick)).await)
    }

    pub(crate) async fn tick(&self) {
        self.0.raw().await.end().await;
    }
}
