//! The one connection to Redis that all look-ups share, and when it is replaced.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::{ErrorKind, RedisError};
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::client::Client;
use super::connection::{Connection, LONGEST_VALUE};
use super::names::Names;
use super::{RedisSourceError, Settings};
use crate::net::Resolver;
use crate::timeouts;

/// The wait after the first failure to connect; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait: a Redis that is back is noticed after that time at the latest.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Why Redis gave no value. No key and no password is in it.
#[derive(Debug, Error)]
pub(super) enum LinkError {
    /// No answer in time.
    #[error("Redis does not answer")]
    Slow,
    /// It was down a moment ago.
    #[error("Redis could not be reached a moment ago; the next attempt is in {0} ms")]
    Waiting(u128),
    /// What the library says.
    #[error("Redis: {0}")]
    Failed(String),
    /// The key holds something else than text.
    #[error("the value of the key is not a string")]
    NoText,
    /// The key holds more than a target.
    #[error("the value of the key has more than {LONGEST_VALUE} bytes")]
    Long,
}

/// The shared connection.
pub(super) struct Link {
    state: Mutex<State>,
    /// The connection gave no answer in time: the next look-up makes another.
    is_stale: AtomicBool,
}

struct State {
    client: Client,
    names: Names,
    connection: Option<Arc<Connection>>,
    failures: u32,
    not_before: Instant,
}

impl Link {
    pub(super) fn new(settings: Settings, resolver: Resolver) -> Result<Self, RedisSourceError> {
        let names = Names::new(resolver);
        let state = State {
            client: Client::new(settings, &names)?,
            names,
            connection: None,
            failures: 0,
            not_before: Instant::now(),
        };
        Ok(Self { state: Mutex::new(state), is_stale: AtomicBool::new(false) })
    }

    /// The value of a key. A connection that turns out to be dead (Redis was restarted) is replaced
    /// at once.
    pub(super) async fn value(&self, key: &str) -> Result<Vec<u8>, LinkError> {
        let mut dead = None;
        loop {
            let (connection, is_new) = self.connection(dead).await?;
            match connection.value(key).await {
                Ok(value) if value.len() > LONGEST_VALUE => return Err(LinkError::Long),
                Ok(value) => return Ok(value),
                Err(error) if is_answer(&error) => return Err(describe(&error)),
                Err(error) if is_new => {
                    self.state.lock().await.drop_connection(&connection, true);
                    return Err(describe(&error));
                }
                Err(_) => dead = Some(connection),
            }
        }
    }

    /// What was asked for did not come within the deadline.
    pub(super) fn gave_no_answer(&self) {
        self.is_stale.store(true, Ordering::Relaxed);
    }

    /// The shared connection, unless it is the dead one, and whether it was made just now. One
    /// look-up connects, the others wait for it.
    async fn connection(
        &self,
        dead: Option<Arc<Connection>>,
    ) -> Result<(Arc<Connection>, bool), LinkError> {
        let mut state = self.state.lock().await;
        if let Some(dead) = dead {
            state.drop_connection(&dead, false);
        }
        if self.is_stale.swap(false, Ordering::Relaxed)
            && let Some(stale) = state.connection.clone()
        {
            state.drop_connection(&stale, false);
        }
        if let Some(connection) = &state.connection {
            return Ok((Arc::clone(connection), false));
        }
        let wait = state.not_before.saturating_duration_since(Instant::now());
        if !wait.is_zero() {
            return Err(LinkError::Waiting(wait.as_millis()));
        }
        let connected = timeout(timeouts::REDIS_CONNECTION, state.connect()).await;
        let connected = match connected {
            Ok(connected) => connected.map_err(|error| describe(&error)),
            Err(_) => Err(LinkError::Slow),
        };
        match connected {
            Ok(connection) => {
                let connection = Arc::new(connection);
                state.connection = Some(Arc::clone(&connection));
                state.failures = 0;
                Ok((connection, true))
            }
            Err(error) => {
                state.back_off();
                Err(error)
            }
        }
    }
}

impl State {
    async fn connect(&mut self) -> Result<Connection, RedisError> {
        self.client.connect(&self.names).await
    }

    /// Forgets a connection, if it is still the shared one.
    fn drop_connection(&mut self, dead: &Arc<Connection>, is_failure: bool) {
        if self.connection.as_ref().is_some_and(|shared| Arc::ptr_eq(shared, dead)) {
            self.connection = None;
            if is_failure {
                self.back_off();
            }
        }
    }

    fn back_off(&mut self) {
        let wait = FIRST_WAIT.saturating_mul(1 << self.failures.min(5));
        self.failures = self.failures.saturating_add(1);
        self.not_before = Instant::now() + wait.min(LONGEST_WAIT);
    }
}

/// Whether Redis itself refused: the connection is as good as before.
fn is_answer(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

/// The library's sentence, but only the code of what Redis answered: the rest may repeat the key.
fn describe(error: &RedisError) -> LinkError {
    if error.code() == Some("WRONGTYPE") || error.kind() == ErrorKind::UnexpectedReturnType {
        return LinkError::NoText;
    }
    LinkError::Failed(match error.code() {
        Some(code) => format!("it answers {code}"),
        None => error.to_string(),
    })
}
