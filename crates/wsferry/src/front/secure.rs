//! TLS or not: told apart by the first byte, so that both are served on one port.

use std::io;

use http::StatusCode;
use tokio::time::timeout;

use super::Front;
use super::connection::{FAREWELL, refuse};
use crate::client::ClientAddress;
use crate::net::tls::{Reload, common_names};
use crate::net::{Farewell, Stream, farewell};
use crate::observe;

/// A connection that may speak HTTP now.
pub(super) struct Secured {
    pub(super) stream: Stream,
    /// The common names of the client's certificate.
    pub(super) common_names: Vec<String>,
}

/// Makes the connection what it is to be: TLS when its first byte says so. `None`: it has ended.
pub(super) async fn secure(
    stream: Stream,
    client: ClientAddress,
    front: &Front,
) -> Option<Secured> {
    if front.tls.is_none() {
        return Some(Secured { stream, common_names: Vec::new() });
    }
    match timeout(front.header_timeout, handshake(stream, client, front)).await {
        Ok(Ok(secured)) => secured,
        Ok(Err(error)) => {
            observe::tls_failed(client, &error);
            None
        }
        Err(_) => {
            observe::tls_failed(client, &"it took too long");
            None
        }
    }
}

async fn handshake(
    mut stream: Stream,
    client: ClientAddress,
    front: &Front,
) -> io::Result<Option<Secured>> {
    let Some(tls) = front.tls.as_ref() else { return Ok(None) };
    if !stream.begins_with_tls().await? {
        if front.tls_only {
            let reason = "this port speaks TLS only: use https:// or wss://";
            refuse(&mut stream, client, StatusCode::BAD_REQUEST, reason, "").await;
            farewell(stream, Farewell::Polite, FAREWELL).await;
            return Ok(None);
        }
        return Ok(Some(Secured { stream, common_names: Vec::new() }));
    }
    let (config, reload) = tls.current();
    match reload {
        Some(Reload::Replaced) => {
            observe::certificate_replaced();
            observe::certificate_in_use(tls.validity().from, tls.validity().until);
        }
        Some(Reload::Failed(error)) => observe::certificate_kept(&error),
        None => {}
    }
    let stream = stream.accept_tls(config).await?;
    let common_names = stream.certificate().map(common_names).unwrap_or_default();
    Ok(Some(Secured { stream, common_names }))
}
