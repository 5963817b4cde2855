//! One client joined to one target: dial, relay, end. What decides that a session may exist lies
//! behind it; [`Session`] wants the proof.

mod drain;
mod echo;

pub use drain::Drain;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use wsferry_proto::CloseReason;

use crate::auth::Admitted;
use crate::error::DialError;
use crate::net::{Farewell, Stream, farewell};
use crate::observe;
use crate::outcome::{Cause, Outcome};
use crate::relay::{self, Ended, Relay};
use crate::target::{Address, Target};

/// How sessions run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How the bytes are relayed.
    pub relay: relay::Settings,
    /// How long the target's name and connection may take.
    pub connect_timeout: Duration,
}

/// What the front hands over when its handshake is done.
#[derive(Debug)]
pub struct Joining {
    /// The proof that the client was let in.
    pub admitted: Admitted,
    /// Where it leads.
    pub target: Arc<Target>,
    /// The connection to the target, where it was made before the handshake was answered.
    pub dialed: Option<Stream>,
}

/// A session that begins.
#[derive(Debug)]
pub struct Session {
    /// Its number in the log.
    pub id: u64,
    /// Where the client comes from.
    pub peer: SocketAddr,
    /// The client.
    pub client: Stream,
    /// What the client sent behind its handshake.
    pub early: Bytes,
    /// What was decided about it.
    pub joining: Joining,
}

impl Session {
    /// Runs the session to its end, with a log line at the start and one at the end.
    pub async fn run(self, settings: Arc<Settings>, drain: Arc<Drain>) {
        let Self { id, peer, client, early, joining } = self;
        let Joining { admitted: _, target, dialed } = joining;
        let address = target.address();
        observe::session_started(id, peer, address);
        let started = Instant::now();
        let outcome = |ended: &Ended| Outcome {
            cause: ended.cause.clone(),
            close_code: ended.close_code,
            to_target: ended.to_target,
            to_client: ended.to_client,
            duration: started.elapsed(),
        };
        if *address == Address::Echo {
            let echo = Box::pin(echo::run(client, early, &settings.relay, drain.token()));
            let ended = echo.await;
            observe::session_ended(
                id,
                peer,
                address,
                &Outcome { duration: started.elapsed(), ..ended },
            );
            return;
        }
        // Boxed: a dial is over soon, and an idle session should not keep the room for it.
        let dialed = match dialed {
            Some(stream) => Ok(stream),
            None => Box::pin(target.dial(settings.connect_timeout)).await,
        };
        let dialed = match dialed {
            Ok(stream) => stream,
            Err(error) => {
                let cause = unreachable(error);
                let outcome = Box::pin(refuse(client, cause, &settings.relay)).await;
                let outcome = Outcome { duration: started.elapsed(), ..outcome };
                observe::session_ended(id, peer, address, &outcome);
                return;
            }
        };
        let relay = Box::new(Relay::new(client, dialed, &early, &settings.relay));
        drop(early);
        let ended = relay.run(drain.begun(id)).await;
        observe::session_ended(id, peer, address, &outcome(&ended));
        Box::pin(leave(ended, settings.relay.close_timeout)).await;
    }
}

/// Leaves both sides, at the same time.
async fn leave(ended: Ended, patience: Duration) {
    let (client, client_farewell) = ended.client;
    let (target, target_farewell) = ended.target;
    tokio::join!(
        farewell(client, client_farewell, patience),
        farewell(target, target_farewell, patience),
    );
}

fn unreachable(error: DialError) -> Cause {
    match error {
        DialError::TimedOut => Cause::ConnectTimeout(error.to_string()),
        other => Cause::TargetUnreachable(other.to_string()),
    }
}

/// Tells a client by a Close that its target cannot be reached: a page can read that, and could not
/// read an HTTP status.
async fn refuse(mut client: Stream, cause: Cause, settings: &relay::Settings) -> Outcome {
    let mut machine = settings.machine();
    let mut close_code = 1006;
    if let Some((code, reason)) = cause.close() {
        close_code = code.get();
        machine.close(&CloseReason::new(code, &reason));
    }
    echo::send_owed(&mut client, &mut machine).await.ok();
    farewell(client, Farewell::Polite, settings.close_timeout).await;
    Outcome { cause, close_code, to_target: 0, to_client: 0, duration: Duration::ZERO }
}
