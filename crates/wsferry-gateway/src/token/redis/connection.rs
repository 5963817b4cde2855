//! A connection to one Redis server or to a cluster.

use redis::RedisResult;
use redis::aio::MultiplexedConnection;
use redis::cluster_async::ClusterConnection;

/// The maximum number of bytes of a value.
pub(super) const LONGEST_VALUE: usize = 4096;

/// An established connection, which look-ups share.
pub(super) enum Connection {
    /// To one server: the only one, or the master that the sentinels named.
    Single(MultiplexedConnection),
    /// To a cluster.
    Cluster(ClusterConnection),
}

impl Connection {
    /// What Redis has under the key, up to one byte more than a value may have: a client chooses the
    /// key, and what another program keeps there may have any size. Nothing where there is no key.
    pub(super) async fn value(&self, key: &str) -> RedisResult<Vec<u8>> {
        let mut get = redis::cmd("GETRANGE");
        get.arg(key).arg(0).arg(LONGEST_VALUE);
        match self {
            Self::Single(connection) => get.query_async(&mut connection.clone()).await,
            Self::Cluster(connection) => get.query_async(&mut connection.clone()).await,
        }
    }
}
