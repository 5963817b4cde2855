//! Frames of a client (RFC 6455 §5.2), made before the clock runs, and those of a server, of which only
//! the headers are looked at: a client that looked at more would be what is measured.

use anyhow::{Result, bail};
use wsferry_frames::{CLOSE, PING, Parsed, close_payload, parse_start};
use wsferry_proto::{Header, MAX_HEADER, Mask, Opcode};

const KEY: [u8; 4] = [0x5a, 0xc3, 0x17, 0x9e];

/// Appends a masked frame.
fn append(opcode: Opcode, payload: &[u8], to: &mut Vec<u8>) {
    let length = payload.len() as u64;
    let header = Header { fin: true, opcode, length, masking_key: Some(KEY) };
    let mut room = [0; MAX_HEADER];
    let size = header.write_to(&mut room);
    to.extend(&room[..size]);
    let start = to.len();
    to.extend(payload);
    Mask::new(KEY).apply(&mut to[start..]);
}

/// A whole binary message.
pub(crate) fn append_message(payload: &[u8], to: &mut Vec<u8>) {
    append(Opcode::Binary, payload, to);
}

/// The Close of a client that goes its way (1000).
pub(crate) fn close() -> Vec<u8> {
    let mut frame = Vec::new();
    append(Opcode::Close, &close_payload(1000, b""), &mut frame);
    frame
}

/// The answer to an empty Ping.
pub(crate) fn pong() -> Vec<u8> {
    let mut frame = Vec::new();
    append(Opcode::Pong, &[], &mut frame);
    frame
}

/// Reads the frames of a server: what is payload, and whether a Ping or the Close came.
#[derive(Default)]
pub(crate) struct Frames {
    /// What has arrived of a header that is not whole.
    header: [u8; MAX_HEADER],
    arrived: usize,
    is_control: bool,
    /// Payload bytes of the frame that have not arrived.
    left: u64,
    pub(crate) pings: u64,
    pub(crate) closed: bool,
}

impl Frames {
    /// Gives the payload of data frames among `bytes` to `each`.
    pub(crate) fn read(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8])) -> Result<()> {
        while !bytes.is_empty() {
            if self.left > 0 {
                let (now, later) = bytes.split_at(bytes.len().min(clamp(self.left)));
                self.left -= now.len() as u64;
                if !self.is_control {
                    each(now);
                }
                bytes = later;
                continue;
            }
            let before = self.arrived;
            let more = bytes.len().min(MAX_HEADER - before);
            self.header[before..before + more].copy_from_slice(&bytes[..more]);
            self.arrived += more;
            // Room that is full holds a whole header: else all bytes were taken.
            let Some(header) = parse_start(&self.header[..self.arrived]) else { break };
            self.arrived = 0;
            bytes = &bytes[header.size() - before..];
            self.begin(&header)?;
        }
        Ok(())
    }

    fn begin(&mut self, header: &Parsed) -> Result<()> {
        if header.key.is_some() || header.first & 0x70 != 0 {
            bail!("a server's frame begins with {:02x?}", &self.header[..2]);
        }
        self.left = header.length;
        self.is_control = header.first & 0x8 != 0;
        match header.first & 0xf {
            CLOSE => self.closed = true,
            PING => self.pings += 1,
            _ => {}
        }
        Ok(())
    }
}

fn clamp(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_is_counted_at_any_split() {
        let mut wire = vec![0x82, 3, 1, 2, 3, 0x89, 0, 0x82, 0, 0x82, 126, 1, 0];
        wire.extend([7; 256]);
        wire.extend([0x88, 2, 3, 0xe8]);
        for size in 1..wire.len() {
            let mut frames = Frames::default();
            let mut payload = Vec::new();
            for part in wire.chunks(size) {
                frames.read(part, |bytes| payload.extend_from_slice(bytes)).unwrap();
            }
            assert_eq!((payload.len(), &payload[..3]), (259, &[1, 2, 3][..]));
            assert_eq!((frames.pings, frames.closed, frames.left), (1, true, 0));
        }
    }
}
