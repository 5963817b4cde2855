//! Accepting connections, and turning away those that are too many.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::DropGuard;

use super::Shared;
use crate::client::ClientAddress;
use crate::front::{self, Handover};
use crate::net::{Listener, Stream};
use crate::observe;
use crate::session::Session;

/// How long to wait when the system has no descriptor or no memory for a connection.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Accepts until the gateway stops.
pub(super) async fn run(listener: Listener, shared: Arc<Shared>) {
    loop {
        let accepted = tokio::select! {
            () = shared.listening.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, client)) => admit(&shared, stream, client, None),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                observe::accept_failed(&error);
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

/// Serves the only connection that there will be: the gateway stops when it has ended.
pub(super) fn only(shared: &Arc<Shared>, stream: Stream, client: ClientAddress) {
    let last = shared.front.stop.clone().drop_guard();
    admit(shared, stream, client, Some(last));
}

/// A connection's place among those that there may be.
struct Place {
    _permit: OwnedSemaphorePermit,
    /// Stops the gateway when the connection ends.
    _last: Option<DropGuard>,
}

/// Gives the connection its places among the connections and the handshakes, or turns it away.
fn admit(shared: &Arc<Shared>, stream: Stream, client: ClientAddress, last: Option<DropGuard>) {
    let connection = Arc::clone(&shared.connections).try_acquire_owned();
    let handshake = Arc::clone(&shared.handshakes).try_acquire_owned();
    match (connection, handshake) {
        (Ok(permit), Ok(handshake)) => {
            let place = Place { _permit: permit, _last: last };
            let serving = serve(Arc::clone(shared), stream, client, place, handshake);
            shared.tasks.spawn(serving);
        }
        _ => {
            if let Ok(place) = Arc::clone(&shared.turned_away).try_acquire_owned() {
                let front = Arc::clone(&shared.front);
                shared.tasks.spawn(async move {
                    front::turn_away(stream, client, &front).await;
                    drop(place);
                });
            }
        }
    }
}

/// Serves a connection. A session goes on in a task of its own, so that what HTTP needed is freed.
async fn serve(
    shared: Arc<Shared>,
    stream: Stream,
    client: ClientAddress,
    place: Place,
    handshake: OwnedSemaphorePermit,
) {
    let handover = front::serve(stream, client, Arc::clone(&shared.front)).await;
    drop(handshake);
    let Some(Handover { stream, early, joining }) = handover else { return };
    let id = shared.next_session.fetch_add(1, Ordering::Relaxed);
    let session = Box::new(Session { id, address: client, client: stream, early, joining });
    let tasks = shared.tasks.clone();
    tasks.spawn(run_session(shared, session, place));
}

fn run_session(
    shared: Arc<Shared>,
    session: Box<Session>,
    place: Place,
) -> impl Future<Output = ()> + Send {
    let dialer = Arc::clone(&shared.front.dialer);
    let session = session.run(Arc::clone(&shared.session), dialer, Arc::clone(&shared.drain));
    Running { session, _counted: Counted::new(shared), _place: place }
}

pin_project! {
    /// A session with what it holds while it runs. Written out, because an async block holds the
    /// future that it was given twice, and there may be many idle sessions.
    struct Running<F> {
        #[pin]
        session: F,
        _counted: Counted,
        _place: Place,
    }
}

impl<F: Future<Output = ()>> Future for Running<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().session.poll(cx)
    }
}

/// Counts a session for as long as it lives, even if it panics.
struct Counted(Arc<Shared>);

impl Counted {
    fn new(shared: Arc<Shared>) -> Self {
        shared.activity.begin();
        Self(shared)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.activity.end();
    }
}

/// Errors of accept(2) that belong to the connection and not to the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
