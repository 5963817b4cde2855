//! The one connection to Redis that all look-ups share, and how it is made again.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::io::AsyncDNSResolver;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisConnectionInfo,
    RedisError, RedisFuture, RedisResult, TlsCertificates, TlsMode,
};
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::RedisSourceError;
use super::settings::{Place, Settings};
use crate::net::Resolver;
use crate::sys::read_file;

/// Connecting leaves time for the answer within the deadline of a look-up.
const CONNECT: Duration = Duration::from_millis(700);
/// The wait after the first failure to connect; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait: as late is a Redis noticed that is back.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The maximum number of bytes of a file with authorities.
const LONGEST_CA_FILE: u64 = 16 << 20;
/// The maximum number of bytes of a value.
const LONGEST_VALUE: usize = 4096;

/// Why Redis gave no value. No key and no password is in it.
#[derive(Debug, Error)]
pub(super) enum LinkError {
    /// No answer in time.
    #[error("Redis gives no answer")]
    Slow,
    /// It was down a moment ago.
    #[error("Redis was not reached a moment ago; the next try is {0} ms away")]
    Waiting(u128),
    /// What the library says.
    #[error("Redis: {0}")]
    Failed(String),
    /// The key holds something else than text.
    #[error("the value of the key is a list, a hash or the like")]
    NoText,
    /// The key holds more than a target.
    #[error("the value of the key has more than {LONGEST_VALUE} bytes")]
    Long,
}

/// The way to a value.
pub(super) struct Link {
    state: Mutex<State>,
    /// The connection gave no answer in time: the next look-up makes another.
    is_stale: AtomicBool,
}

struct State {
    client: Client,
    names: Names,
    connection: Option<Arc<Connection>>,
    failures: u32,
    not_before: Instant,
}

/// The gateway's resolver, as the library wants it. (It asks its own for the names of sentinels, one
/// at a time.)
#[derive(Clone)]
struct Names(Resolver);

impl AsyncDNSResolver for Names {
    fn resolve<'a, 'b: 'a>(
        &'a self,
        host: &'b str,
        port: u16,
    ) -> RedisFuture<'a, Box<dyn Iterator<Item = SocketAddr> + Send + 'a>> {
        Box::pin(async move {
            let found = self.0.addresses(host, port).await.map_err(io::Error::other)?;
            Ok(Box::new(found.into_iter()) as Box<dyn Iterator<Item = SocketAddr> + Send + 'a>)
        })
    }
}

enum Client {
    Server(Box<redis::Client>),
    Cluster(Box<ClusterClient>),
    Sentinel(Box<SentinelClient>),
}

enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    pub(super) fn new(settings: Settings, resolver: Resolver) -> Result<Self, RedisSourceError> {
        let state = State {
            client: Client::new(settings, &resolver)?,
            names: Names(resolver),
            connection: None,
            failures: 0,
            not_before: Instant::now(),
        };
        Ok(Self { state: Mutex::new(state), is_stale: AtomicBool::new(false) })
    }

    /// The value of a key. A connection that turns out to be dead (Redis was restarted) is replaced
    /// at once.
    pub(super) async fn value(&self, key: &str) -> Result<Vec<u8>, LinkError> {
        let mut dead = None;
        loop {
            let (connection, is_new) = self.connection(dead).await?;
            match connection.value(key).await {
                Ok(value) if value.len() > LONGEST_VALUE => return Err(LinkError::Long),
                Ok(value) => return Ok(value),
                Err(error) if is_answer(&error) => return Err(describe(&error)),
                Err(error) if is_new => {
                    self.state.lock().await.drop_connection(&connection, true);
                    return Err(describe(&error));
                }
                Err(_) => dead = Some(connection),
            }
        }
    }

    /// What was asked for did not come within the deadline.
    pub(super) fn gave_no_answer(&self) {
        self.is_stale.store(true, Ordering::Relaxed);
    }

    /// The shared connection, unless it is the dead one, and whether it was made just now. One
    /// look-up connects, the others wait for it.
    async fn connection(
        &self,
        dead: Option<Arc<Connection>>,
    ) -> Result<(Arc<Connection>, bool), LinkError> {
        let mut state = self.state.lock().await;
        if let Some(dead) = dead {
            state.drop_connection(&dead, false);
        }
        if self.is_stale.swap(false, Ordering::Relaxed)
            && let Some(stale) = state.connection.clone()
        {
            state.drop_connection(&stale, false);
        }
        if let Some(connection) = &state.connection {
            return Ok((Arc::clone(connection), false));
        }
        let wait = state.not_before.saturating_duration_since(Instant::now());
        if !wait.is_zero() {
            return Err(LinkError::Waiting(wait.as_millis()));
        }
        let connected = timeout(CONNECT, state.connect()).await;
        let connected = match connected {
            Ok(connected) => connected.map_err(|error| describe(&error)),
            Err(_) => Err(LinkError::Slow),
        };
        match connected {
            Ok(connection) => {
                let connection = Arc::new(connection);
                state.connection = Some(Arc::clone(&connection));
                state.failures = 0;
                Ok((connection, true))
            }
            Err(error) => {
                state.back_off();
                Err(error)
            }
        }
    }
}

impl State {
    async fn connect(&mut self) -> RedisResult<Connection> {
        self.client.connect(&self.names).await
    }

