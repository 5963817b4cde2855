//! What happens before a session: refusals, files, TLS.

use std::fmt::Display;
use std::time::SystemTime;

use http::header::ORIGIN;
use http::{HeaderMap, StatusCode};
use tracing::{debug, info, warn};

use crate::client::ClientAddress;

/// A request was refused before a session began. `remedy` names the flag that would allow it.
pub fn refused(client: ClientAddress, status: StatusCode, reason: &str, remedy: &str) {
    let status = status.as_u16();
    if remedy.is_empty() {
        info!(%client, status, reason, "refused");
    } else {
        warn!(%client, status, reason, "refused; to allow it: {}", escaped(remedy));
    }
}

/// A remedy on one line. Its quotes stay, so that it can be copied to a shell.
fn escaped(remedy: &str) -> String {
    let mut line = String::new();
    for sign in remedy.chars() {
        match sign {
            '\'' => line.push(sign),
            _ => line.extend(sign.escape_debug()),
        }
    }
    line
}

/// The same of a request that was read: its Origin is told too.
pub fn request_refused(
    client: ClientAddress,
    headers: &HeaderMap,
    status: StatusCode,
    reason: &str,
    remedy: &str,
) {
    let Some(origin) = headers.get(ORIGIN) else { return refused(client, status, reason, remedy) };
    let origin = String::from_utf8_lossy(origin.as_bytes());
    // A page's origin is shorter; what is not a page's may be as long as a head.
    let origin: String = origin.chars().take(300).collect();
    // In quotes, where it could be taken for more than one field.
    let is_plain = origin.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\'));
    let origin = if is_plain { origin } else { format!("{origin:?}") };
    let status = status.as_u16();
    if remedy.is_empty() {
        info!(%client, status, reason, %origin, "refused");
    } else {
        let remedy = escaped(remedy);
        warn!(%client, status, reason, %origin, "refused; to allow it: {remedy}");
    }
}

/// A directory was asked for that has no index.html: said once.
pub fn not_listed() {
    static SAID: std::sync::Once = std::sync::Once::new();
    SAID.call_once(|| info!("directories are not listed; to list them: --web-listing"));
}

/// The file system does not answer where static files are.
pub fn files_stuck(why: &dyn Display) {
    warn!(%why, "static files cannot be read");
}

/// A client's TLS handshake was no good.
pub fn tls_failed(client: ClientAddress, why: &dyn Display) {
    info!(%client, why = %why.to_string().escape_debug(), "no TLS connection");
}

/// The dates of the certificate that new connections get: said when they do not hold.
pub fn certificate_in_use(from: SystemTime, until: SystemTime) {
    let now = SystemTime::now();
    if until < now {
        let days = now.duration_since(until).unwrap_or_default().as_secs() / 86_400;
        warn!(days, "the certificate has expired: clients will refuse it; renew it");
    } else if now < from {
        warn!("the certificate is not valid yet: clients will refuse it; check the clock");
    }
}

/// The certificate's files have changed, and are good.
pub fn certificate_replaced() {
    info!("new connections get the new certificate");
}

/// The certificate's files have changed, and are not good.
pub fn certificate_kept(error: &dyn Display) {
    warn!(%error, "new connections still get the old certificate");
}

/// The file of those that vouch for targets has changed, and is good.
pub fn authorities_replaced() {
    info!("new connections to targets are checked with the new authorities");
}

/// The file of those that vouch for targets has changed, and is not good.
pub fn authorities_kept(error: &dyn Display) {
    warn!(%error, "new connections to targets are still checked with the old authorities");
}

/// A look at files takes too long; it goes on, and what there was stays meanwhile.
pub fn look_is_slow(what: &str, seconds: u64) {
    warn!(seconds, "reading {what} takes too long: the old ones stay in use");
}

/// A request for a file was answered.
pub fn served(client: ClientAddress, status: StatusCode, path: &str) {
    debug!(%client, status = status.as_u16(), path = %path.escape_debug(), "served");
}
