//! The built-in target that plays a recording back: what the recorded target sent goes to the client
//! again, frame by frame and at its time. What the client sends is read and thrown away: it may do
//! its own handshake, which is not compared with the recorded one.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use wsferry_proto::{CloseReason, Connection, Event, Kind, MAX_HEADER};

use super::echo::{ended, send_owed};
use crate::address::{Recording, Speed};
use crate::error::words;
use crate::net::Stream;
use crate::outcome::{Cause, Direction};
use crate::record::{Frame, ReadError, Reader};
use crate::relay::{self, CHUNK, Ended};
use crate::tap::Tap;

/// About as many bytes are read ahead.
const AHEAD: usize = 256 * 1024;

/// A session with a recording.
struct Replay {
    machine: Connection,
    client: Stream,
    kind: Kind,
    max_message: usize,
    speed: Speed,
    write_timeout: Duration,
    close_timeout: Duration,
    tap: Option<Box<dyn Tap>>,
    received: u64,
    sent: u64,
}

/// Plays until the recording or the connection ends.
pub(super) async fn run(
    client: Stream,
    early: Bytes,
    recording: &Recording,
    settings: &relay::Settings,
    drain: &CancellationToken,
    tap: Option<Box<dyn Tap>>,
) -> Ended {
    let mut replay = Replay {
        machine: settings.machine(),
        client,
        kind: settings.send,
        max_message: settings.longest_message(),
        speed: recording.speed,
        write_timeout: match settings.write_timeout {
            Duration::ZERO => Duration::MAX,
            limit => limit,
        },
        close_timeout: settings.close_timeout,
        tap,
        received: 0,
        sent: 0,
    };
    let frames = Frames::new(recording.path.clone());
    let cause = replay.until_end(early, frames, drain).await;
    replay.close(&cause).await;
    ended(cause, &replay.machine, replay.client, (replay.received, replay.sent))
}

impl Replay {
    async fn until_end(
        &mut self,
        early: Bytes,
        mut frames: Frames,
        drain: &CancellationToken,
    ) -> Cause {
        let mut room = vec![0; CHUNK.max(early.len())];
        room[..early.len()].copy_from_slice(&early);
        if let Err(cause) = self.take(&mut room[..early.len()]).await {
            return cause;
        }
        drop(early);
        let started = Instant::now();
        loop {
            let frame = match frames.next().await {
                Ok(Some(frame)) => frame,
                Ok(None) => return Cause::TargetClosed,
                Err(error) => return Cause::TargetFailed(error.to_string()),
            };
            let due = started.checked_add(self.speed.due(frame.at));
            if let Err(cause) = self.listen_until(due, &mut room, drain).await {
                return cause;
            }
            if let Err(cause) = self.send(&frame.payload).await {
                return cause;
            }
        }
    }

    /// Reads what the client says until a frame is due, and once at least.
    async fn listen_until(
        &mut self,
        due: Option<Instant>,
        room: &mut [u8],
        drain: &CancellationToken,
    ) -> Result<(), Cause> {
        loop {
            let silence = self.machine.poll_timeout();
            tokio::select! {
                biased; // what the client says counts before its silence does
                () = drain.cancelled() => return Err(Cause::Drained),
                read = self.client.read(room) => {
                    let length = match read {
                        Ok(0) => return Err(Cause::ClientLost("connection ended".to_owned())),
                        Ok(length) => length,
                        Err(error) => return Err(Cause::ClientLost(words(&error))),
                    };
                    self.take(&mut room[..length]).await?;
                    // A client that never pauses does not hold the recording up.
                    if due.is_some_and(|due| due <= Instant::now()) {
                        return Ok(());
                    }
                }
                () = until(due) => return Ok(()),
                () = until(silence) => {
                    if self.machine.handle_timeout(Instant::now(), false) {
                        return Err(Cause::KeepAliveTimeout);
                    }
                    self.write(&[]).await?;
                }
            }
        }
    }

    /// Takes what the client sent: why the session ends, if it does.
    async fn take(&mut self, bytes: &mut [u8]) -> Result<(), Cause> {
        let mut at = 0;
        while at < bytes.len() {
            let (taken, event) = self.machine.handle_bytes(Instant::now(), &mut bytes[at..]);
            let start = at;
            at += taken;
            match event {
                Some(Event::Payload(payload)) => {
                    let slice = &bytes[start + payload.range.start..start + payload.range.end];
                    self.received += slice.len() as u64;
                    if let Some(tap) = &mut self.tap {
                        tap.payload(Direction::ToTarget, slice);
                    }
                }
                Some(Event::Close(_)) => {
                    self.machine.reply();
                    self.write(&[]).await?;
                    return Err(Cause::ClientClosed);
                }
                Some(Event::Failed(violation)) => return Err(Cause::ProtocolError(violation)),
                Some(Event::Ping) | None => {}
            }
            if self.machine.owes_control() || taken == 0 {
                self.write(&[]).await?;
            }
        }
        Ok(())
    }

