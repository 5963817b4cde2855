//! Lines about the gateway as a whole.

use tracing::{info, warn};
use wsferry_gateway::events::GatewayEvent;

pub(super) fn write(event: &GatewayEvent<'_>) {
    match event {
        GatewayEvent::AcceptFailed { error } => {
            warn!(%error, "cannot accept a connection; trying again in a moment");
        }
        GatewayEvent::TimedOut { limit } => info!(limit, "the time is up"),
        GatewayEvent::Draining { sessions } => {
            info!(sessions, "stopping: clients get Close 1001");
        }
        GatewayEvent::DrainTimedOut { left } => {
            warn!(left, "the drain timeout has expired: the remaining sessions are cut off");
        }
        GatewayEvent::ConnectionsClamped { wish, connections, limit } => warn!(
            connections,
            limit,
            "--max-connections {wish} is more than the limit of open files allows; to raise it: \
             ulimit -n, LimitNOFILE="
        ),
        GatewayEvent::TargetUnresolved { host, reason } => warn!(
            host,
            reason, "the target host does not resolve: sessions get Close 1011 until it does"
        ),
    }
}