    /// Forgets a connection, if it is still the shared one.
    fn drop_connection(&mut self, dead: &Arc<Connection>, is_failure: bool) {
        if self.connection.as_ref().is_some_and(|shared| Arc::ptr_eq(shared, dead)) {
            self.connection = None;
            if is_failure {
                self.back_off();
            }
        }
    }

    fn back_off(&mut self) {
        let wait = FIRST_WAIT.saturating_mul(1 << self.failures.min(5));
        self.failures = self.failures.saturating_add(1);
        self.not_before = Instant::now() + wait.min(LONGEST_WAIT);
    }
}

/// Whether Redis itself refused: the connection is as good as before.
fn is_answer(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

/// The library's sentence, but only the code of what Redis answered: the rest may repeat the key.
fn describe(error: &RedisError) -> LinkError {
    if error.code() == Some("WRONGTYPE") || error.kind() == ErrorKind::UnexpectedReturnType {
        return LinkError::NoText;
    }
    LinkError::Failed(match error.code() {
        Some(code) => format!("it answers {code}"),
        None => error.to_string(),
    })
}

impl Connection {
    /// What Redis has under the key, up to one byte more than a value may have: a client chooses the
    /// key, and what another program keeps there may have any size. Nothing where there is no key.
    async fn value(&self, key: &str) -> RedisResult<Vec<u8>> {
        let mut get = redis::cmd("GETRANGE");
        get.arg(key).arg(0).arg(LONGEST_VALUE);
        match self {
            Self::Single(connection) => get.query_async(&mut connection.clone()).await,
            Self::Cluster(connection) => get.query_async(&mut connection.clone()).await,
        }
    }
}

impl Client {
    fn new(settings: Settings, resolver: &Resolver) -> Result<Self, RedisSourceError> {
        let root = match &settings.ca_file {
            Some(path) => Some(
                read_file(path, LONGEST_CA_FILE)
                    .map_err(|error| RedisSourceError::CaFile { path: path.clone(), error })?,
            ),
            None => None,
        };
        let certificates = TlsCertificates { client_tls: None, root_cert: root };
        Self::build(settings, certificates, resolver).map_err(RedisSourceError::Client)
    }

    fn build(
        settings: Settings,
        certificates: TlsCertificates,
        resolver: &Resolver,
    ) -> RedisResult<Self> {
        let mut login = RedisConnectionInfo::default().set_db(settings.db);
        if let Some(user) = &settings.user {
            login = login.set_username(user);
        }
        if let Some(password) = &settings.password {
            login = login.set_password(password);
        }
        let tcp = |(host, port): (String, u16)| ConnectionAddr::Tcp(host, port);
        let tls = |(host, port): (String, u16)| ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        };
        let address = |node| if settings.is_tls { tls(node) } else { tcp(node) };
        Ok(match settings.place {
            Place::Socket(path) => {
                let info = ConnectionAddr::Unix(path).into_connection_info()?;
                Self::Server(Box::new(redis::Client::open(info.set_redis_settings(login))?))
            }
            Place::Server(node) => {
                let info = address(node).into_connection_info()?.set_redis_settings(login);
                Self::Server(Box::new(if settings.is_tls {
                    redis::Client::build_with_tls(info, certificates)?
                } else {
                    redis::Client::open(info)?
                }))
            }
            Place::Cluster(nodes) => {
                let nodes = nodes.into_iter().map(address);
                let mut builder = ClusterClientBuilder::new(nodes)
                    .async_dns_resolver(Names(resolver.clone()))
                    .connection_timeout(CONNECT)
                    .response_timeout(super::DEADLINE)
                    .retries(1);
                if let Some(user) = settings.user {
                    builder = builder.username(user);
                }
                if let Some(password) = settings.password {
                    builder = builder.password(password);
                }
                if settings.is_tls {
                    builder = builder.tls(TlsMode::Secure).certs(certificates);
                }
                Self::Cluster(Box::new(builder.build()?))
            }
            Place::Sentinel { nodes, master } => {
                let nodes = nodes.into_iter().map(address);
                let mut builder =
                    SentinelClientBuilder::new(nodes, master, SentinelServerType::Master)?
                        .set_client_to_redis_db(settings.db);
                if let Some(user) = settings.user {
                    builder = builder.set_client_to_redis_username(user);
                }
                if let Some(password) = settings.password {
                    builder = builder.set_client_to_redis_password(password);
                }
                if settings.is_tls {
                    builder = builder
                        .set_client_to_redis_tls_mode(TlsMode::Secure)
                        .set_client_to_redis_certificates(certificates.clone())
                        .set_client_to_sentinel_tls_mode(TlsMode::Secure)
                        .set_client_to_sentinel_certificates(certificates);
                }
                Self::Sentinel(Box::new(builder.build()?))
            }
        })
    }

    async fn connect(&mut self, names: &Names) -> RedisResult<Connection> {
        // The deadlines are those of the look-up.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_dns_resolver(names.clone());
        Ok(match self {
            Self::Server(client) => Connection::Single(
                client.get_multiplexed_async_connection_with_config(&config).await?,
            ),
            Self::Cluster(client) => Connection::Cluster(client.get_async_connection().await?),
            Self::Sentinel(client) => {
                Connection::Single(client.get_async_connection_with_config(&config).await?)
            }
        })
    }
}
