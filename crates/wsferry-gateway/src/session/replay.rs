//! The built-in target that plays a recording back: what the recorded target sent goes to the client
//! again, frame by frame and at its time. What the client sends is read and thrown away: it may do
//! its own handshake, which is not compared with the recorded one.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::PathBuf;
use std::time::Instant;

use bytes::Bytes;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use wsferry_proto::Kind;

use super::talk::{Said, Talk};
use crate::address::{Recording, Speed};
use crate::net::Stream;
use crate::outcome::{Cause, Direction};
use crate::record::{Frame, ReadError, Reader};
use crate::relay::{self, Ended};
use crate::tap::Tap;

/// About as many bytes are read ahead.
const AHEAD: usize = 256 * 1024;

/// A session with a recording.
struct Replay {
    talk: Talk,
    kind: Kind,
    max_message: usize,
    speed: Speed,
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
        talk: Talk::new(client, &early, settings),
        kind: settings.send,
        max_message: settings.longest_message(),
        speed: recording.speed,
        tap,
        received: 0,
        sent: 0,
    };
    drop(early);
    let frames = Frames::new(recording.path.clone());
    let cause = match replay.play(frames, drain).await {
        Ok(()) => Cause::TargetClosed,
        Err(cause) => cause,
    };
    replay.talk.end(cause, (replay.received, replay.sent)).await
}

impl Replay {
    /// Plays the recording to its end: why the session ends before it, if it does.
    async fn play(&mut self, mut frames: Frames, drain: &CancellationToken) -> Result<(), Cause> {
        self.hear()?;
        let started = Instant::now();
        loop {
            let next = frames.next().await;
            let Some(frame) = next.map_err(|error| Cause::TargetFailed(error.to_string()))? else {
                return Ok(());
            };
            let due = started.checked_add(self.speed.due(frame.at));
            self.listen_until(due, drain).await?;
            self.send(&frame.payload, drain).await?;
        }
    }

    /// Hears what the client says until a frame is due, and once at least. A client that never
    /// pauses does not hold the recording up.
    async fn listen_until(
        &mut self,
        due: Option<Instant>,
        drain: &CancellationToken,
    ) -> Result<(), Cause> {
        loop {
            self.talk.next(true, due, drain).await?;
            self.hear()?;
            if due.is_some_and(|due| due <= Instant::now()) {
                return Ok(());
            }
        }
    }

    /// Takes what the client sent: why the session ends, if it does.
    fn hear(&mut self) -> Result<(), Cause> {
        while let Some(said) = self.talk.said() {
            match said {
                Said::Payload { range, .. } => {
                    self.received += range.len() as u64;
                    if let Some(tap) = &mut self.tap {
                        tap.payload(Direction::ToTarget, self.talk.slice(&range));
                    }
                }
                Said::Close => return Err(Cause::ClientClosed),
                Said::Failed(violation) => return Err(Cause::ProtocolError(violation)),
                Said::Other => {}
            }
        }
        Ok(())
    }

    /// Sends what was recorded as one message, as several where it is too large for one; an empty one
    /// is none.
    async fn send(&mut self, payload: &[u8], drain: &CancellationToken) -> Result<(), Cause> {
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
            self.send_message(&payload[at..end], drain).await?;
            at = end;
        }
        Ok(())
    }

    async fn send_message(
        &mut self,
        payload: &[u8],
        drain: &CancellationToken,
    ) -> Result<(), Cause> {
        if let Some(tap) = &mut self.tap {
            tap.payload(Direction::ToClient, payload);
        }
        self.talk.say(self.kind, true, true, payload);
        while !self.talk.is_idle() {
            self.talk.next(true, None, drain).await?;
            self.hear()?;
        }
        self.sent += payload.len() as u64;
        Ok(())
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
