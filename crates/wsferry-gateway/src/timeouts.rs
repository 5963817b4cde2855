//! How long things are waited for where no setting says so, in one place. What an operator may want to
//! change is a setting with a default in `config`.
#![allow(dead_code)] // a build without a feature does not need all of them

use std::time::Duration;

/// How long a refused client may take to read its answer, and to close its connection.
pub(crate) const REFUSED_CLIENT: Duration = Duration::from_secs(2);

/// How long an idle connection may take to end when its permit is needed elsewhere.
pub(crate) const EVICTED_CONNECTION: Duration = Duration::from_millis(200);

/// How long a connection may wait for its next request.
pub(crate) const NEXT_REQUEST: Duration = Duration::from_secs(15);

/// For a wrapped program that was killed: it is gone within this time, or hangs in the kernel.
pub(crate) const KILLED_PROGRAM: Duration = Duration::from_secs(1);

/// How long looking up the name of a listener may take.
pub(crate) const LISTENER_NAME: Duration = Duration::from_secs(10);

/// How long a connection to a web service of the operator is kept for the next question.
pub(crate) const IDLE_SERVICE_CONNECTION: Duration = Duration::from_secs(60);

/// How long another process that binds a Unix socket in the same folder may take.
pub(crate) const SOCKET_FOLDER_LOCK: Duration = Duration::from_secs(2);

/// How long a new connection waits for the end of an idle one whose place it needs.
pub(crate) const ROOM_FOR_CONNECTION: Duration = Duration::from_secs(1);

/// A look at files that may have changed is reported when it takes longer.
pub(crate) const LOOK_AT_FILES: Duration = Duration::from_secs(5);

/// A check by the operator's auth service that takes longer has failed.
pub(crate) const AUTH_SERVICE: Duration = Duration::from_secs(2);

/// How long looking up the name of a target may take at the start.
pub(crate) const TARGET_NAME: Duration = Duration::from_secs(10);

/// The same where the gateway starts without it.
pub(crate) const OPTIONAL_TARGET_NAME: Duration = Duration::from_secs(2);

/// Finding a static file fails when it takes longer.
pub(crate) const STATIC_FILE: Duration = Duration::from_secs(5);

/// Connecting to Redis, which leaves time for the answer within [`REDIS_LOOK_UP`].
pub(crate) const REDIS_CONNECTION: Duration = Duration::from_millis(700);

/// A look-up in Redis that takes longer has failed.
pub(crate) const REDIS_LOOK_UP: Duration = Duration::from_secs(1);

/// A look-up that needs the key file fails when the file system takes longer.
pub(crate) const KEY_LOOK_UP: Duration = Duration::from_secs(3);

/// A look-up in token files that takes longer has failed. Before that it may wait two seconds for its
/// turn.
pub(crate) const TOKEN_FILE_LOOK_UP: Duration = Duration::from_secs(5);

/// A look-up by a web service that takes longer has failed.
pub(crate) const TOKEN_SERVICE: Duration = Duration::from_secs(5);
