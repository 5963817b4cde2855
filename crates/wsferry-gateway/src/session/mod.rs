//! One client joined to one target: dial, relay, end. What decides that a session may exist lies
//! behind it; [`Session`] wants the proof.

mod echo;
mod replay;
mod unreached;
mod web_socket;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio_util::sync::DropGuard;
use wsferry_proto::Kind;

use crate::address::Address;
use crate::auth::Admitted;
use crate::client::ClientAddress;
use crate::dial::Dialer;
use crate::error::DialError;
use crate::events::{Events, SessionEvent};
use crate::net::{Leaving, Pipes, Stream};
use crate::outcome::Outcome;
pub use crate::relay::Drain;
use crate::relay::{self, Ended, Endpoint, TargetSide};
use crate::tap::Tap;
use echo::Echo;
use replay::Replay;
use unreached::Unreached;
use web_socket::WebSocket;

/// How sessions run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How the bytes are relayed.
    pub relay: relay::Settings,
    /// How long the target's name and connection may take.
    pub connect_timeout: Duration,
}

/// A client that was let in, on its way to its target: what a door yields.
#[derive(Debug)]
pub struct Joining {
    /// Where the client comes from.
    pub address: ClientAddress,
    /// The client.
    pub client: Stream,
    /// What the client sent behind its handshake.
    pub early: Bytes,
    /// The proof that the client was let in.
    pub admitted: Admitted,
    /// Where it leads.
    pub target: Address,
    /// How the session runs.
    pub settings: Arc<Settings>,
    /// Connects to the target.
    pub dialer: Arc<Dialer>,
    /// What sees all that is relayed.
    pub tap: Option<Box<dyn Tap>>,
    /// What data frames to this client are, where its subprotocol says so.
    pub send: Option<Kind>,
    /// The connection to the target, where it was made before the handshake was answered.
    pub dialed: Option<Stream>,
    /// Stops the gateway when the session is gone, however it goes: the only one of `--run-once`.
    pub once: Option<DropGuard>,
}

/// A session that begins.
#[derive(Debug)]
pub struct Session {
    /// Its number in the log.
    pub id: u64,
    /// Who is joined to what.
    pub joining: Joining,
    /// Who is told when it starts and ends.
    pub events: Events,
    /// What moves long streams to the client.
    pub pipes: Pipes,
}

/// What of a session is still known at its end, for the log. Boxed while the session runs, because
/// an idle one should hold little.
#[derive(Debug)]
struct Known {
    id: u64,
    address: ClientAddress,
    target: Address,
    started: Instant,
    events: Events,
    _once: Option<DropGuard>,
}

/// A client that is joined to what its target turned out to be.
enum Joined {
    Relay(Box<Endpoint<WebSocket, Stream>>),
    Echo(Box<Endpoint<WebSocket, Echo>>),
    Replay(Box<Endpoint<WebSocket, Replay>>),
    Unreached(Box<Endpoint<WebSocket, Unreached>>),
}

impl Session {
    /// Runs the session to its end, with a log line at the start and one at the end.
    ///
    /// No async fn, which would hold its parameters twice; and what a session needs only to begin is
    /// in a future of its own, which is gone when it runs.
    pub fn run(self: Box<Self>, drain: Arc<Drain>) -> impl Future<Output = ()> + Send {
        let beginning = Box::pin(self.begin());
        async move {
            let (known, joined) = beginning.await;
            let ended = match joined {
                Joined::Relay(endpoint) => endpoint.run(&drain, known.id).await,
                Joined::Echo(endpoint) => endpoint.run(&drain, known.id).await,
                Joined::Replay(endpoint) => endpoint.run(&drain, known.id).await,
                Joined::Unreached(endpoint) => endpoint.run(&drain, known.id).await,
            };
            Box::pin(known.end(ended)).await;
        }
    }

    async fn begin(self: Box<Self>) -> (Box<Known>, Joined) {
        let Self { id, joining, events, pipes } = *self;
        let Joining { address, client, early, admitted, target, settings, dialer, .. } = joining;
        let Joining { tap, send, dialed, once, .. } = joining;
        let started = Instant::now();
        let identity = admitted.pass().identity.as_deref();
        events.tell(SessionEvent::Started { id, client: address, identity, target: &target });
        let known = Box::new(Known { id, address, target, started, events, _once: once });
        let relay = &settings.relay.for_client(send);
        // What came early may be large, and an idle session should not hold it.
        let client = WebSocket::new(client, &early, relay, tap, pipes);
        drop(early);
        let joined = match &known.target {
            Address::Echo => Joined::Echo(join(client, Echo::default(), relay)),
            Address::Recording(recording) => {
                Joined::Replay(join(client, Replay::new(recording, relay), relay))
            }
            target => match dial(dialed, &dialer, target, settings.connect_timeout).await {
                Ok(stream) => Joined::Relay(join(client, stream, relay)),
                Err(error) => Joined::Unreached(join(client, Unreached::from(error), relay)),
            },
        };
        (known, joined)
    }
}

fn join<T: TargetSide>(
    client: WebSocket,
    target: T,
    settings: &relay::Settings,
) -> Box<Endpoint<WebSocket, T>> {
    Box::new(Endpoint::new(client, target, settings))
}

impl Known {
    /// Leaves both sides, at the same time, and tells how the session ended as soon as it is known
    /// whether the client got its end.
    async fn end(self: Box<Self>, ended: Ended) {
        let duration = self.started.elapsed();
        let until = ended.leave_by.into();
        let leave = |(stream, how)| Leaving::new(stream, how, until);
        let (mut client, target) = (ended.client.map(leave), ended.target.map(leave));
        let outcome = Outcome {
            cause: ended.cause,
            close_code: ended.close_code,
            is_cut: true,
            to_target: ended.to_target,
            to_client: ended.to_client,
            duration,
        };
        let mut telling = Telling { known: &self, outcome };
        let leave_client = async {
            let is_delivered = match &mut client {
                Some(client) => client.deliver().await,
                None => true,
            };
            let is_cut = ended.is_cut || !is_delivered;
            telling.outcome.is_cut = is_cut;
            drop(telling); // the log's line
            match client {
                Some(mut client) if is_cut => client.abort(),
                Some(client) => client.end().await,
                None => {}
            }
        };
        let leave_target = async {
            if let Some(mut target) = target {
                target.deliver().await;
                target.end().await;
            }
        };
        tokio::join!(leave_client, leave_target);
    }
}

/// Tells how a session ended when it is dropped: a client that is still being left then, because the
/// gateway stops, was cut.
struct Telling<'a> {
    known: &'a Known,
    outcome: Outcome,
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        let (known, outcome) = (self.known, &mut self.outcome);
        if outcome.is_cut {
            outcome.close_code = 1006;
        }
        let Known { id, address: client, ref target, .. } = *known;
        known.events.tell(SessionEvent::Ended { id, client, target, outcome });
    }
}

/// The connection to the target, which may be there already.
async fn dial(
    dialed: Option<Stream>,
    dialer: &Dialer,
    target: &Address,
    limit: Duration,
) -> Result<Stream, DialError> {
    match dialed {
        Some(stream) => Ok(stream),
        None => dialer.dial(target, limit).await,
    }
}
