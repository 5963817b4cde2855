//! Accepting connections, and turning away those that are too many.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_util::sync::DropGuard;

use super::Shared;
use crate::client::ClientAddress;
use crate::door::{self, Sessions, WebSocketDoor};
use crate::events;
use crate::net::{Listener, Stream};
use crate::session::{Joining, Session};

/// How long to wait when the system has no descriptor or no memory for a connection.
const BACK_OFF: Duration = Duration::from_millis(100);
/// How long the end of an idle connection is waited for, whose place is needed.
const ROOM_WITHIN: Duration = Duration::from_secs(1);

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
                events::accept_failed(&error);
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

/// A connection's place among those that there may be. Its sessions share it.
struct Place {
    _permit: OwnedSemaphorePermit,
    /// Stops the gateway when the connection ends.
    _last: Option<DropGuard>,
}

/// Gives the connection its places among the connections and the handshakes, or turns it away.
fn admit(shared: &Arc<Shared>, stream: Stream, client: ClientAddress, last: Option<DropGuard>) {
    let connection = Arc::clone(&shared.connections).try_acquire_owned();
    let handshake = Arc::clone(&shared.handshakes).try_acquire_owned().ok();
    if let (Ok(permit), Some(handshake)) = (connection, handshake) {
        let place = Place { _permit: permit, _last: last };
        shared.tasks.spawn(serve(Arc::clone(shared), stream, client, place, handshake));
    } else if let Ok(waiting) = Arc::clone(&shared.turned_away).try_acquire_owned() {
        shared.tasks.spawn(make_room(Arc::clone(shared), stream, client, last, waiting));
    }
}

/// Serves a connection that is one too many in the place of an idle one, or turns it away.
async fn make_room(
    shared: Arc<Shared>,
    stream: Stream,
    client: ClientAddress,
    last: Option<DropGuard>,
    waiting: OwnedSemaphorePermit,
) {
    if let Some(handshake) = Arc::clone(&shared.handshakes).try_acquire_owned().ok()
        && shared.front.files.end_idle()
        && let Ok(Ok(permit)) =
            timeout(ROOM_WITHIN, Arc::clone(&shared.connections).acquire_owned()).await
    {
        drop(waiting);
        let place = Place { _permit: permit, _last: last };
        serve(shared, stream, client, place, handshake).await;
    } else {
        door::turn_away(stream, client, &shared.front).await;
    }
}

/// Serves a connection. Each of its sessions goes on in a task of its own, so that what the door
/// needed is freed.
async fn serve(
    shared: Arc<Shared>,
    stream: Stream,
    client: ClientAddress,
    place: Place,
    handshake: OwnedSemaphorePermit,
) {
    let place = Arc::new(place);
    let mut door = WebSocketDoor::new(stream, client, handshake, Arc::clone(&shared.front));
    while let Some(joining) = door.next().await {
        shared.tasks.spawn(run_session(Arc::clone(&shared), joining, Arc::clone(&place)));
    }
}

fn run_session(
    shared: Arc<Shared>,
    joining: Joining,
    place: Arc<Place>,
) -> impl Future<Output = ()> + Send {
    let id = shared.next_session.fetch_add(1, Ordering::Relaxed);
    let session = Box::new(Session { id, joining });
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
        _place: Arc<Place>,
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
