//! The built-in target `echo:`: answers message for message with the same type. For tests, for the
//! conformance suite, and to see whether a page gets through at all.

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use wsferry_proto::{CloseCode, CloseReason, Connection, Event, MAX_CONTROL_FRAME, MAX_HEADER};

use crate::error::words;
use crate::net::{Farewell, Stream};
use crate::outcome::{Cause, Direction};
use crate::relay::{self, CHUNK, Ended};
use crate::tap::Tap;

/// An echo session.
struct Echo {
    machine: Connection,
    client: Stream,
    close_timeout: Duration,
    /// Whether the next slice of payload begins a message.
    begins: bool,
    answer: Vec<u8>,
    received: u64,
    sent: u64,
    tap: Option<Box<dyn Tap>>,
}

/// Echoes until the connection ends. The client's early bytes are answered first.
pub(super) async fn run(
    client: Stream,
    early: Bytes,
    settings: &relay::Settings,
    drain: &CancellationToken,
    tap: Option<Box<dyn Tap>>,
) -> Ended {
    let machine = settings.machine();
    let close_timeout = settings.close_timeout;
    let mut echo = Echo {
        close_timeout,
        machine,
        client,
        begins: true,
        answer: Vec::new(),
        received: 0,
        sent: 0,
        tap,
    };
    let write_timeout = match settings.write_timeout {
        Duration::ZERO => Duration::MAX,
        limit => limit,
    };
    let cause = echo.until_end(early, write_timeout, drain).await;
    ended(cause, &echo.machine, echo.client, (echo.received, echo.sent))
}

/// What is left of a session whose target is built in; `payload`: bytes to the target, and to the
/// client.
pub(super) fn ended(
    cause: Cause,
    machine: &Connection,
    client: Stream,
    payload: (u64, u64),
) -> Ended {
    let close_code = match (&cause, machine.received_close(), cause.close()) {
        (Cause::ClientClosed, Some(close), _) => close.code.map_or(1005, CloseCode::get),
        (_, _, Some((code, _))) => code.get(),
        _ => 1006,
    };
    let how = match cause {
        Cause::ClientLost(_) | Cause::KeepAliveTimeout => Farewell::Drop,
        Cause::WriteTimeout(_) => Farewell::Abort,
        _ => Farewell::Polite,
    };
    let (to_target, to_client) = payload;
    Ended { cause, close_code, to_target, to_client, client: (client, how), target: None }
}

impl Echo {
    async fn until_end(
        &mut self,
        early: Bytes,
        write_timeout: Duration,
        drain: &CancellationToken,
    ) -> Cause {
        let mut room = vec![0; CHUNK.max(early.len())];
        room[..early.len()].copy_from_slice(&early);
        let mut length = early.len();
        loop {
            match timeout(write_timeout, self.answer(&mut room[..length])).await {
                Ok(Ok(None)) => {}
                Ok(Ok(Some(cause))) => return cause,
                Ok(Err(error)) => return Cause::ClientLost(words(&error)),
                Err(_) => return Cause::WriteTimeout(Direction::ToClient),
            }
            let deadline = self.machine.poll_timeout();
            let timer = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            length = 0;
            tokio::select! {
                biased; // what the client says counts before its silence does
                read = self.client.read(&mut room) => match read {
                    Ok(0) => return Cause::ClientLost("connection ended".to_owned()),
                    Ok(read) => length = read,
                    Err(error) => return Cause::ClientLost(words(&error)),
                },
                () = timer => {
                    if self.machine.handle_timeout(Instant::now(), false) {
                        return self.close(Cause::KeepAliveTimeout).await;
                    }
                }
                () = drain.cancelled() => return self.close(Cause::Drained).await,
            }
        }
    }

    /// Answers what was read: why the session ends, if it does.
    async fn answer(&mut self, bytes: &mut [u8]) -> io::Result<Option<Cause>> {
        let mut at = 0;
        loop {
            let (taken, event) = self.machine.handle_bytes(Instant::now(), &mut bytes[at..]);
            let start = at;
            at += taken;
            let end = match event {
                Some(Event::Payload(payload)) => {
                    let slice = &bytes[start + payload.range.start..start + payload.range.end];
                    let (first, fin) = (self.begins, payload.ends_message);
                    let header =
                        self.machine.send(payload.kind, first, fin, slice.len() as u64, None);
                    if let Some(tap) = &mut self.tap {
                        tap.payload(Direction::ToTarget, slice);
                        tap.payload(Direction::ToClient, slice);
                    }
                    if let Some(header) = header {
                        let mut room = [0; MAX_HEADER];
                        let length = header.write_to(&mut room);
                        self.answer.extend_from_slice(&room[..length]);
                        self.answer.extend_from_slice(slice);
                    }
                    self.begins = payload.ends_message;
                    self.received += slice.len() as u64;
                    self.sent += slice.len() as u64;
                    None
                }
                Some(Event::Close(_)) => {
                    self.machine.reply();
                    Some(Cause::ClientClosed)
                }
                Some(Event::Failed(violation)) => Some(Cause::ProtocolError(violation)),
                Some(Event::Ping) | None => None,
            };
            // In the order in which they are owed: pongs behind the data that came before them.
            if self.machine.owes_control() || taken == 0 || end.is_some() || at == bytes.len() {
                self.client.write_all(&self.answer).await?;
                self.answer.clear();
                send_owed(&mut self.client, &mut self.machine).await?;
            }
            if end.is_some() || at == bytes.len() {
                return Ok(end);
            }
        }
    }

    async fn close(&mut self, cause: Cause) -> Cause {
        if let Some((code, reason)) = cause.close() {
            self.machine.close(&CloseReason::new(code, &reason));
        }
        let _ = timeout(self.close_timeout, send_owed(&mut self.client, &mut self.machine)).await;
        cause
    }
}

/// Sends the control frames that are owed.
pub(super) async fn send_owed(client: &mut Stream, machine: &mut Connection) -> io::Result<()> {
    let mut frame = [0; MAX_CONTROL_FRAME];
    loop {
        match machine.poll_control(Instant::now(), &mut frame, None) {
            0 => return client.flush().await,
            length => client.write_all(&frame[..length]).await?,
        }
    }
}
