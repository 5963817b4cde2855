//! Files that change while the gateway runs: they are looked at about once a second, and when the
//! operator says so, whether a client comes or not.
//!
//! Each kind has a loop of its own with at most one look under way, on a thread that may block. A look
//! that does not come back costs that thread and one log line; what was read before stays in use.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};

use super::rules::Rules;
use crate::events::{CertificateEvent, Events, Shown};
use crate::timeouts;
use crate::tls::Reload;

/// How often files are looked at.
const EVERY: Duration = Duration::from_secs(1);
/// Asks a gateway to look at its files now: certificates, authorities, tokens, keys.
#[derive(Clone, Debug)]
pub(super) struct Watched(Arc<watch::Sender<()>>);

impl Watched {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(())))
    }

    /// Looks at all files now. What came of those that changed is in the log.
    pub(super) fn look_now(&self) {
        self.0.send_replace(());
    }
}

/// Looks at the files that rules name until the tasks are dropped.
pub(super) fn begin(rules: &Arc<Rules>, watched: &Watched, events: &Events) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    if rules.listeners.values().any(|listener| listener.tls.is_some()) {
        let look = with(rules, events, certificates);
        tasks.spawn(run("certificates", watched.0.subscribe(), events.clone(), look));
    }
    if rules.routes.iter().any(|route| route.dialer.speaks_tls()) {
        let look = with(rules, events, authorities);
        tasks.spawn(run("authorities", watched.0.subscribe(), events.clone(), look));
    }
    for source in rules.routes.iter().filter_map(|route| route.destination.source()) {
        let source = Arc::clone(source);
        let mut asked = watched.0.subscribe();
        tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = sleep(EVERY) => source.look().await,
                    changed = asked.changed() => match changed {
                        Ok(()) => source.prepare().await,
                        Err(_) => return,
                    },
                }
            }
        });
    }
    tasks
}

async fn run(
    what: &'static str,
    mut asked: watch::Receiver<()>,
    events: Events,
    look: impl Fn() + Clone + Send + 'static,
) {
    loop {
        tokio::select! {
            () = sleep(EVERY) => {}
            changed = asked.changed() => if changed.is_err() {
                return;
            },
        }
        let look = look.clone();
        let mut looking = spawn_blocking(look);
        if timeout(timeouts::LOOK_AT_FILES, &mut looking).await.is_err() {
            events.tell(CertificateEvent::LookIsSlow {
                what,
                seconds: timeouts::LOOK_AT_FILES.as_secs(),
            });
            let _ = looking.await;
        }
    }
}

/// A look at the files of these rules.
fn with(
    rules: &Arc<Rules>,
    events: &Events,
    look: fn(&Rules, &Events),
) -> impl Fn() + Clone + Send + 'static {
    let (rules, events) = (Arc::clone(rules), events.clone());
    move || look(&rules, &events)
}

fn certificates(rules: &Rules, events: &Events) {
    for tls in rules.listeners.values().filter_map(|listener| listener.tls.as_ref()) {
        match tls.reload() {
            Some(Reload::Replaced) => {
                let validity = tls.validity();
                events.tell(CertificateEvent::Replaced);
                events.tell(CertificateEvent::InUse { from: validity.from, until: validity.until });
            }
            Some(Reload::Failed(error)) => {
                events.tell(CertificateEvent::Kept { error: Shown(&error) });
            }
            None => {}
        }
    }
}

fn authorities(rules: &Rules, events: &Events) {
    for route in &rules.routes {
        match route.dialer.reload() {
            Some(Reload::Replaced) => events.tell(CertificateEvent::AuthoritiesReplaced),
            Some(Reload::Failed(error)) => {
                events.tell(CertificateEvent::AuthoritiesKept { error: Shown(&error) });
            }
            None => {}
        }
    }
}
