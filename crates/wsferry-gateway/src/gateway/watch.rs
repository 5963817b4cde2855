//! Files that change while the gateway runs: they are looked at about once a second, and when the
//! operator says so, whether a client comes or not.
//!
//! Each of them has a loop of its own with at most one look under way, on a thread that may block. A
//! look that does not come back costs that thread and one log line; what was read before stays in use.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};

use super::rules::Rules;
use crate::dial::Dialer;
use crate::events::{CertificateEvent, Events, Shown};
use crate::timeouts;
use crate::tls::{Acceptor, Reload};

/// How often files are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Asks a gateway to look at its files now: certificates, authorities, tokens, keys.
#[derive(Clone, Debug)]
pub(super) struct FileWatch(Arc<watch::Sender<()>>);

/// Why files are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Because {
    /// A second is over.
    TimePassed,
    /// The operator says so.
    Asked,
}

impl FileWatch {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(())))
    }

    /// Looks at all files now. What came of those that changed is in the log.
    pub(super) fn look_now(&self) {
        self.0.send_replace(());
    }

    /// Looks at the files that rules name until the tasks are dropped.
    pub(super) fn begin(&self, rules: &Rules, events: &Events) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for listener in rules.listeners.values().filter(|listener| listener.tls.is_some()) {
            let (listener, events) = (Arc::clone(listener), events.clone());
            tasks.spawn(run(self.0.subscribe(), move |_| {
                let (listener, told) = (Arc::clone(&listener), events.clone());
                let look = move || {
                    if let Some(tls) = &listener.tls {
                        certificate(tls, &told);
                    }
                };
                aside("certificates", events.clone(), look)
            }));
        }
        for route in rules.routes.iter().filter(|route| route.dialer.has_files()) {
            let (dialer, events) = (Arc::clone(&route.dialer), events.clone());
            tasks.spawn(run(self.0.subscribe(), move |_| {
                let (dialer, told) = (Arc::clone(&dialer), events.clone());
                aside("authorities", events.clone(), move || authorities(&dialer, &told))
            }));
        }
        for source in rules.routes.iter().filter_map(|route| route.destination.source()) {
            let source = Arc::clone(source);
            tasks.spawn(run(self.0.subscribe(), move |because| {
                let source = Arc::clone(&source);
                async move {
                    match because {
                        Because::TimePassed => source.look().await,
                        Because::Asked => source.prepare().await,
                    }
                }
            }));
        }
        tasks
    }
}

/// Looks again and again, until nobody can ask any more.
async fn run<L: Future<Output = ()>>(mut asked: watch::Receiver<()>, look: impl Fn(Because) -> L) {
    loop {
        let because = tokio::select! {
            () = sleep(EVERY) => Because::TimePassed,
            changed = asked.changed() => match changed {
                Ok(()) => Because::Asked,
                Err(_) => return,
            },
        };
        look(because).await;
    }
}

/// Looks on a thread that may block, and says so when that takes long.
async fn aside(what: &'static str, events: Events, look: impl FnOnce() + Send + 'static) {
    let mut looking = spawn_blocking(look);
    if timeout(timeouts::LOOK_AT_FILES, &mut looking).await.is_err() {
        let seconds = timeouts::LOOK_AT_FILES.as_secs();
        events.tell(CertificateEvent::LookIsSlow { what, seconds });
        let _ = looking.await;
    }
}

fn certificate(tls: &Acceptor, events: &Events) {
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

fn authorities(dialer: &Dialer, events: &Events) {
    match dialer.reload() {
        Some(Reload::Replaced) => events.tell(CertificateEvent::AuthoritiesReplaced),
        Some(Reload::Failed(error)) => {
            events.tell(CertificateEvent::AuthoritiesKept { error: Shown(&error) });
        }
        None => {}
    }
}
