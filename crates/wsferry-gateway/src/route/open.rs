//! Settings → a route: whatever they name is opened, and what can be checked before the first client
//! is checked.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::{Destination, DestinationSettings, Reached, RefusalTime, Route, RouteSettings};
use crate::address::Address;
use crate::auth::Policy;
use crate::dial::Dialer;
use crate::error::StartError;
use crate::events::{Events, GatewayEvent};
use crate::net::Resolver;
use crate::record::{Recorder, Taps};
use crate::timeouts;
use crate::tls::Connector;
use crate::web::{Files, Web};
use crate::wrap::Prepared;

/// What all routes of a gateway share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Who knows the addresses of names.
    pub resolver: Resolver,
    /// Permits for connection attempts beside the first of each dial.
    pub attempts: Arc<Semaphore>,
    /// Who is told what happens.
    pub events: Events,
    /// What the drain waits for.
    pub tasks: TaskTracker,
}

impl Route {
    /// Opens a route, and the program that is one end of its sessions, if it wraps one.
    ///
    /// # Errors
    /// One sentence that says what is wrong and what to do.
    pub async fn open(
        settings: RouteSettings,
        shared: &Shared,
    ) -> Result<(Self, Option<Prepared>), StartError> {
        let resolver = &shared.resolver;
        let web = settings.web.map(|files| open_files(files, &shared.events)).transpose()?;
        let must_resolve = settings.target_must_resolve;
        let names = Names { resolver, must_resolve, events: &shared.events };
        let (destination, program) = open_destination(settings.destination, names).await?;
        let startup = program.as_ref().map(Prepared::startup).unwrap_or_default();
        let target_tls = settings.target_tls.as_ref().map(Connector::open).transpose();
        let target_tls = target_tls.map_err(StartError::setting)?;
        let plugin =
            settings.auth_plugin.map(|plugin| plugin.open(resolver, &shared.events)).transpose()?;
        let recorder =
            settings.record.map(|path| Recorder::new(&path, &shared.events)).transpose()?;
        let attempts = Arc::clone(&shared.attempts);
        let route = Self {
            name: settings.name,
            matches: settings.matches,
            destination,
            policy: Policy::new(settings.auth, plugin),
            web,
            web_auth: settings.web_auth,
            headers: settings.headers,
            subprotocols: settings.subprotocols,
            dialer: Arc::new(Dialer::new(target_tls, resolver.clone(), attempts, startup)),
            dial: settings.dial,
            session: Arc::new(settings.session),
            taps: Taps::new(recorder, settings.traffic, shared.tasks.clone()),
        };
        Ok((route, program))
    }
}

/// Makes ready what decides where sessions lead, and the program that is one end of them.
async fn open_destination(
    settings: DestinationSettings,
    names: Names<'_>,
) -> Result<(Destination, Option<Prepared>), StartError> {
    Ok(match settings {
        DestinationSettings::Fixed(target) => {
            names.resolve(&target).await?;
            (Destination::Fixed(target), None)
        }
        DestinationSettings::Token { source, place } => {
            let source = source.open(names.resolver, names.events)?;
            source.prepare().await;
            (Destination::Token { source, place, refusals: RefusalTime::default() }, None)
        }
        DestinationSettings::Listed(targets) => (Destination::Listed(targets), None),
        DestinationSettings::Wrapped { program, reached: Reached::Moved(from) } => {
            let (program, target) = Prepared::moved(program, from)?;
            (Destination::Fixed(target.into()), Some(program))
        }
        DestinationSettings::Wrapped { program, reached: Reached::At(at) } => {
            let (destination, _) = Box::pin(open_destination(*at, names)).await?;
            (destination, Some(Prepared::unmoved(program)?))
        }
    })
}

fn open_files(files: Files, events: &Events) -> Result<Web, StartError> {
    let path = match &files {
        Files::Directory(path) | Files::Listed(path) => path.clone(),
        Files::Page(_) => PathBuf::new(),
    };
    Web::new(files, events).map_err(|source| StartError::WebRoot { path, source })
}

/// Looks up the names of targets at the start.
#[derive(Clone, Copy)]
struct Names<'a> {
    resolver: &'a Resolver,
    must_resolve: bool,
    events: &'a Events,
}

impl Names<'_> {
    /// A name that cannot be looked up is noticed before the first client comes.
    async fn resolve(self, target: &Address) -> Result<(), StartError> {
        let Some((name, port)) = target.name() else { return Ok(()) };
        let limit =
            if self.must_resolve { timeouts::TARGET_NAME } else { timeouts::OPTIONAL_TARGET_NAME };
        let reason = match timeout(limit, self.resolver.addresses(name, port)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the resolver does not answer".to_owned(),
        };
        if self.must_resolve {
            return Err(StartError::Unresolved {
                role: "target host",
                host: name.to_owned(),
                reason,
            });
        }
        self.events.tell(GatewayEvent::TargetUnresolved { host: name, reason: &reason });
        Ok(())
    }
}
