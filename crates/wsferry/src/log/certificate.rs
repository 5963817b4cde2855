//! Lines about certificates, authorities and other files that change.

use std::time::SystemTime;

use tracing::{info, warn};
use wsferry_gateway::events::CertificateEvent;

pub(super) fn write(event: &CertificateEvent<'_>) {
    match event {
        CertificateEvent::InUse { from, until } => in_use(*from, *until),
        CertificateEvent::Replaced => info!("new connections get the new certificate"),
        CertificateEvent::Kept { error } => {
            warn!(%error, "new connections still get the old certificate");
        }
        CertificateEvent::AuthoritiesReplaced => {
            info!("new connections to targets are checked with the new authorities");
        }
        CertificateEvent::AuthoritiesKept { error } => {
            warn!(%error, "new connections to targets are still checked with the old authorities");
        }
        CertificateEvent::LookIsSlow { what, seconds } => {
            warn!(seconds, "reading {what} takes too long: the old ones stay in use");
        }
    }
}

/// The dates of a certificate: told when they do not hold.
fn in_use(from: SystemTime, until: SystemTime) {
    let now = SystemTime::now();
    if until < now {
        let days = now.duration_since(until).unwrap_or_default().as_secs() / 86_400;
        warn!(days, "the certificate has expired: clients will refuse it; renew it");
    } else if now < from {
        warn!("the certificate is not valid yet: clients will refuse it; check the clock");
    }
}
