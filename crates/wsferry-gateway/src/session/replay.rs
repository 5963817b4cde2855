//! The built-in target that plays a recording back: what the recorded target sent goes to the client
//! again, frame by frame and at its time. What the client sends is read and thrown away: it may do
//! its own handshake, which is not compared with the recorded one.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Sleep, sleep};
use wsferry_proto::Kind;

use crate::address::{Recording, Speed};
use crate::outcome::{Cause, Direction};
use crate::record::{Frame, ReadError, Reader};
use crate::relay::{self, Part, Piece, Read, TargetEnd, TargetSide};

/// About as many bytes are read ahead.
const AHEAD: usize = 256 * 1024;

/// A recording that is being played.
#[derive(Debug)]
pub(super) struct Replay {
    frames: Frames,
    kind: Kind,
    max_message: usize,
    speed: Speed,
    started: Instant,
    /// What is sent, or is to be.
    next: Option<Next>,
    alarm: Pin<Box<Sleep>>,
    /// The client has ended.
    is_finished: bool,
}

/// A frame that is sent as a message, as several where it is too large for one.
#[derive(Debug)]
struct Next {
    payload: Vec<u8>,
    /// What of it is left of the message that is being sent.
    message: Range<usize>,
    /// When it is to be sent.
    due: Instant,
}

impl Replay {
    /// Plays a recording from its start.
    pub(super) fn new(recording: &Recording, settings: &relay::Settings) -> Self {
        Self {
            frames: Frames::new(recording.path.clone()),
            kind: settings.send,
            max_message: settings.longest_message(),
            speed: recording.speed,
            started: Instant::now(),
            next: None,
            alarm: Box::pin(sleep(Duration::ZERO)),
            is_finished: false,
        }
    }

    /// Ready when the next frame is there and its time has come.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Next, TargetEnd>> {
        let next = match self.next.take() {
            Some(next) => next,
            None => match ready!(self.frames.poll_next(cx)) {
                Ok(Some(frame)) => self.schedule(frame)?,
                Ok(None) => return Poll::Ready(Err(TargetEnd::Closed)),
                Err(error) => {
                    let cause = Cause::TargetFailed(error.to_string());
                    return Poll::Ready(Err(TargetEnd::Failed(cause)));
                }
            },
        };
        // A timer takes a moment even where its time has come.
        if next.due > Instant::now() {
            self.alarm.as_mut().reset(next.due.into());
            if self.alarm.as_mut().poll(cx).is_pending() {
                self.next = Some(next);
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(next))
    }

    fn schedule(&self, frame: Frame) -> Result<Next, TargetEnd> {
        let Frame { at, payload, .. } = frame;
        if self.kind == Kind::Text && std::str::from_utf8(&payload).is_err() {
            return Err(TargetEnd::NotText);
        }
        let due = self.started.checked_add(self.speed.due(at)).unwrap_or(self.started);
        let message = 0..self.message_end(&payload, 0);
        Ok(Next { payload, message, due })
    }

    /// Where the message that begins at `start` ends.
    fn message_end(&self, payload: &[u8], start: usize) -> usize {
        let mut end = start.saturating_add(self.max_message);
        let is_inside = |end| payload.get(end).is_some_and(|byte| byte & 0xc0 == 0x80);
        while self.kind == Kind::Text && is_inside(end) {
            end -= 1; // not in the middle of a character
        }
        end.min(payload.len())
    }
}

impl TargetSide for Replay {
    const KEEPS_MESSAGES: bool = false;

    fn poll_write(&mut self, _: &mut Context<'_>, piece: Piece<'_>) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(piece.bytes.len()))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_finished = true;
        Poll::Ready(Ok(()))
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<Result<Read, TargetEnd>> {
        let mut next = loop {
            if self.is_finished {
                return Poll::Ready(Err(TargetEnd::Closed));
            }
            let next = ready!(self.poll_next(cx))?;
            if !next.payload.is_empty() {
                break next;
            }
        };
        let length = next.message.len().min(room.len());
        let end = next.message.start + length;
        room[..length].copy_from_slice(&next.payload[next.message.start..end]);
        next.message.start = end;
        let ends = next.message.is_empty();
        if ends {
            next.message.end = self.message_end(&next.payload, end);
        }
        if end < next.payload.len() {
            self.next = Some(next);
        }
        Poll::Ready(Ok(Read { length, part: Part::Message { kind: self.kind, ends } }))
    }
}

/// The frames for the client, read ahead from the file.
#[derive(Debug)]
struct Frames {
    path: PathBuf,
    reader: Option<Reader<BufReader<File>>>,
    ahead: VecDeque<Frame>,
    /// How the file ended behind those.
    end: Option<Result<(), ReadError>>,
    reading: Option<JoinHandle<io::Result<Ahead>>>,
}

/// What was read ahead: the reader, the frames, and how the file ended behind them.
type Ahead = (Reader<BufReader<File>>, VecDeque<Frame>, Option<Result<(), ReadError>>);

impl Frames {
    const fn new(path: PathBuf) -> Self {
        Self { path, reader: None, ahead: VecDeque::new(), end: None, reading: None }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, ReadError>> {
        loop {
            if let Some(frame) = self.ahead.pop_front() {
                return Poll::Ready(Ok(Some(frame)));
            }
            match self.end.take() {
                Some(Ok(())) => return Poll::Ready(Ok(None)),
                // What was recorded until it was cut is played.
                Some(Err(error)) if error.is_cut() => return Poll::Ready(Ok(None)),
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => {}
            }
            let (reader, path) = (&mut self.reader, &self.path);
            let reading = self.reading.get_or_insert_with(|| {
                let (reader, path) = (reader.take(), path.clone());
                spawn_blocking(move || read_ahead(reader, &path))
            });
            let read = ready!(Pin::new(reading).poll(cx)).map_err(io::Error::other);
            self.reading = None;
            let (reader, ahead, end) = read.and_then(|read| read)?;
            (self.reader, self.ahead, self.end) = (Some(reader), ahead, end);
        }
    }
}

fn read_ahead(reader: Option<Reader<BufReader<File>>>, path: &Path) -> io::Result<Ahead> {
    let mut reader = match reader {
        Some(reader) => reader,
        None => Reader::new(BufReader::new(File::open(path)?)),
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
}
