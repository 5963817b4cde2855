//! The thread that writes the recordings of a gateway. It ends when its recorder and all taps are
//! gone.

use std::collections::HashMap;
use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use super::file::{Names, RecordingFile};
use super::format::encode;
use super::queue::{Batch, Recording, Stage};
use crate::events::{Events, RecordingEvent, Shown};

/// About as much is written at once.
const ENOUGH: usize = 256 * 1024;

/// Writes what waits, recording by recording, in the order in which they ask for it.
pub(super) fn run(jobs: &Receiver<Arc<Recording>>, mut names: Names, events: &Events) {
    let mut files = HashMap::new();
    for recording in jobs {
        let (batch, stage) = recording.take();
        let mut file = match files.remove(&recording.id) {
            Some(file) => file,
            None if stage == Stage::Over => continue,
            None => match begin(&mut names, &recording, events) {
                Some(file) => file,
                None => continue,
            },
        };
        let written = write(&mut file, &batch, stage);
        let ended_early = |why: &dyn Display| {
            let (client, path) = (&*recording.client, &*file.path);
            events.tell(RecordingEvent::EndedEarly { client, path, why: Shown(why) });
        };
        match written {
            Ok(()) if stage == Stage::Open => {
                files.insert(recording.id, file);
            }
            Ok(()) => {
                recording.finish();
                if stage == Stage::Overflowed {
                    let why = "the disk is slower than the session";
                    ended_early(&why);
                }
            }
            Err(error) => {
                recording.finish();
                ended_early(&error);
            }
        }
    }
}

fn begin(names: &mut Names, recording: &Recording, events: &Events) -> Option<RecordingFile> {
    let begun = names.create().and_then(|mut file| file.begin().map(|()| file));
    match begun {
        Ok(file) => {
            events.tell(RecordingEvent::Began { client: &recording.client, path: &file.path });
            Some(file)
        }
        Err(error) => {
            recording.finish();
            let why = Shown(&error);
            events.tell(RecordingEvent::Failed { client: &recording.client, why });
            None
        }
    }
}

fn write(file: &mut RecordingFile, batch: &Batch, stage: Stage) -> io::Result<()> {
    let mut lines = Vec::new();
    for (direction, millis, payload) in batch.frames() {
        encode(direction, millis, payload, &mut lines);
        if lines.len() >= ENOUGH {
            file.append(&lines)?;
            lines.clear();
        }
    }
    file.append(&lines)?;
    match stage {
        Stage::Open => Ok(()),
        Stage::Ended | Stage::Overflowed | Stage::Over => file.end(),
    }
}
