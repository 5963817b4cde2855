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

use super::listening::ListenerId;
use super::state::State;
use crate::client::ClientAddress;
use crate::door::{self, Door, Sessions, WebSocketDoor};
use crate::events::{GatewayEvent, Shown};
use crate::net::{Listener, Stream};
use crate::session::{Joining, Session};
use crate::timeouts;

/// How long to wait when the system has no descriptor or no memory for a connection.
const BACK_OFF: Duration = Duration::from_millis(100);
/// Accepts until the gateway stops.
pub(super) async fn run(listener: Listener, id: ListenerId, state: Arc<State>) {
    loop {
        let accepted = tokio::select! {
            () = state.listening.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, client)) => {
                let Some(door) = state.door(id) else { return };
                admit(&state, door, stream, client, None);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                state.door.events.tell(GatewayEvent::AcceptFailed { error: Shown(&error) });
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

/// Serves the only connection that there will be: the gateway stops when it has ended.
pub(super) fn only(
    state: &Arc<State>,
    stream: Stream,
    client: ClientAddress,
    listener: ListenerId,
) {
    let Some(door) = state.door(listener) else { return };
    let last = state.door.stop.clone().drop_guard();
    admit(state, door, stream, client, Some(last));
}

/// A connection's place among those that there may be. Its sessions share it.
struct ConnectionPermit {
    _permit: OwnedSemaphorePermit,
    /// Stops the gateway when the connection ends.
    _last: Option<DropGuard>,
}

/// Gives the connection its places among the connections and the handshakes, or turns it away.
fn admit(
    state: &Arc<State>,
    door: Door,
    stream: Stream,
    client: ClientAddress,
    last: Option<DropGuard>,
) {
    let connection = Arc::clone(&state.connections).try_acquire_owned();
    let handshake = Arc::clone(&state.handshakes).try_acquire_owned().ok();
    if let (Ok(permit), Some(handshake)) = (connection, handshake) {
        let permit = ConnectionPermit { _permit: permit, _last: last };
        state.tasks.spawn(serve(Arc::clone(state), door, stream, client, permit, handshake));
    } else if let Ok(waiting) = Arc::clone(&state.turned_away).try_acquire_owned() {
        state.tasks.spawn(make_room(Arc::clone(state), door, stream, client, last, waiting));
    }
}

/// Serves a connection that is one too many in the place of an idle one, or turns it away.
async fn make_room(
    state: Arc<State>,
    door: Door,
    stream: Stream,
    client: ClientAddress,
    last: Option<DropGuard>,
    waiting: OwnedSemaphorePermit,
) {
    if let Some(handshake) = Arc::clone(&state.handshakes).try_acquire_owned().ok()
        && state.door.files.end_idle()
        && let Ok(Ok(permit)) =
            timeout(timeouts::ROOM_FOR_CONNECTION, Arc::clone(&state.connections).acquire_owned())
                .await
    {
        drop(waiting);
        let permit = ConnectionPermit { _permit: permit, _last: last };
        serve(state, door, stream, client, permit, handshake).await;
    } else {
        door::turn_away(stream, client, &door).await;
    }
}

/// Serves a connection. Each of its sessions goes on in a task of its own, so that what the door
/// needed is freed.
async fn serve(
    state: Arc<State>,
    door: Door,
    stream: Stream,
    client: ClientAddress,
    permit: ConnectionPermit,
    handshake: OwnedSemaphorePermit,
) {
    let permit = Arc::new(permit);
    let mut sessions = WebSocketDoor::new(stream, client, handshake, door);
    while let Some(joining) = sessions.next().await {
        state.tasks.spawn(run_session(Arc::clone(&state), joining, Arc::clone(&permit)));
    }
}

fn run_session(
    state: Arc<State>,
    joining: Joining,
    permit: Arc<ConnectionPermit>,
) -> impl Future<Output = ()> + Send {
    let id = state.next_session.fetch_add(1, Ordering::Relaxed);
    let (events, pipes) = (state.door.events.clone(), state.pipes.clone());
    let session = Box::new(Session { id, joining, events, pipes });
    let session = session.run(Arc::clone(&state.drain));
    Running { session, _counted: Counted::new(state), _permit: permit }
}

pin_project! {
    /// A session with what it holds while it runs. Written out, because an async block holds the
    /// future that it was given twice, and there may be many idle sessions.
    struct Running<F> {
        #[pin]
        session: F,
        _counted: Counted,
        _permit: Arc<ConnectionPermit>,
    }
}

impl<F: Future<Output = ()>> Future for Running<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().session.poll(cx)
    }
}

/// Counts a session for as long as it lives, even if it panics.
struct Counted(Arc<State>);

impl Counted {
    fn new(state: Arc<State>) -> Self {
        state.activity.begin();
        Self(state)
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
