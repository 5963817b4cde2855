//! What connects to Redis: one server, a cluster, or the master that sentinels name.

use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisResult,
    TlsCertificates, TlsMode,
};

use super::RedisSourceError;
use super::connection::Connection;
use super::names::Names;
use super::settings::{Place, Settings};
use crate::sys::read_file;
use crate::timeouts;

/// The maximum number of bytes of a file with authorities.
const LONGEST_CA_FILE: u64 = 16 << 20;

/// A host and a port.
type Node = (String, u16);

/// One client of the Redis library for each kind of place.
pub(super) enum Client {
    Server(Box<redis::Client>),
    Cluster(Box<ClusterClient>),
    Sentinel(Box<SentinelClient>),
}

/// Who logs in, and how the server is known.
struct Access {
    db: i64,
    user: Option<String>,
    password: Option<String>,
    /// `None`: without TLS.
    tls: Option<TlsCertificates>,
}

impl Client {
    /// Prepares the client; nothing is connected yet.
    ///
    /// # Errors
    /// The CA file cannot be read, or the library does not take the settings.
    pub(super) fn new(settings: Settings, names: &Names) -> Result<Self, RedisSourceError> {
        let root_cert = match settings.ca_file {
            Some(path) => Some(
                read_file(&path, LONGEST_CA_FILE)
                    .map_err(|error| RedisSourceError::CaFile { path, error })?,
            ),
            None => None,
        };
        let access = Access {
            db: settings.db,
            user: settings.user,
            password: settings.password,
            tls: settings.is_tls.then_some(TlsCertificates { client_tls: None, root_cert }),
        };
        let client = match settings.place {
            Place::Socket(path) => socket(ConnectionAddr::Unix(path), &access),
            Place::Server(node) => server(node, access),
            Place::Cluster(nodes) => cluster(nodes, access, names),
            Place::Sentinel { nodes, master } => sentinel(nodes, master, access),
        };
        client.map_err(RedisSourceError::Client)
    }

    /// Connects. The caller limits the time.
    pub(super) async fn connect(&mut self, names: &Names) -> RedisResult<Connection> {
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

impl Access {
    fn address(&self, (host, port): Node) -> ConnectionAddr {
        match self.tls {
            Some(_) => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
            None => ConnectionAddr::Tcp(host, port),
        }
    }

    fn login(&self) -> RedisConnectionInfo {
        let mut login = RedisConnectionInfo::default().set_db(self.db);
        if let Some(user) = &self.user {
            login = login.set_username(user);
        }
        if let Some(password) = &self.password {
            login = login.set_password(password);
        }
        login
    }
}

fn socket(address: ConnectionAddr, access: &Access) -> RedisResult<Client> {
    let info = address.into_connection_info()?.set_redis_settings(access.login());
    Ok(Client::Server(Box::new(redis::Client::open(info)?)))
}

fn server(node: Node, access: Access) -> RedisResult<Client> {
    let info = access.address(node).into_connection_info()?.set_redis_settings(access.login());
    Ok(Client::Server(Box::new(match access.tls {
        Some(certificates) => redis::Client::build_with_tls(info, certificates)?,
        None => redis::Client::open(info)?,
    })))
}

fn cluster(nodes: Vec<Node>, access: Access, names: &Names) -> RedisResult<Client> {
    let nodes = nodes.into_iter().map(|node| access.address(node));
    let mut builder = ClusterClientBuilder::new(nodes)
        .async_dns_resolver(names.clone())
        .connection_timeout(timeouts::REDIS_CONNECTION)
        .response_timeout(timeouts::REDIS_LOOK_UP)
        .retries(1);
    if let Some(user) = access.user {
        builder = builder.username(user);
    }
    if let Some(password) = access.password {
        builder = builder.password(password);
    }
    if let Some(certificates) = access.tls {
        builder = builder.tls(TlsMode::Secure).certs(certificates);
    }
    Ok(Client::Cluster(Box::new(builder.build()?)))
}

fn sentinel(nodes: Vec<Node>, master: String, access: Access) -> RedisResult<Client> {
    let nodes = nodes.into_iter().map(|node| access.address(node));
    let mut builder = SentinelClientBuilder::new(nodes, master, SentinelServerType::Master)?
        .set_client_to_redis_db(access.db);
    if let Some(user) = access.user {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = access.password {
        builder = builder.set_client_to_redis_password(password);
    }
    if let Some(certificates) = access.tls {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_certificates(certificates);
    }
    Ok(Client::Sentinel(Box::new(builder.build()?)))
}