    /// Sends what was recorded as one message, as several where it is too large for one; an empty one
    /// is none.
    async fn send(&mut self, payload: &[u8]) -> Result<(), Cause> {
        let text = match self.kind {
            Kind::Binary => None,
            Kind::Text => Some(std::str::from_utf8(payload).map_err(|_| Cause::TargetNotText)?),
        };
        let mut at = 0;
        while at < payload.len() {
            let mut end = payload.len().min(at.saturating_add(self.max_message));
            if let Some(text) = text {
                end = text.floor_char_boundary(end);
            }
            self.send_message(&payload[at..end]).await?;
            at = end;
        }
        Ok(())
    }

    async fn send_message(&mut self, payload: &[u8]) -> Result<(), Cause> {
        let length = payload.len() as u64;
        let Some(header) = self.machine.send(self.kind, true, true, length, None) else {
            return Ok(());
        };
        if let Some(tap) = &mut self.tap {
            tap.payload(Direction::ToClient, payload);
        }
        let mut head = [0; MAX_HEADER];
        let head_length = header.write_to(&mut head);
        self.write(&[&head[..head_length], payload].concat()).await?;
        self.sent += length;
        Ok(())
    }

    /// Writes a frame, and what the protocol owes behind it.
    async fn write(&mut self, frame: &[u8]) -> Result<(), Cause> {
        let writing = async {
            self.client.write_all(frame).await?;
            self.client.flush().await?;
            send_owed(&mut self.client, &mut self.machine).await
        };
        match timeout(self.write_timeout, writing).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Cause::ClientLost(words(&error))),
            Err(_) => Err(Cause::WriteTimeout(Direction::ToClient)),
        }
    }

    async fn close(&mut self, cause: &Cause) {
        if let Some((code, reason)) = cause.close() {
            self.machine.close(&CloseReason::new(code, &reason));
        }
        let _ = timeout(self.close_timeout, send_owed(&mut self.client, &mut self.machine)).await;
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// The frames for the client, read ahead from the file.
struct Frames {
    path: PathBuf,
    reader: Option<Reader<BufReader<File>>>,
    ahead: VecDeque<Frame>,
    end: Option<Result<(), ReadError>>,
}

impl Frames {
    const fn new(path: PathBuf) -> Self {
        Self { path, reader: None, ahead: VecDeque::new(), end: None }
    }

    async fn next(&mut self) -> Result<Option<Frame>, ReadError> {
        loop {
            if let Some(frame) = self.ahead.pop_front() {
                return Ok(Some(frame));
            }
            match self.end.take() {
                // What was recorded until it was cut is played.
                Some(Ok(()) | Err(ReadError::Cut { .. })) => return Ok(None),
                Some(Err(error)) => return Err(error),
                None => self.read_ahead().await?,
            }
        }
    }

    async fn read_ahead(&mut self) -> Result<(), ReadError> {
        let (reader, path) = (self.reader.take(), self.path.clone());
        let reading = spawn_blocking(move || {
            let mut reader = match reader {
                Some(reader) => reader,
                None => Reader::new(BufReader::new(File::open(&path)?)),
            };
            let (mut ahead, mut bytes) = (VecDeque::new(), 0);
            while bytes < AHEAD {
                match reader.next() {
                    Some(Ok(frame)) if frame.direction == Direction::ToTarget => {}
                    Some(Ok(frame)) => {
                        bytes += size_of::<Frame>() + frame.payload.len();
                        ahead.push_back(frame);
                    }
                    Some(Err(error)) => return Ok((reader, ahead, Some(Err(error)))),
                    None => return Ok((reader, ahead, Some(Ok(())))),
                }
            }
            Ok((reader, ahead, None))
        });
        let (reader, ahead, end) =
            reading.await.map_err(io::Error::other).and_then(|read: io::Result<_>| read)?;
        (self.reader, self.ahead, self.end) = (Some(reader), ahead, end);
        Ok(())
    }
}
