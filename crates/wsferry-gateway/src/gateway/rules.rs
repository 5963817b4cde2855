//! What a reload may change: routes, certificates, the numbers of limits. Built whole, swapped once,
//! read once for each connection.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::listening::ListenerId;
use super::{Limits, ListenerSettings};
use crate::auth::{HostRules, Reach};
use crate::door;
use crate::error::StartError;
use crate::events::{CertificateEvent, Events};
use crate::route::{self, Route, RouteSettings, Routes};
use crate::tls::Acceptor;
use crate::wrap::Prepared;

/// The rules of a gateway.
#[derive(Debug)]
pub(super) struct Rules {
    /// By listener; one that is not here is closed.
    pub(super) listeners: HashMap<ListenerId, Arc<door::Rules>>,
    /// All routes, also those that no listener serves.
    pub(super) routes: Vec<Arc<Route>>,
    /// The limits.
    pub(super) limits: Limits,
}

/// Opens all that routes name, and the program that one of them wraps.
pub(super) async fn open_routes(
    settings: Vec<RouteSettings>,
    shared: &route::Shared,
) -> Result<(Vec<Arc<Route>>, Option<Prepared>), StartError> {
    let (mut routes, mut wrapped) = (Vec::with_capacity(settings.len()), None);
    for settings in settings {
        let (route, program) = Route::open(settings, shared).await?;
        if program.is_some() && wrapped.is_some() {
            return Err(StartError::SeveralPrograms);
        }
        wrapped = wrapped.or(program);
        routes.push(Arc::new(route));
    }
    // Two that match equally are an error even where no listener serves both.
    table(routes.iter().cloned())?;
    Ok((routes, wrapped))
}

/// What a listener needs before its sockets are there.
#[derive(Debug)]
pub(super) struct OpenedListener {
    settings: ListenerSettings,
    tls: Option<Acceptor>,
    routes: Arc<Routes>,
}

/// Opens what listeners name but for their sockets.
pub(super) fn open_listeners(
    settings: &[ListenerSettings],
    routes: &[Arc<Route>],
    events: &Events,
) -> Result<Vec<OpenedListener>, StartError> {
    let mut served = HashMap::new();
    let open = |settings: &ListenerSettings| {
        let tls = settings.tls.clone().map(Acceptor::open).transpose();
        let tls = tls.map_err(StartError::setting)?;
        if let Some(tls) = &tls {
            let validity = tls.validity();
            events.tell(CertificateEvent::InUse { from: validity.from, until: validity.until });
        }
        // Listeners that serve the same routes share one table of them.
        let routes = match served.entry(settings.routes.clone()) {
            Entry::Occupied(entry) => Arc::clone(entry.get()),
            Entry::Vacant(entry) => {
                Arc::clone(entry.insert(Arc::new(served_by(settings, routes)?)))
            }
        };
        Ok(OpenedListener { settings: settings.clone(), tls, routes })
    };
    settings.iter().map(open).collect()
}

/// The routes that a listener serves.
fn served_by(listener: &ListenerSettings, routes: &[Arc<Route>]) -> Result<Routes, StartError> {
    let Some(names) = &listener.routes else { return table(routes.iter().cloned()) };
    let find = |name: &String| {
        let route = routes.iter().find(|route| route.name == *name).cloned();
        route.ok_or_else(|| StartError::UnknownRoute { name: name.clone() })
    };
    table(names.iter().map(find).collect::<Result<Vec<_>, _>>()?)
}

fn table(routes: impl IntoIterator<Item = Arc<Route>>) -> Result<Routes, StartError> {
    Routes::new(routes).map_err(StartError::setting)
}

impl OpenedListener {
    /// The rules of a listener whose sockets can be reached from there.
    pub(super) fn rules(self, reach: Reach, limits: &Limits) -> Arc<door::Rules> {
        let Self { settings, tls, routes } = self;
        let names = settings.listen.names();
        Arc::new(door::Rules {
            tls,
            tls_only: settings.tls_only,
            heads: settings.heads,
            header_timeout: limits.header_timeout,
            write_timeout: limits.write_timeout,
            file_min_rate: limits.file_min_rate,
            hosts: HostRules::new(settings.allow_host, reach, names),
            routes,
        })
    }
}
