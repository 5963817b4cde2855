//! The gateway's resolver, as the Redis library wants it. (The library asks its own for the names of
//! sentinels, one at a time.)

use std::io;
use std::net::SocketAddr;

use redis::RedisFuture;
use redis::io::AsyncDNSResolver;

use crate::net::Resolver;

/// Looks up the host names of Redis servers.
#[derive(Clone)]
pub(super) struct Names(Resolver);

impl Names {
    pub(super) const fn new(resolver: Resolver) -> Self {
        Self(resolver)
    }
}

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
