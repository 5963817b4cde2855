//! What acts on a gateway while it runs.

use std::collections::HashMap;
use std::num::NonZeroU16;
use std::sync::Arc;

use super::listening::{ListenerId, close};
use super::rules::{self, Rules};
use super::settings::Settings;
use super::sockets::{Listen, Sockets};
use super::state::State;
use crate::error::StartError;
use crate::route::DestinationSettings;

/// Stops a gateway, gives it new rules, or asks it to look at its files. It may be cloned, and does
/// nothing when it is dropped.
#[derive(Clone, Debug)]
pub struct Handle {
    state: Arc<State>,
}

impl Handle {
    pub(super) const fn new(state: Arc<State>) -> Self {
        Self { state }
    }

    /// Stops the gateway: it drains.
    pub fn stop(&self) {
        self.state.door.stop.cancel();
    }

    /// Looks now at all files that may have changed: certificates, authorities, tokens, keys. It waits
    /// for nothing; what came of it is told as events.
    pub fn look_at_files(&self) {
        self.state.file_watch.look_now();
    }

    /// Puts new settings in the place of those that hold. All that they name is opened before anything
    /// is exchanged, so an error has changed nothing. They hold for the next connection: sessions,
    /// connections that wait for their next request, and listeners whose address stays go on. Listeners
    /// that are not among the new ones are closed when this returns. `max_connections`,
    /// `max_handshakes`, `run_once`, `timeout` and `idle_timeout` stay as they were at the start, and so
    /// does the resolver.
    ///
    /// # Errors
    /// One sentence that says what is wrong and what to do.
    pub async fn replace(&self, settings: impl Into<Settings>) -> Result<(), StartError> {
        let state = &self.state;
        let _one_at_a_time = state.exchange.lock().await;
        let Settings { listeners, routes, limits, .. } = settings.into();
        if routes
            .iter()
            .any(|route| matches!(route.destination, DestinationSettings::Wrapped { .. }))
        {
            return Err(StartError::ProgramAtReload);
        }
        let (routes, _) = rules::open_routes(routes, &state.routes).await?;
        let opened = rules::open_listeners(&listeners, &routes, &state.door.events)?;
        let (mut by_id, mut new) = (HashMap::new(), Vec::new());
        for (settings, opened) in listeners.into_iter().zip(opened) {
            let kept = state.listeners().find(&settings.listen, |id| by_id.contains_key(&id));
            if let Some((id, before)) =
                kept.and_then(|id| Some((id, Arc::clone(state.rules.load().listeners.get(&id)?))))
            {
                by_id.insert(id, opened.rules(before.hosts.reach(), &limits));
                continue;
            }
            let sockets = Sockets::open(&settings.listen, &state.routes.resolver).await?;
            let id = state.listeners().reserve();
            by_id.insert(id, opened.rules(sockets.reach(), &limits));
            new.push((id, settings.listen, sockets));
        }
        if state.door.stop.is_cancelled() {
            return Err(StartError::Stopped);
        }
        close(self.exchange(Rules { listeners: by_id, routes, limits }, new)).await;
        // It may have stopped meanwhile, and closed its listeners before the new ones were there.
        if state.listening.is_cancelled() {
            let late = state.listeners().take();
            close(late).await;
            return Err(StartError::Stopped);
        }
        Ok(())
    }

    /// Exchanges the rules, and gives the listeners that are to be closed.
    fn exchange(
        &self,
        rules: Rules,
        new: Vec<(ListenerId, Listen, Sockets)>,
    ) -> Vec<tokio::task::JoinSet<()>> {
        let state = &self.state;
        let kept: Vec<_> = rules.listeners.keys().copied().collect();
        state.door.failures.set_limit(rules.limits.failures_per_source.map_or(0, NonZeroU16::get));
        state.rules.store(Arc::new(rules));
        let mut listeners = state.listeners();
        let is_accepting = listeners.is_accepting();
        for (id, listen, sockets) in new {
            listeners.insert(id, listen, sockets.listeners);
        }
        let gone = listeners.keep(&kept);
        drop(listeners);
        if is_accepting {
            state.accept();
            state.watch();
        }
        gone
    }
}
