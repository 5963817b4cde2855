//! The short way of a handshake: its head has been judged and parsed once, and the answer is written
//! here, without hyper.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::caller::Caller;
use super::connection_end::ConnectionEnd;
use super::decide::Accepted;
use super::head_reader::HeadReader;
use super::permits::Held;
use super::{Door, answer, decide};
use crate::net::{Stream, shut_down};
use crate::session::Joining;

/// Answers a request for a session: 101, or a refusal, which ends the connection.
pub(super) async fn serve(
    reader: HeadReader,
    head: Box<Parts>,
    caller: &Caller,
    mut held: Held,
    door: &Door,
) -> Option<Joining> {
    let decided = decide::upgrade(door, caller, &head).await;
    let (mut stream, early) = reader.into_parts();
    let limit = door.rules.write_timeout;
    let end = match decided {
        Ok(Accepted { upgrade, route, admitted, target, tap, dialed, once }) => {
            drop((held, head));
            let (address, send) = (caller.address, upgrade.send);
            match write(&mut stream, &answer::switching_protocols(&upgrade), limit).await {
                Ok(()) => {
                    let client = stream;
                    return Some(Joining {
                        address,
                        client,
                        early,
                        admitted,
                        target,
                        settings: Arc::clone(&route.session),
                        dialer: Arc::clone(&route.dialer),
                        tap,
                        send,
                        dialed,
                        once,
                    });
                }
                Err(end) => end,
            }
        }
        Err(rejection) => {
            held.answered();
            let response = rejection.tell(caller.address, &head.headers, &door.state.events);
            let bytes = answer::with_body(head.version, &response);
            write(&mut stream, &bytes, limit).await.err().unwrap_or(ConnectionEnd::Done)
        }
    };
    let (how, patience) = end.shut_down();
    shut_down(stream, how, patience).await;
    None
}

/// Writes, within `limit` if there is one.
async fn write(
    stream: &mut Stream,
    bytes: &[u8],
    limit: Option<Duration>,
) -> Result<(), ConnectionEnd> {
    let writing = async {
        stream.write_all(bytes).await?;
        poll_fn(|cx| stream.poll_flush(cx)).await
    };
    let written: io::Result<()> = match limit {
        None => writing.await,
        Some(limit) => timeout(limit, writing).await.map_err(|_| ConnectionEnd::Slow)?,
    };
    written.map_err(|_| ConnectionEnd::Failed)
}
